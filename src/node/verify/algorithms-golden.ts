// The file format of golden numbers of algorithms: a JSON list of cases {name, kind, dtype, params, inputs, outputs}, as
// verl computed them. Reads and checks the text; what a kind means is in algorithms-cases.ts.

import { UserError } from "../../common/errors.ts";
import type { JsonObject } from "../../formats/json.ts";
import { isObject, tryJson, whyNotJson } from "../../formats/json.ts";

/** One case. Matrices are lists of rows. */
export interface GoldenCase {
  readonly name: string;
  readonly kind: string;
  readonly dtype: "float64" | "float32";
  readonly params: JsonObject;
  readonly inputs: JsonObject;
  readonly outputs: JsonObject;
}

const FORMAT =
  "a list of cases {name, kind, dtype, params, inputs, outputs} is needed, as test/fixtures/algorithms/golden.json is";

/** The cases of a golden file, without its description. Throws UserError when `text` is not in the format. */
export function parseCases(file: string, text: string): GoldenCase[] {
  const parsed = tryJson(text);
  if (!parsed) throw new UserError(whyNotJson(file, text));
  const list = parsed.value;
  if (!Array.isArray(list)) throw new UserError(`${file} holds no golden numbers of algorithms: ${FORMAT}.`);
  const cases = list.map((entry: unknown, index) => {
    if (isCase(entry)) return entry;
    throw new UserError(
      `Element ${index} of ${file} is no case: ${FORMAT}. Nothing of the file was compared.`,
    );
  });
  const real = cases.filter(({ kind }) => kind !== "meta");
  if (real.length === 0)
    throw new UserError(`${file} has no cases, so there is nothing to compare: ${FORMAT}.`);
  return real;
}

function isCase(entry: unknown): entry is GoldenCase {
  if (!isObject(entry)) return false;
  const { name, kind, dtype, params, inputs, outputs } = entry;
  return (
    typeof name === "string" &&
    typeof kind === "string" &&
    (dtype === "float64" || dtype === "float32") &&
    [params, inputs, outputs].every(isObject)
  );
}

/** A number of the file; NaN and infinities are written as text there. Anything else is NaN. */
export const numberOf = (value: unknown): number =>
  typeof value === "number" ? value : typeof value === "string" && value !== "" ? Number(value) : Number.NaN;

/** All numbers of a list or of lists in lists, in order. */
export const numbersOf = (value: unknown): number[] =>
  Array.isArray(value) ? value.flatMap(numbersOf) : [numberOf(value)];

/** A matrix of the inputs or outputs; empty when it is not there. */
export const matrixOf = (value: unknown): number[][] => (Array.isArray(value) ? value.map(numbersOf) : []);

/** Elements of a matrix [B,T] where the mask [B,T] is 1, row by row: the tokens as the engine packs them. */
export const packed = (matrix: readonly number[][], mask: readonly number[][]): number[] =>
  mask.flatMap((row, b) => row.flatMap((on, t) => (on === 1 ? [matrix[b]![t]!] : [])));

/** Rows of a matrix [B,T] where the mask [B,T] is 1: [B][length]. Empty rows stay. */
export const rowsOf = (matrix: unknown, mask: readonly number[][]): number[][] =>
  matrixOf(matrix).map((row, b) => row.filter((_, t) => mask[b]![t] === 1));

/** Numbers of tokens, as `packed` gives them, in their places of all rows [B,T], and 0 where the mask is 0; row by row. */
export function unpacked(values: readonly number[], mask: readonly number[][]): number[] {
  let next = 0;
  return mask.flat().map((on) => (on === 1 ? values[next++]! : 0));
}

/** Tokens of each row [B]. */
export const rowLengths = (mask: readonly number[][]): number[] =>
  mask.map((row) => row.filter((on) => on === 1).length);

/** The n-th of these, n being the length of each row, once per token. */
export const perToken = (values: readonly number[], lengths: readonly number[]): number[] =>
  values.flatMap((value, b) => Array.from({ length: lengths[b]! }, () => value));

/** Starts of the rows that have tokens, and the number of tokens at the end. */
export function startsOf(lengths: readonly number[]): number[] {
  const starts = [0];
  for (const length of lengths) if (length > 0) starts.push(starts.at(-1)! + length);
  return starts;
}
