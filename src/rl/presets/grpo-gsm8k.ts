// GRPO on a model of the user, with an adapter.

import type { Preset } from "./preset.ts";

/** A 0.5B model on GSM8K with an adapter, sized for one graphics card. */
export const GRPO_GSM8K: Preset = {
  id: "grpo-gsm8k",
  label: "GRPO with LoRA, GSM8K",
  description:
    "A model of your own, such as Qwen2.5-0.5B-Instruct, on GSM8K with an adapter of rank 32 and KL loss.",
  source:
    "verl examples/grpo_trainer (group size 5, KL 0.001, low_var_kl) and its LoRA baseline of rank 32 (docs/algo/baseline.md); batch sizes for one device are ours",
  suits: "any",
  values: {
    "trainer.total_training_steps": 200,
    "data.train_batch_size": 8,
    "data.max_prompt_length": 256,
    "data.max_response_length": 256,
    "data.val_max_samples": 100,
    "actor_rollout_ref.rollout.n": 5,
    "actor_rollout_ref.rollout.max_num_seqs": 40,
    "gradus.prompt_slots": 16,
    "actor_rollout_ref.actor.use_kl_loss": true,
    "actor_rollout_ref.actor.kl_loss_coef": 0.001,
    "actor_rollout_ref.actor.optim.lr": 2e-5,
    "actor_rollout_ref.actor.ppo_max_token_len_per_gpu": 2048,
    "actor_rollout_ref.model.lora_rank": 32,
    "actor_rollout_ref.model.lora_alpha": 32,
    "actor_rollout_ref.model.enable_gradient_checkpointing": true,
    "gradus.base_type": "f16",
  },
};
