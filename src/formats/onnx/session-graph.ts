// A copy of a user's ONNX model for an ONNX Runtime session whose weights, or an adapter's, come as inputs, so that every
// step of training is in the next token. Products with 4-bit blocks keep their activations as floats: exporters ask for
// 8-bit ones (accuracy_level 4), which are 2 % off what is trained.

import type { AdapterSpec } from "./adapter-inputs.ts";
import { addAdapter } from "./adapter-inputs.ts";
import { addWeights } from "./full-inputs.ts";
import type { OnnxFiles } from "./model.ts";
import { openDecoderGraph } from "./model.ts";
import type { SessionFile } from "./session-file.ts";
import { writeSessionFile } from "./session-file.ts";
import { SessionInputs } from "./session-inputs.ts";
import type { WeightInput } from "./weight-input.ts";

/** What of a session's weights comes as inputs: nothing, an adapter's matrices, or all that full fine-tuning changes. */
export type SessionWeights =
  | { readonly kind: "frozen" }
  | ({ readonly kind: "adapter" } & AdapterSpec)
  | { readonly kind: "all" };

export interface SessionGraph extends SessionFile {
  /** Inputs that were added, in order. */
  readonly inputs: readonly WeightInput[];
}

/** Throws UserError when `files` are not a decoder of their configuration, or of a type that inputs cannot have. */
export async function sessionGraph(files: OnnxFiles, weights: SessionWeights): Promise<SessionGraph> {
  const { graph, found } = await openDecoderGraph(files);
  const session = new SessionInputs(graph);
  for (const node of graph.nodes)
    if (node.op === "MatMulNBits") session.edit.at(node).withoutAttributes.add("accuracy_level");
  if (weights.kind === "adapter") addAdapter(session, found, weights);
  else if (weights.kind === "all") addWeights(session, found);
  const file = await writeSessionFile(session.edit, files.external ?? (() => undefined));
  return { ...file, inputs: session.added };
}
