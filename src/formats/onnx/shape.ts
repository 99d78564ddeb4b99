// What the ONNX reader and writer need to know of a decoder: the fields of config.json that a graph does not hold, or that
// it is held against. Structurally a part of the model's own configuration, which formats may not import.

export interface DecoderShape {
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
  readonly intermediate: number;
  readonly vocab: number;
  readonly maxPositions: number;
  readonly ropeTheta: number;
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

/** Angle of position 1 for each pair of a head, radians [headSize/2]; position p turns p times as far. */
export const rotaryFrequencies = ({ headSize, ropeTheta }: DecoderShape): Float64Array =>
  Float64Array.from({ length: headSize / 2 }, (_, i) => ropeTheta ** ((-2 * i) / headSize));
