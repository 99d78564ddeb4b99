// The graphs of onnxruntime-genai's model builder, v0.6 to v0.15: fused operators, named and transposed weights, q, k, v
// in one matrix or three, one matrix or two for embedding and head. Read off files that it made.
// Source: https://github.com/microsoft/onnxruntime-genai (src/python/py/models/builder.py).

import type { Layout } from "./layout.ts";

export const MODEL_BUILDER: Layout = {
  name: "model builder",
  attention: "attn",
  vectorName(tensor, layers) {
    if (tensor === `model.layers.${layers}.final_norm_layernorm.weight`) return "model.norm.weight";
    if (/^model\.layers\.\d+\.(input|post_attention)_layernorm\.weight$/.test(tensor)) return tensor;
    const head = /^(model\.layers\.\d+)\.attn\.([qk]_norm)\.layernorm\.weight$/.exec(tensor);
    return head ? `${head[1]}.self_attn.${head[2]}.weight` : undefined;
  },
};
