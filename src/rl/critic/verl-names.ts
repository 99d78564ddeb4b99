// What verl has for a critic that only a cluster understands, what is decided in another way here, and older names;
// verl-import.ts reads all three.

const ADAPTER = "An adapter of the critic has the rank, alpha and modules of the policy's.";

/** Why, and values that ask for nothing else. */
export const CRITIC_ELSEWHERE: Readonly<Record<string, readonly [why: string, ...harmless: unknown[]]>> = {
  "critic.enable": ["A run has a critic exactly when its advantage needs one (gae)."],
  "critic.policy_loss": ["A critic has no policy loss: it learns by the value loss."],
  "critic.model.lora_rank": [ADAPTER],
  "critic.model.lora_alpha": [ADAPTER],
  "critic.model.target_modules": [ADAPTER],
  "critic.ppo_mini_batch_size": ["The critic's updates are of the same prompts as the policy's."],
  "critic.shuffle": ["The updates of a step take its prompts in order."],
  "critic.optim.total_training_steps": ["The schedule ends with the run.", -1],
  "critic.optim.lr_warmup_steps_ratio": ["Set lr_warmup_steps to this share of the steps.", 0],
  "critic.optim.optimizer": ["The optimiser is AdamW here.", "AdamW", "adamw", "adam"],
  "critic.optim.num_cycles": ["A cosine schedule falls once, without rising again.", 0.5],
  "critic.optim.min_lr": ["Set min_lr_ratio to its share of the learning rate.", 0],
  "critic.loss_scale_factor": ["What divides token sums is the policy's loss_scale_factor."],
};

/** Lines of CLUSTER in verl-import.ts. */
export const CRITIC_CLUSTER = `
critic trainer max_critic_ckpt_to_keep
files critic.model path
critic critic model fsdp fsdp_config megatron strategy checkpoint rollout_n data_loader_seed nccl_timeout load_weight
critic critic ppo_max_token_len_per_gpu forward_max_token_len_per_gpu forward_micro_batch_size
critic critic forward_micro_batch_size_per_gpu
software critic.optim optimizer_impl zero_indexed_step override_optimizer_config lr_warmup_init lr_decay_steps
software critic.optim weight_decay_incr_style lr_wsd_decay_style lr_wsd_decay_steps
software critic.optim use_checkpoint_opt_param_scheduler`.trim();

export const CRITIC_ALIASES: Readonly<Record<string, string>> = {
  "critic.optim.warmup_style": "critic.optim.lr_scheduler_type",
  "critic.optim.lr_decay_style": "critic.optim.lr_scheduler_type",
  "critic.optim.clip_grad": "critic.grad_clip",
};
