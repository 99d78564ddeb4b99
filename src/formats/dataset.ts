// Problems out of whatever file people keep them in: JSON, JSON Lines, parquet, or rows of the Hugging Face datasets
// server. What cannot be used is listed with its place and the reason; a file is refused only when nothing in it can be.
// What a row means is problem.ts's matter; which problems are held out is split.ts's.

import { UserError } from "../common/errors.ts";
import { decodeText, isObject, nameOf, outlineOf, tryJson, whyNotJson } from "./json.ts";
import { parquetRows } from "./parquet.ts";
import { kindOf, problemOf, ROW_FIELDS } from "./problem.ts";
import type { DataKind, Problem } from "./problem.ts";
import type { ByteSource } from "./safetensors.ts";

export type DatasetFormat = "JSON" | "JSON Lines" | "Parquet" | "Hugging Face rows";

export interface RefusedRow {
  /** "line 3" of JSON Lines, else "row 3"; both count from 1. */
  readonly where: string;
  /** Half a sentence whose "it" is the row. */
  readonly why: string;
}

export interface Dataset {
  /** Name of the file. */
  readonly name: string;
  readonly format: DatasetFormat;
  /** In the order of the file; at least one, and all of one kind. */
  readonly problems: readonly Problem[];
  readonly refused: readonly RefusedRow[];
}

/** A row before anybody has looked inside. */
interface RawRow {
  readonly where: string;
  readonly index: number;
  /** Throws UserError whose message is why the row cannot be used. */
  readonly read: () => unknown;
}
interface RawRows {
  readonly format: DatasetFormat;
  readonly rows: readonly RawRow[];
  /** Bytes of the file were not text and stand as U+FFFD. */
  readonly isDamaged?: boolean;
}

const MAX_BYTES = 256 * 2 ** 20;

/** "test.jsonl", "gsm8k-validation.json", but not "latest.json". */
const HELD_OUT_NAME = /(?<![a-z])(test|valid|validation|dev|eval)(?![a-z])/i;

const EXPECTED =
  "Problems come as JSON, JSON Lines or parquet with question and answer (GSM8K), prompt and ground_truth (verl), or prompt, chosen and rejected (TRL)";

/** Reads the problems of a file. Throws UserError when it holds none that can be used. */
export async function readDataset(source: ByteSource): Promise<Dataset> {
  const { name, size } = source;
  if (size === 0) throw new UserError(`${name} is empty. ${EXPECTED}.`);
  if (size > MAX_BYTES)
    throw new UserError(
      `${name} has ${Math.ceil(size / 2 ** 20)} MiB; more than ${MAX_BYTES / 2 ** 20} MiB would fill the memory that training needs. Drop a part of it.`,
    );
  const { format, rows, isDamaged } = await rawRows(source);
  const split = HELD_OUT_NAME.test(name) ? "test" : "train";
  const problems: Problem[] = [];
  const refused: RefusedRow[] = [];
  for (const { where, index, read } of rows) {
    try {
      const problem = problemOf(read(), { split, index });
      if (isDamaged) checkText(problem);
      checkKind(problem, problems[0]);
      problems.push(problem);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      refused.push({ where, why: error.message });
    }
  }
  if (problems.length === 0) throw nothingUsable(name, refused);
  return { name, format, problems, refused };
}

const KIND_WORDS: Readonly<Record<DataKind, string>> = { problems: "a problem", pairs: "a preference pair" };

/** The first row that can be used decides what the file is for; a run learns from one kind. */
function checkKind(problem: Problem, first: Problem | undefined): void {
  if (!first || kindOf(problem) === kindOf(first)) return;
  throw new UserError(
    `it is ${KIND_WORDS[kindOf(problem)]}, and the file begins with ${KIND_WORDS[kindOf(first)]}; keep the two in files of their own`,
  );
}

function nothingUsable(name: string, [first, ...others]: readonly RefusedRow[]): UserError {
  if (!first) return new UserError(`${name} has no rows. ${EXPECTED}.`);
  return new UserError(
    `${name} has no problem that can be used: ${others.length + 1} refused, the first (${first.where}) because ${first.why}. ${EXPECTED}.`,
  );
}

async function rawRows(source: ByteSource): Promise<RawRows> {
  const { name, size } = source;
  const magic = new TextDecoder("latin1").decode(await source.read(0, Math.min(4, size)));
  if (magic === "PAR1")
    return { format: "Parquet", rows: (await parquetRows(source, ROW_FIELDS)).map(rowOf) };
  if (magic.startsWith("PK\x03\x04") || magic.startsWith("\x1f\x8b"))
    throw new UserError(`${name} is an archive. Unpack it and drop the file inside.`);
  const { text, isDamaged } = decodeText(await source.read(0, size));
  const first = /\S/.exec(text)?.[0];
  if (first === undefined) throw new UserError(`${name} holds only white space. ${EXPECTED}.`);
  if (first !== "{" && first !== "[") throw notRows(name, text, isDamaged);
  const found = textRows(name, text);
  if (!found) throw isDamaged ? notRows(name, text, isDamaged) : new UserError(whyNotJson(name, text));
  return { ...found, isDamaged };
}

