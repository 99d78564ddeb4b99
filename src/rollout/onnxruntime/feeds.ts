// What a decoder's graph takes for whole sequences from their beginning: tokens, mask, positions where it asks for them, and
// caches that are empty. Both layouts; names and types are read off the session.

import { BugError } from "../../common/errors.ts";
import type { DecoderShape } from "../../formats/onnx/shape.ts";
import type { WeightInput } from "../../formats/onnx/weight-input.ts";
import { inputValues } from "../../formats/onnx/weight-input.ts";
import type { ParameterSource } from "../../model/parameters.ts";
import type { OrtFeeds, OrtSession } from "./runtime.ts";

/** An empty key-value cache for `rows` sequences. The head size is often left open in the graph; the configuration has it. */
export function emptyCaches(
  session: OrtSession,
  { kvHeads, headSize }: Pick<DecoderShape, "kvHeads" | "headSize">,
  rows: number,
): OrtFeeds {
  const dims = [rows, kvHeads, 0, headSize];
  const caches = session.inputs.filter(({ name }) => name.startsWith("past_key_values."));
  return Object.fromEntries(
    caches.map(({ name, type }) => [
      name,
      session.numbers(type === "float16" ? new Uint16Array(0) : new Float32Array(0), dims),
    ]),
  );
}

/** Feeds for `sequences`, all of one length. */
export function decoderFeeds(
  session: OrtSession,
  shape: Pick<DecoderShape, "kvHeads" | "headSize">,
  sequences: readonly (readonly number[])[],
): OrtFeeds {
  const rows = sequences.length;
  const length = sequences[0]?.length ?? 0;
  if (sequences.some((sequence) => sequence.length !== length))
    throw new BugError("sequences of several lengths need padding, which is not added here");
  const whole = (value: (row: number, t: number) => number) =>
    session.int64(
      Array.from({ length: rows * length }, (_, i) => value(Math.floor(i / length), i % length)),
      [rows, length],
    );
  return {
    input_ids: whole((row, t) => sequences[row]![t]!),
    attention_mask: whole(() => 1),
    ...(session.session.inputNames.includes("position_ids") && { position_ids: whole((_, t) => t) }),
    ...emptyCaches(session, shape, rows),
  };
}

/** What inputs that stand in for weights take, from weights by name. */
export async function weightFeeds(
  session: OrtSession,
  inputs: readonly WeightInput[],
  source: Pick<ParameterSource, "read">,
): Promise<OrtFeeds> {
  const feeds: Record<string, OrtFeeds[string]> = {};
  for (const input of inputs) {
    const values = await inputValues(input, (name) => source.read(name));
    feeds[input.name] = session.numbers(values, input.dims);
  }
  return feeds;
}
