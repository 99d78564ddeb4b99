// Shape of Qwen2.5-0.5B and the settings for which its memory is promised. Shared by the benchmark and the plan's test;
// lists as no benchmark.

import type { DecoderConfig } from "../src/model/config.ts";
import type { PolicyOptions } from "../src/model/memory.ts";

export const QWEN_05B: DecoderConfig = {
  family: "qwen2",
  layers: 24,
  hidden: 896,
  heads: 14,
  kvHeads: 2,
  headSize: 64,
  intermediate: 4864,
  vocab: 151_936,
  maxPositions: 32_768,
  ropeTheta: 1e6,
  rmsEps: 1e-6,
  tied: true,
  eosTokenIds: [151_645],
};

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
