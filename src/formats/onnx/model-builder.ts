// The graphs of onnxruntime-genai's model builder, v0.6 to v0.15: fused operators, named and transposed weights, q, k, v
// in one matrix or three, one matrix or two for embedding and head. Read off files that it made.
// Source: https://github.com/microsoft/onnxruntime-genai (src/python/py/models/builder.py).

import type { Layout } from "./layout.ts";

export const MODEL_BUILDER: Layout = {
  name: "model builder",
  attention: "attn",
};
