// On what a recipe runs: how much of everything suits the model and what is trained of it. Nothing here belongs to an
// algorithm; a new ground is an entry of the list, and every recipe runs on it.

import type { Method } from "../config/field.ts";
import type { Values } from "./recipe.ts";

export interface Ground {
  /** Ends the id of a preset. */
  readonly id: string;
  /** What is trained. */
  readonly label: string;
  /** For which model the sizes are. */
  readonly model: "demo" | "own";
  /** One sentence: what was scaled, and for what. */
  readonly description: string;
  /** Sizes whatever the method. */
  readonly values: Values;
  /** On top of them, by method. */
  readonly methods: Readonly<Record<Method, Values>>;
}

/** Fetching ONNX Runtime takes longer than a demo's run gains by it. */
const DEMO: Values = { "gradus.rollout_engine": "wgsl" };

/** Learns within 60 steps on the demo model; measured with three seeds, docs/demo.md. */
const DEMO_SAMPLING: Values = {
  "trainer.total_training_steps": 60,
  "data.train_batch_size": 16,
  "data.max_response_length": 32,
  "actor_rollout_ref.actor.ppo_max_token_len_per_gpu": 1024,
  "actor_rollout_ref.rollout.n": 8,
  "actor_rollout_ref.rollout.temperature": 0.7,
  "actor_rollout_ref.actor.optim.lr": 3e-4,
  "actor_rollout_ref.actor.optim.betas": [0.9, 0.99],
  "actor_rollout_ref.actor.optim.weight_decay": 0,
  "gradus.advantage_epsilon": 1e-4,
};

const DEMO_SUPERVISED: Values = {
  "trainer.total_training_steps": 60,
  "data.train_batch_size": 32,
  "actor_rollout_ref.actor.optim.lr": 3e-4,
  "actor_rollout_ref.actor.optim.betas": [0.9, 0.98],
  "actor_rollout_ref.actor.optim.weight_decay": 0.01,
  "actor_rollout_ref.actor.optim.lr_warmup_steps": 5,
  "actor_rollout_ref.actor.optim.lr_scheduler_type": "cosine",
  "actor_rollout_ref.actor.optim.min_lr_ratio": 0.1,
};

/** Pairs are given; measured on the demo's worked answers over its bare ones. */
const DEMO_PAIRS: Values = {
  "trainer.total_training_steps": 30,
  "data.train_batch_size": 16,
  "data.max_response_length": 48,
  "actor_rollout_ref.actor.ppo_max_token_len_per_gpu": 1024,
  "actor_rollout_ref.actor.optim.lr": 1e-4,
  "actor_rollout_ref.actor.optim.betas": [0.9, 0.99],
  "actor_rollout_ref.actor.optim.weight_decay": 0,
};

/** A 0.5B model on problems like GSM8K's, sized for one graphics card. */
const OWN: Values = {
  "trainer.total_training_steps": 200,
  "data.train_batch_size": 8,
  "data.max_prompt_length": 256,
  "data.max_response_length": 256,
  "data.val_max_samples": 100,
  "actor_rollout_ref.rollout.n": 5,
  "actor_rollout_ref.rollout.max_num_seqs": 40,
  "gradus.prompt_slots": 16,
  "actor_rollout_ref.actor.ppo_max_token_len_per_gpu": 2048,
  "actor_rollout_ref.model.enable_gradient_checkpointing": true,
};

const DEMO_ADAPTER = { "actor_rollout_ref.model.lora_rank": 8, "actor_rollout_ref.model.lora_alpha": 16 };
/** verl's LoRA baseline has rank 32 (docs/algo/baseline.md). */
export const OWN_ADAPTER = {
  "actor_rollout_ref.model.lora_rank": 32,
  "actor_rollout_ref.model.lora_alpha": 32,
  "actor_rollout_ref.actor.optim.lr": 2e-5,
  "gradus.base_type": "f16",
} as const;

/** Responses of a file may be longer than those that a run samples. */
const OWN_PAIRS: Values = {
  "data.train_batch_size": 16,
  "data.max_prompt_length": 512,
  "data.max_response_length": 512,
  "actor_rollout_ref.actor.optim.weight_decay": 0,
  "actor_rollout_ref.rollout.max_num_seqs": 16,
};

/** The usual one of a model first. */
export const GROUNDS: readonly Ground[] = [
  {
    id: "demo",
    label: "All weights",
    model: "demo",
    description:
      "Batches, lengths and learning rate suit the demo model, which has 230 thousand parameters: a step takes seconds in a tab.",
    values: DEMO,
    methods: { rl: DEMO_SAMPLING, preference: DEMO_SAMPLING, dpo: DEMO_PAIRS, sft: DEMO_SUPERVISED },
  },
  {
    id: "lora-demo",
    label: "Adapter (LoRA)",
    model: "demo",
    description:
      "Batches, lengths and learning rate suit an adapter of rank 8 on the demo model: a small download, and the base stays as it was.",
    values: DEMO,
    methods: {
      rl: { ...DEMO_SAMPLING, ...DEMO_ADAPTER, "actor_rollout_ref.actor.optim.lr": 1e-3 },
      preference: { ...DEMO_SAMPLING, ...DEMO_ADAPTER, "actor_rollout_ref.actor.optim.lr": 1e-3 },
      dpo: { ...DEMO_PAIRS, ...DEMO_ADAPTER, "actor_rollout_ref.actor.optim.lr": 3e-4 },
      sft: { ...DEMO_SUPERVISED, ...DEMO_ADAPTER, "actor_rollout_ref.actor.optim.lr": 1e-3 },
    },
  },
  {
    id: "own",
    label: "Adapter (LoRA)",
    model: "own",
    description:
      "Batches and lengths suit one graphics card, the learning rate an adapter of rank 32 on a model such as Qwen2.5-0.5B-Instruct.",
    values: { ...OWN, ...OWN_ADAPTER },
    methods: {
      rl: {},
      preference: {},
      dpo: {
        ...OWN_PAIRS,
        "actor_rollout_ref.actor.optim.lr": 5e-6,
        "actor_rollout_ref.model.lora_alpha": 16,
      },
      sft: {},
    },
  },
  {
    id: "full-own",
    label: "All weights",
    model: "own",
    description:
      "Batches and lengths suit one graphics card with room for every weight four times over; the learning rate is that of verl's examples.",
    values: { ...OWN, "actor_rollout_ref.actor.optim.lr": 1e-6 },
    methods: { rl: {}, preference: {}, dpo: OWN_PAIRS, sft: {} },
  },
];
