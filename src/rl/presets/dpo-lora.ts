// Offline preference on a model of the user, with an adapter.

import type { Preset } from "./preset.ts";

/** The reference is the base under the adapter, so it costs no memory. */
export const DPO_LORA: Preset = {
  id: "dpo-lora",
  label: "DPO with LoRA",
  description:
    "A model of your own, such as Qwen2.5-0.5B-Instruct, on a file of preference pairs with an adapter of rank 32.",
  source:
    "TRL's DPO example with LoRA (beta 0.1, learning rate 5e-6, 16 pairs a step, rank 32 and alpha 16); lengths for one device are ours",
  suits: "any",
  values: {
    "gradus.mode": "dpo",
    "trainer.total_training_steps": 200,
    "data.train_batch_size": 16,
    "data.max_prompt_length": 512,
    "data.max_response_length": 512,
    "data.val_max_samples": 100,
    "actor_rollout_ref.actor.optim.lr": 5e-6,
    "actor_rollout_ref.actor.optim.weight_decay": 0,
    "actor_rollout_ref.actor.ppo_max_token_len_per_gpu": 2048,
    "actor_rollout_ref.model.lora_rank": 32,
    "actor_rollout_ref.model.lora_alpha": 16,
    "actor_rollout_ref.model.enable_gradient_checkpointing": true,
    "actor_rollout_ref.rollout.max_num_seqs": 16,
    "gradus.prompt_slots": 16,
    "gradus.preference_beta": 0.1,
    "gradus.dpo_reference": true,
    "gradus.base_type": "f16",
  },
};
