// Numbers that stand in the graph and in config.json: heads, epsilon, rotary table. Where they differ, the two are of
// different models, and training would go on with wrong numbers without a sign. Graphs of plain operators hold heads and
// epsilon in no one place; there only the rotary angles are checked, where they are found.

import { rotaryFrequencies } from "../../common/rotary.ts";
import { UserError } from "../../common/errors.ts";
import type { WeightEdges } from "./edges.ts";
import { numberAttribute } from "./messages.ts";
import type { DecoderShape } from "./shape.ts";

/** Exporters write epsilon as a 32-bit float. */
const EPSILON_TOLERANCE = 1e-3;
/** Of a cosine or an angle below 1 in half precision, with room for another order of rounding. */
const ROTARY_TOLERANCE = 2e-3;

/** Throws UserError naming the first number of the graph that `shape` contradicts. */
export async function checkAgainstConfig(edges: WeightEdges, shape: DecoderShape): Promise<void> {
  const file = edges.graph.source.name;
  const differs = (what: string, found: number, wanted: number): UserError =>
    new UserError(
      `${file} was made with ${what} ${found}, and its configuration says ${wanted}: the two do not belong together. Choose the config.json that lies beside the ONNX file.`,
    );
  for (const node of edges.graph.nodes) {
    if (node.op === "GroupQueryAttention") {
      const found = [
        numberAttribute(node, "num_heads", 0),
        numberAttribute(node, "kv_num_heads", 0),
      ] as const;
      if (found[0] !== shape.heads) throw differs("num_attention_heads", found[0], shape.heads);
      if (found[1] !== shape.kvHeads) throw differs("num_key_value_heads", found[1], shape.kvHeads);
    } else if (/^(Skip)?SimplifiedLayerNormalization$/.test(node.op)) {
      const found = numberAttribute(node, "epsilon", shape.rmsEps);
      if (!(Math.abs(found - shape.rmsEps) <= EPSILON_TOLERANCE * shape.rmsEps))
        throw differs("rms_norm_eps", found, shape.rmsEps);
    }
  }
  await checkRotary(edges, shape);
}

/** Graphs that compute their angles hold radians per position; fused ones hold a table of cosines by position. */
async function checkRotary(edges: WeightEdges, shape: DecoderShape): Promise<void> {
  const pairs = shape.headSize / 2;
  const table = edges.tensor("cos_cache");
  const expand = edges.graph.nodes.find(({ name }) => name === "/model/rotary_emb/Expand");
  const angles = edges.tensor(expand?.inputs[0]);
  const wanted = rotaryFrequencies(shape);
  if (table && table.count >= 2 * pairs)
    compareAngles(edges, shape, await table.read(pairs, pairs), wanted.map(Math.cos));
  else if (angles?.count === pairs) compareAngles(edges, shape, await angles.read(), wanted);
}

/** Of position 1, in the file and as the configuration says, [pairs]. */
function compareAngles(
  edges: WeightEdges,
  { ropeTheta }: DecoderShape,
  found: Float32Array,
  wanted: Float64Array,
): void {
  const at = wanted.findIndex((value, i) => !(Math.abs(value - found[i]!) <= ROTARY_TOLERANCE));
  if (at < 0) return;
  throw new UserError(
    `The rotary embedding in ${edges.graph.source.name} does not turn as rope_theta ${ropeTheta} of its configuration says (pair ${at}: ${found[at]}, not ${wanted[at]}): the two do not belong together, or the model scales its positions, which is not computed here. Choose the config.json that lies beside the ONNX file.`,
  );
}
