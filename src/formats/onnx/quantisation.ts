// Names the ways of quantising that are not read here, before anything else of such a graph is complained about: one of its
// odd tensors would tell nobody which file to take instead.

import { UserError } from "../../common/errors.ts";
import type { OnnxGraph } from "./graph.ts";
import type { OnnxNode } from "./messages.ts";
import { numberAttribute } from "./messages.ts";

const INT8 = "to 8-bit integers (files called int8, uint8 or quantized)";

/** What a file is quantised to whose weights such an operator takes. */
const OPERATORS: Readonly<Record<string, string>> = {
  MatMulInteger: INT8,
  DynamicQuantizeMatMul: INT8,
  MatMulIntegerToFloat: INT8,
  QLinearMatMul: INT8,
  MatMulBnb4: "by bitsandbytes to 4 bits (files called bnb4)",
  MatMulFpQ4: "to 4-bit floats",
  DequantizeLinear: "with QuantizeLinear and DequantizeLinear (QDQ)",
};
const BLOCKS: ReadonlySet<string> = new Set(["MatMulNBits", "GatherBlockQuantized"]);

/** Throws UserError naming how `graph` is quantised, when it is in a way that is not read. */
export function refuseQuantisation({ source, nodes }: OnnxGraph): void {
  const ways = nodes.map((node) => [node, wayOf(node)] as const).filter(([, way]) => way !== undefined);
  // Integers say more than the operators around them.
  const [node, way] = ways.find(([{ op }]) => op !== "DequantizeLinear") ?? ways[0] ?? [];
  if (!node || !way) return;
  throw new UserError(
    `${source.name} is quantised ${way}: node "${node.name}" is a ${node.op}. Weights of 32 or 16 bits, or of 4 bits in MatMulNBits, are read here. Use model.onnx, model_fp16.onnx, model_q4.onnx or model_q4f16.onnx of the same model.`,
  );
}

function wayOf(node: OnnxNode): string | undefined {
  if (!BLOCKS.has(node.op)) return OPERATORS[node.op];
  const bits = numberAttribute(node, "bits", 4);
  return bits === 4 ? undefined : `to blocks of ${bits} bits`;
}
