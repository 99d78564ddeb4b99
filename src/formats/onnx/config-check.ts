// Numbers that stand in the graph and in config.json: heads, epsilon, rotary table. Where they differ, the two are of
// different models, and training would go on with wrong numbers without a sign. Graphs of plain operators hold heads and
// epsilon in no one place; there only the rotary angles are checked, where they are found.

import { rotaryFrequencies } from "../../common/rotary.ts";
import { UserError } from "../../common/errors.ts";
import type { WeightEdges } from "./edges.ts";
import type { OnnxNode } from "./messages.ts";
import { numberAttribute } from "./messages.ts";
import { isFusedNorm } from "./norms.ts";
import { positionRadians, rotaryTables } from "./rotary-speeds.ts";
import type { DecoderShape } from "./shape.ts";

/** Exporters write epsilon and the scale of scores as 32-bit floats. */
const FLOAT_TOLERANCE = 1e-3;
/** Of a cosine in half precision, with room for another order of rounding. */
const COSINE_TOLERANCE = 2e-3;
/** Of an angle in half precision, relative, and what is left of one that is too small for it. */
const ANGLE_TOLERANCE = { relative: 2e-3, absolute: 1e-7 };
/** A position at which slow pairs have turned, and float32 still knows how far. */
const FAR_POSITION = 1024;

/** Throws UserError naming the first number of the graph that `shape` contradicts. */
export async function checkAgainstConfig(edges: WeightEdges, shape: DecoderShape): Promise<void> {
  const file = edges.graph.source.name;
  const differs = (what: string, found: number, wanted: number): UserError =>
    new UserError(
      `${file} was made with ${what} ${found}, and its configuration says ${wanted}: the two do not belong together. Choose the config.json that lies beside the ONNX file.`,
    );
  for (const node of edges.graph.nodes) {
    for (const [what, found, wanted, tolerance] of numbersOf(node, shape))
      if (!(Math.abs(found - wanted) <= tolerance * wanted)) throw differs(what, found, wanted);
    refuseVariants(node, file);
  }
  await checkRotary(edges, shape);
}

type Numbers = readonly (readonly [what: string, found: number, wanted: number, tolerance: number])[];

/** Numbers of a node that config.json has, too. */
function numbersOf(node: OnnxNode, { heads, kvHeads, headSize, rmsEps }: DecoderShape): Numbers {
  if (isFusedNorm(node))
    return [["rms_norm_eps", numberAttribute(node, "epsilon", rmsEps), rmsEps, FLOAT_TOLERANCE]];
  if (node.op !== "GroupQueryAttention") return [];
  const scale = headSize ** -0.5;
  return [
    ["num_attention_heads", numberAttribute(node, "num_heads", 0), heads, 0],
    ["num_key_value_heads", numberAttribute(node, "kv_num_heads", 0), kvHeads, 0],
    ["rms_norm_eps", numberAttribute(node, "qk_norm_epsilon", rmsEps), rmsEps, FLOAT_TOLERANCE],
    // 0 stands for the usual one.
    ["attention scale", numberAttribute(node, "scale", 0) || scale, scale, FLOAT_TOLERANCE],
  ];
}

/** Attributes that change what attention computes, by operator; 0 is what is computed here. */
const VARIANTS: Readonly<Record<string, readonly string[]>> = {
  GroupQueryAttention: ["rotary_interleaved", "softcap", "smooth_softmax"],
  RotaryEmbedding: ["interleaved", "rotary_embedding_dim"],
};

function refuseVariants(node: OnnxNode, file: string): void {
  for (const attribute of VARIANTS[node.op] ?? []) {
    const value = numberAttribute(node, attribute, 0);
    // -1: not used.
    if (value === 0 || value === -1) continue;
    throw new UserError(
      `Node "${node.name}" in ${file} has ${attribute} ${value}, which is not computed here. Use a Qwen2, Qwen3 or Llama model.`,
    );
  }
}

/** Graphs that compute their angles hold radians per position; fused ones hold a table of cosines by position. */
async function checkRotary(edges: WeightEdges, shape: DecoderShape): Promise<void> {
  const pairs = shape.headSize / 2;
  const wanted = rotaryFrequencies(shape);
  const table = rotaryTables(edges)?.cosines;
  for (const position of table ? [1, Math.min(FAR_POSITION, table.count / pairs - 1)] : []) {
    if (!Number.isInteger(position) || position < 1) continue;
    const found = await table!.read(position * pairs, pairs);
    compareAngles(
      edges,
      shape,
      found,
      wanted.map((angle) => Math.cos(position * angle)),
      () => COSINE_TOLERANCE,
    );
  }
  if (table) return;
  const angles = (await positionRadians(edges))?.values;
  const { relative, absolute } = ANGLE_TOLERANCE;
  if (angles?.length === pairs)
    compareAngles(edges, shape, angles, wanted, (angle) => relative * angle + absolute);
}

/** What the file holds and what the configuration says, [pairs]. */
function compareAngles(
  edges: WeightEdges,
  { ropeTheta, ropeScaling }: DecoderShape,
  found: Float32Array,
  wanted: Float64Array,
  tolerance: (wanted: number) => number,
): void {
  const at = wanted.findIndex((value, i) => !(Math.abs(value - found[i]!) <= tolerance(value)));
  if (at < 0) return;
  const scaling = ropeScaling ? ` and rope scaling "${ropeScaling.type}"` : "";
  throw new UserError(
    `The rotary embedding in ${edges.graph.source.name} does not turn as rope_theta ${ropeTheta}${scaling} of its configuration says (pair ${at}: ${found[at]}, not ${wanted[at]}): the two do not belong together. Choose the config.json that lies beside the ONNX file.`,
  );
}
