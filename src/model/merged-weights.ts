// The weights of a trained model under Hugging Face's names: the base with its adapter added, W + (alpha/r) B A, or with all
// trained weights in place of its own. Each is made when it is read, so that only one matrix is in memory.

import { BugError } from "../common/errors.ts";
import { addLowRank } from "../common/low-rank.ts";
import { peftTensorName } from "../formats/peft.ts";
import type { DecoderConfig } from "./config.ts";
import type { LoraConfig } from "./lora.ts";
import { adapterShapes } from "./lora.ts";
import type { ParameterSource } from "./parameters.ts";
import { checkShapes, rowReader } from "./parameters.ts";
import { parameterShapes } from "./weights.ts";

export interface MergedWeights extends ParameterSource {
  /** A tied head is no weight of its own. */
  readonly names: readonly string[];
  /** Whether training could change it; the others are the base's to the bit. */
  isChanged(name: string): boolean;
  /** Rows `row` to `row + rows - 1` of a matrix, or so many elements of a vector. */
  readRows(name: string, row: number, rows: number): Promise<Float32Array>;
}

/** What was trained: an adapter beside the base, or all of its weights. */
export interface TrainedWeights {
  readonly source: ParameterSource;
  /** Absent: `source` has all weights under their own names. */
  readonly lora?: Omit<LoraConfig, "seed">;
}

/** `base` with what training made of it. Throws UserError when the two do not fit `config`. */
export function mergedWeights(
  config: DecoderConfig,
  base: ParameterSource,
  { source, lora }: TrainedWeights,
): MergedWeights {
  const shapes = parameterShapes(config);
  const trained = lora ? adapterShapes(config, { ...lora, seed: 0 }) : shapes;
  for (const [wanted, from] of [
    [shapes, base],
    [trained, source],
  ] as const)
    checkShapes(
      [...wanted].map(([name, shape]) => ({ name, shape })),
      from,
    );
  const isChanged = (name: string): boolean => !lora || trained.has(peftName(name, "A"));
  const readRows = async (name: string, row: number, rows: number): Promise<Float32Array> => {
    if (!shapes.has(name)) throw new BugError(`a model of this configuration has no "${name}"`);
    if (!lora) return rowReader(source, name)(row, rows);
    const values = await rowReader(base, name)(row, rows);
    if (!isChanged(name)) return values;
    const { rank, alpha } = lora;
    const [a, b] = [await source.read(peftName(name, "A")), await source.read(peftName(name, "B"))];
    addLowRank(values, { a, b: b.subarray(row * rank, (row + rows) * rank), rank, scale: alpha / rank });
    return values;
  };
  return {
    name: base.name,
    names: [...shapes.keys()],
    shape: (name) => shapes.get(name),
    isChanged,
    read: (name) => readRows(name, 0, shapes.get(name)?.[0] ?? 0),
    readRows,
  };
}

/** PEFT's name of one side of the adapter of matrix `name`. */
const peftName = (name: string, side: "A" | "B"): string =>
  peftTensorName(name.replace(/\.weight$/, ""), side);
