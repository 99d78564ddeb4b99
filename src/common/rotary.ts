// The angles of rotary position embedding, which the engine computes with and an ONNX file holds a table of.
// Source: Su et al. 2021, RoFormer, arXiv:2104.09864, section 3.2.2.

/** How a model turns slower than it was first trained to, for contexts longer than it then had; config.json's rope scaling. */
export type RotaryScaling =
  | { readonly type: "linear"; readonly factor: number }
  | {
      readonly type: "llama3";
      readonly factor: number;
      readonly lowFrequencyFactor: number;
      readonly highFrequencyFactor: number;
      /** Positions that the model had before, L. */
      readonly originalPositions: number;
    };

export interface Rotary {
  /** D, even. */
  readonly headSize: number;
  /** theta. */
  readonly ropeTheta: number;
  /** Absent: as theta says. */
  readonly ropeScaling?: RotaryScaling;
}

/** Radians per position of the pairs of a head, [D/2]: theta^(-2i/D), then scaled. */
export function rotaryFrequencies({ headSize, ropeTheta, ropeScaling }: Rotary): Float64Array {
  const plain = Float64Array.from({ length: headSize / 2 }, (_, i) => ropeTheta ** ((-2 * i) / headSize));
  return ropeScaling ? plain.map((frequency) => scaled(frequency, ropeScaling)) : plain;
}

/**
 * linear: f / factor. llama3: as it is where a turn takes at most L / highFrequencyFactor positions, f / factor where it
 * takes more than L / lowFrequencyFactor, between the two in proportion to turns per L.
 * Source: transformers, modeling_rope_utils.py (linear, llama3). Differs: float64.
 */
function scaled(frequency: number, scaling: RotaryScaling): number {
  const slow = frequency / scaling.factor;
  if (scaling.type === "linear") return slow;
  const { lowFrequencyFactor: low, highFrequencyFactor: high, originalPositions } = scaling;
  const turns = (originalPositions * frequency) / (2 * Math.PI);
  if (turns < low) return slow;
  if (turns > high) return frequency;
  const share = (turns - low) / (high - low);
  return (1 - share) * slow + share * frequency;
}
