// The history of a run as tables that other tools read: JSON Lines and CSV. Every number reads back to the same double.

import { UserError } from "../common/errors.ts";
import { isObject, nameOf, tryJson } from "./json.ts";

/** What was measured in one step, by name. */
export type MetricsRow = Readonly<Record<string, number>>;

/** The first column, where a row has it. */
const FIRST = "step";

/** A JSON object a line. NaN and the infinities, which JSON does not have, are the texts "NaN", "Infinity", "-Infinity". */
export function toJsonLines(rows: readonly MetricsRow[]): string {
  return rows.map((row) => `${lineOf(row)}\n`).join("");
}

function lineOf(row: MetricsRow): string {
  const fields = columnsOf([row]).map((name) => {
    const value = row[name]!;
    const text = numberText(value);
    return `${JSON.stringify(name)}:${Number.isFinite(value) ? text : JSON.stringify(text)}`;
  });
  return `{${fields.join(",")}}`;
}

/**
 * The rows of `toJsonLines`. A last line that was cut off, as by a crash, is left out. Throws UserError naming the line
 * that is no row of numbers.
 */
export function fromJsonLines(text: string, file = "metrics.jsonl"): MetricsRow[] {
  const lines = text.split("\n").map((line, at) => ({ line, number: at + 1 }));
  const last = lines.at(-1)!;
  return lines.flatMap(({ line, number }) => {
    if (line.trim() === "") return [];
    const parsed = tryJson(line);
    if (!parsed && number === last.number) return [];
    return [rowOf(parsed?.value, `${file}, line ${number}`)];
  });
}

function rowOf(value: unknown, place: string): MetricsRow {
  if (!isObject(value))
    throw new UserError(
      `${place} is not a row of metrics: a JSON object of numbers is needed. Take the line out, or export the history again.`,
    );
  const fields = Object.entries(value).map(([name, field]) => {
    if (typeof field === "number") return [name, field] as const;
    if (field === "NaN" || field === "Infinity" || field === "-Infinity")
      return [name, Number(field)] as const;
    throw new UserError(`${place}: "${name}" is ${nameOf(field)}; a number is needed.`);
  });
  return Object.fromEntries(fields);
}

/** RFC 4180, with a header: a column for every name of any row, `step` first, then as they first appear; empty where absent. */
export function toCsv(rows: readonly MetricsRow[]): string {
  const columns = columnsOf(rows);
  if (columns.length === 0) return "";
  const cellsOf = (row: MetricsRow): string[] =>
    columns.map((name) => (Object.hasOwn(row, name) ? numberText(row[name]!) : ""));
  const lines = [columns.map(quoted), ...rows.map(cellsOf)];
  return lines.map((cells) => `${cells.join(",")}\r\n`).join("");
}

function columnsOf(rows: readonly MetricsRow[]): string[] {
  const names = new Set(rows.flatMap((row) => Object.keys(row)));
  return names.delete(FIRST) ? [FIRST, ...names] : [...names];
}

const quoted = (name: string): string => (/[",\r\n]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name);

/** The shortest text that reads back to `value`. */
const numberText = (value: number): string => (Object.is(value, -0) ? "-0" : String(value));
