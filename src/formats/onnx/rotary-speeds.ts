// How fast an ONNX decoder turns each pair of a head: from the table of cosines and sines that fused operators take, or from
// the radians per position of a graph that computes its angles.

import type { WeightEdges } from "./edges.ts";
import type { PairSpeed } from "./rotary-fit.ts";
import type { OnnxTensor } from "./tensor.ts";

/** Of a number of this type, with room for exporters that compute angles in it: relative, and the smallest step. */
const ERRORS: Readonly<Record<string, { relative: number; absolute: number }>> = {
  F32: { relative: 1e-6, absolute: 1e-7 },
  F16: { relative: 2e-3, absolute: 1e-7 },
  BF16: { relative: 1.6e-2, absolute: 1e-7 },
};
/** More than any head has; a file that claims more is not read on for it. */
const MAX_PAIRS = 1024;
/** An angle of about this is known best: far from zero, and not yet around. */
const GOOD_ANGLE = 1;

/** Where operators that rotate have their tables. */
const TABLES: Readonly<Record<string, number>> = { GroupQueryAttention: 7, RotaryEmbedding: 2 };

export interface RotaryTables {
  /** [positions, headSize/2] */
  readonly cosines: OnnxTensor;
  readonly sines: OnnxTensor;
}

/** The tables that attention, or the rotation before it, takes; undefined when there are none of two dimensions. */
export function rotaryTables(edges: WeightEdges): RotaryTables | undefined {
  for (const { op, inputs } of edges.graph.nodes) {
    const at = TABLES[op];
    if (at === undefined || !inputs[at]) continue;
    const [cosines, sines] = [edges.tensor(inputs[at]), edges.tensor(inputs[at + 1])];
    if (cosines?.dims.length === 2 && sines && String(sines.dims) === String(cosines.dims))
      return { cosines, sines };
  }
  return undefined;
}

/** Radians per position [headSize/2] of a graph that computes its angles; undefined when it has none of floats. */
export async function positionRadians(
  edges: WeightEdges,
): Promise<{ type: string; values: Float32Array } | undefined> {
  const expand = edges.graph.nodes.find(({ name }) => name === "/model/rotary_emb/Expand");
  const [name = ""] = expand?.inputs ?? [];
  const tensor = edges.tensor(name);
  if (tensor) {
    const { type, count } = tensor;
    return ERRORS[type] && count <= MAX_PAIRS ? { type, values: await tensor.read() } : undefined;
  }
  const values = edges.graph.producers.get(name)?.attributes.get("value");
  return typeof values === "object" ? { type: "F32", values: Float32Array.from(values) } : undefined;
}

/** Speeds of the pairs; undefined when the graph does not tell them. */
export async function pairSpeeds(edges: WeightEdges): Promise<PairSpeed[] | undefined> {
  const tables = rotaryTables(edges);
  if (tables) return tableSpeeds(tables);
  const radians = await positionRadians(edges);
  if (!radians) return undefined;
  const { relative, absolute } = ERRORS[radians.type]!;
  return Array.from(radians.values, (value) => ({ value, error: relative * value + absolute }));
}

async function tableSpeeds({ cosines, sines }: RotaryTables): Promise<PairSpeed[] | undefined> {
  const [positions = 0, pairs = 0] = cosines.dims;
  const errors = ERRORS[cosines.type];
  if (!errors || positions < 2 || pairs < 1 || pairs > MAX_PAIRS) return undefined;
  const angle = async (position: number, pair: number): Promise<number> => {
    const at = position * pairs + pair;
    const [cosine, sine] = await Promise.all([cosines.read(at, 1), sines.read(at, 1)]);
    return Math.atan2(sine[0]!, cosine[0]!);
  };
  return Promise.all(
    Array.from({ length: pairs }, async (_, pair) => {
      const rough = await angle(1, pair);
      // A slow pair has hardly turned at position 1; later its angle is known better.
      const far = Math.min(positions - 1, Math.floor(GOOD_ANGLE / Math.max(rough, 1e-9)));
      const position = rough > 0 && far > 1 ? far : 1;
      const value = (await angle(position, pair)) / position;
      return { value, error: errors.relative * value + errors.absolute / position };
    }),
  );
}
