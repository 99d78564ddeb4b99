// Shape of Qwen2.5-0.5B and the settings for which its memory is promised. Shared by the benchmark and the plan's test;
// lists as no benchmark.

import { parseDecoderConfig } from "../src/model/config.ts";
import type { PolicyOptions } from "../src/model/memory.ts";
import { MODEL_CONFIGS } from "../src/node/make-model/shapes.ts";

export const QWEN_05B = parseDecoderConfig(MODEL_CONFIGS["qwen2.5-0.5b"], "config.json");

/** LoRA of rank 16 on every module over an f16 base, 2,048 tokens a micro-batch. */
export const QWEN_05B_LORA: PolicyOptions = {
  lora: {
    rank: 16,
    alpha: 32,
    seed: 1,
    targets: ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
  },
  baseType: "f16",
  tokenBudget: 2048,
  activationCheckpointing: true,
  headChunk: 2 ** 22,
};
