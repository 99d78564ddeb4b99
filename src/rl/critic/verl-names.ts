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
};

/** Lines of CLUSTER in verl-import.ts. */
export const CRITIC_CLUSTER = `
critic trainer max_critic_ckpt_to_keep
files critic.model path
critic critic model fsdp fsdp_config megatron strategy checkpoint rollout_n data_loader_seed nccl_timeout load_weight
critic critic ppo_max_token_len_per_gpu forward_max_token_len_per_gpu forward_micro_batch_size
critic critic forward_micro_batch_size_per_gpu`.trim();

export const CRITIC_ALIASES: Readonly<Record<string, string>> = {
  "critic.optim.warmup_style": "critic.optim.lr_scheduler_type",
  "critic.optim.clip_grad": "critic.grad_clip",
};