function notRows(name: string, text: string, isDamaged: boolean): UserError {
  const start = isDamaged ? "its bytes are not text" : `it starts with ${JSON.stringify(text.slice(0, 24))}`;
  return new UserError(`${name} is neither JSON, JSON Lines nor parquet: ${start}. ${EXPECTED}.`);
}

/** In a damaged file, U+FFFD stands where something was lost. */
function checkText({ messages, groundTruth, answer = "", pair }: Problem): void {
  const texts = [groundTruth, answer, pair?.rejected ?? "", ...messages.map(({ content }) => content)];
  if (texts.some((text) => text.includes("\uFFFD")))
    throw new UserError("it has bytes that are not UTF-8 text; save the file as UTF-8");
}

const rowOf = (value: unknown, index: number): RawRow => ({
  where: `row ${index + 1}`,
  index,
  read: () => value,
});

/** The rows of a text; undefined when it is no JSON in either form. */
function textRows(name: string, text: string): RawRows | undefined {
  const document = tryJson(text);
  if (document) return documentRows(name, document.value);
  return isJsonLines(name, text) ? linesOf(text) : rowsOfBrokenList(text);
}

/** Whether text that is not one JSON document has one a line: by its name, or because one of the first two lines is whole. */
function isJsonLines(name: string, text: string): boolean {
  if (/\.(jsonl|ndjson)$/i.test(name)) return true;
  const start = text.trimStart();
  return start.startsWith("{") && start.split("\n", 2).some((line) => tryJson(line) !== undefined);
}

function linesOf(text: string): RawRows {
  const rows = text.split("\n").flatMap((line, at) => (line.trim() === "" ? [] : [{ line, number: at + 1 }]));
  return {
    format: "JSON Lines",
    rows: rows.map(({ line, number }, index) => ({
      where: `line ${number}`,
      index,
      read: () => parseRow(line),
    })),
  };
}

/** The rows of a JSON list with a fault: those that are whole by themselves are kept. Undefined when none is. */
function rowsOfBrokenList(text: string): RawRows | undefined {
  if (!text.trimStart().startsWith("[")) return undefined;
  const { commas, open } = outlineOf(text);
  const ends = [...commas, open ? text.length : text.lastIndexOf("]")];
  const pieces = ends.map((end, i) => text.slice((ends[i - 1] ?? text.indexOf("[")) + 1, end));
  if (!pieces.some((piece) => isObject(tryJson(piece)?.value))) return undefined;
  // Nothing after the last comma: one comma too many, or a file that was cut off just there.
  if (pieces.at(-1)!.trim() === "") pieces.pop();
  const rows = pieces.map((piece, index) => ({ ...rowOf(piece, index), read: () => parseRow(piece) }));
  return {
    format: "JSON",
    rows: open && tryJson(pieces.at(-1)!) ? [...rows, missingRow(rows.length)] : rows,
  };
}

/** Stands after the last row of a list that does not end, so that the cut is told even where no row was hit. */
const missingRow = (index: number): RawRow => ({
  ...rowOf(undefined, index),
  read: () => {
    throw new UserError("the file ends before it, as a download that was cut off does");
  },
});

function parseRow(text: string): unknown {
  const parsed = tryJson(text);
  if (parsed) return parsed.value;
  throw new UserError(`it is not whole JSON (it starts with ${JSON.stringify(text.trim().slice(0, 24))})`);
}

/** A list of rows, one row, or an answer of the datasets server: {rows: [{row_idx, row, truncated_cells}]}. */
function documentRows(name: string, document: unknown): RawRows {
  if (Array.isArray(document)) return { format: "JSON", rows: document.map(rowOf) };
  if (!isObject(document)) return { format: "JSON", rows: [] };
  const { rows, error } = document;
  if (Array.isArray(rows)) return { format: "Hugging Face rows", rows: rows.map(serverRow) };
  if (typeof error === "string")
    throw new UserError(
      `${name} is an error message, not data: "${error.slice(0, 200)}". Get the file again.`,
    );
  if (rows !== undefined)
    throw new UserError(`${name} has ${nameOf(rows)} under "rows" where a list is needed. ${EXPECTED}.`);
  return { format: "JSON", rows: [rowOf(document, 0)] };
}

function serverRow(entry: unknown, at: number): RawRow {
  if (!isObject(entry) || !isObject(entry["row"])) return rowOf(entry, at);
  const { row, row_idx: index, truncated_cells: truncated } = entry;
  const place = rowOf(row, typeof index === "number" ? index : at);
  if (!Array.isArray(truncated) || truncated.length === 0) return place;
  const read = (): never => {
    throw new UserError(
      `the datasets server cut its ${truncated.join(", ")} short; download the parquet file`,
    );
  };
  return { ...place, read };
}
