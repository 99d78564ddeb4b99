// What the demo model is and how it is taught: sizes, schedule, shares of response styles, gates. All numbers were measured
// before (PyTorch, three seeds); they make a model that is good with working and poor without, so that reinforcement
// learning has a strategy to find. It is not taught arithmetic afterwards: that is here.

import type { DecoderConfig } from "../../model/config.ts";
import type { AdamwOptions } from "../../optim/optimizer.ts";
import type { ScheduleOptions } from "../../optim/schedule.ts";
import type { StyleShares } from "./problems.ts";
import type { TokenizerFiles } from "./tokenizer.ts";
import { VOCAB } from "./tokenizer.ts";

export const DEMO_CONFIG: Omit<DecoderConfig, "eosTokenIds"> = {
  family: "qwen2",
  layers: 4,
  hidden: 64,
  heads: 4,
  kvHeads: 2,
  headSize: 16,
  intermediate: 192,
  vocab: VOCAB,
  maxPositions: 256,
  ropeTheta: 1e4,
  rmsEps: 1e-6,
  tied: true,
};

/** Standard deviation of fresh weights; projections that write into the residual stream are divided by sqrt(2 * layers). */
export const INIT = { linear: 0.1, embedding: 0.02 } as const;

/** Problems of public/demo, the same for every seed of the training. */
export const FILES = { seed: 60, train: 2000, test: 200 } as const;

/** Examples of a step. */
export const BATCH = 32;
/** Longest prompt and response that occur, tokens, with a little room. */
export const LENGTHS = { prompt: 40, response: 32 } as const;

export interface Stage {
  readonly name: string;
  readonly shares: StyleShares;
  readonly schedule: ScheduleOptions;
}

const decay = (baseLr: number, totalSteps: number): ScheduleOptions => ({
  baseLr,
  warmupSteps: 100,
  totalSteps,
  schedule: "cosine",
  minLrRatio: 0.1,
});

/** Stage A teaches arithmetic and all three styles; stage B makes the direct answer the habit that training starts from. */
export const STAGES: readonly Stage[] = [
  { name: "A", shares: { direct: 0.5, working: 0.35 }, schedule: decay(3e-3, 3600) },
  { name: "B", shares: { direct: 0.65, working: 0.2 }, schedule: decay(5e-4, 300) },
];

export const ADAMW: Omit<AdamwOptions, "lr"> = {
  beta1: 0.9,
  beta2: 0.98,
  eps: 1e-8,
  weightDecay: 0.01,
  decay: "matrices",
  maxNorm: 1,
};

/** Shares of right answers that a model must have to be shipped: below them training has nothing to find or to gain. */
export const GATES = { leastWorking: 0.85, mostDirect: 0.6 } as const;

/** config.json of the model, as transformers writes it. */
export function configJson({ endId, padId }: TokenizerFiles): Record<string, unknown> {
  const { layers, hidden, heads, kvHeads, intermediate, vocab, maxPositions, ropeTheta, rmsEps } =
    DEMO_CONFIG;
  return {
    architectures: ["Qwen2ForCausalLM"],
    attention_dropout: 0,
    bos_token_id: null,
    eos_token_id: endId,
    hidden_act: "silu",
    hidden_size: hidden,
    initializer_range: INIT.embedding,
    intermediate_size: intermediate,
    max_position_embeddings: maxPositions,
    model_type: "qwen2",
    num_attention_heads: heads,
    num_hidden_layers: layers,
    num_key_value_heads: kvHeads,
    pad_token_id: padId,
    rms_norm_eps: rmsEps,
    rope_theta: ropeTheta,
    tie_word_embeddings: true,
    torch_dtype: "float32",
    use_cache: true,
    use_sliding_window: false,
    vocab_size: vocab,
  };
}
