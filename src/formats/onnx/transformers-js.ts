// The graphs of the transformers.js converter (optimum, torch.onnx, onnxslim): plain operators, projections whose weights
// have no names of their own. Read off files that it made.
// Source: https://github.com/huggingface/transformers.js (scripts/convert.py).

import type { Layout } from "./layout.ts";

export const TRANSFORMERS_JS: Layout = {
  name: "transformers.js",
  attention: "self_attn",
};
