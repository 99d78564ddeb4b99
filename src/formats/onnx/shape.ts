// What the ONNX reader and writer need to know of a decoder: the fields of config.json that a graph does not hold, or that
// it is held against. The model's own configuration extends it.

import type { Rotary } from "../../common/rotary.ts";

export interface DecoderShape extends Rotary {
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly intermediate: number;
  readonly vocab: number;
  readonly maxPositions: number;
  readonly rmsEps: number;
  /** The output head is the embedding matrix. */
  readonly tied: boolean;
}

/** Rows of q, of k and of v. */
export const attentionRows = ({
  heads,
  kvHeads,
  headSize,
}: DecoderShape): readonly [number, number, number] => [
  heads * headSize,
  kvHeads * headSize,
  kvHeads * headSize,
];
