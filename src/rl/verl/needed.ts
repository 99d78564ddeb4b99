// What verl needs before it can start and a run here has no setting for: files, and how one machine is shared out.

import type { RunConfig } from "../config.ts";
import { usesCritic } from "../options/index.ts";
import { ADAPTER_PATH } from "./adapter.ts";
import type { Values } from "./imported.ts";

/** Where a person puts paths of their own. */
export const PLACEHOLDERS = {
  "actor_rollout_ref.model.path": "path/to/model",
  "data.train_files": "path/to/train.parquet",
  "data.val_files": "path/to/test.parquet",
  [ADAPTER_PATH]: "path/to/adapter",
} as const;

export const MODEL_PATH = "actor_rollout_ref.model.path";
const BY_TOKENS = "actor_rollout_ref.actor.use_dynamic_bsz";
const CRITIC_MODEL = "critic.model.path";

/** verl's second name of the longest response, which the penalty for length reads. */
export const MAX_LENGTH = "reward.reward_kwargs.max_resp_len";

export interface Need {
  readonly key: string;
  readonly value: unknown;
  /** One line. */
  readonly comment: string;
}

/** The smallest that works: one device, micro-batches by tokens as here. What an import has kept stands above it. */
export const needsOf = (config: RunConfig, kept: Values): readonly Need[] =>
  [...allNeeds(config), ...loraNeeds(config, kept), ...criticNeeds(config, kept)]
    .filter(({ key }) => key !== BY_TOKENS || !countsMicroBatches(kept))
    .map((need) => (Object.hasOwn(kept, need.key) ? { ...need, value: kept[need.key] } : need));

/** Whether an import has said in sequences what fits a device, as verl does it by default. */
const countsMicroBatches = (kept: Values): boolean =>
  !Object.hasOwn(kept, BY_TOKENS) &&
  ["actor.ppo_micro_batch_size", "rollout.log_prob_micro_batch_size"].every((name) =>
    ["", "_per_gpu"].some((end) => typeof kept[`actor_rollout_ref.${name}${end}`] === "number"),
  );

const allNeeds = (config: RunConfig): readonly Need[] => [
  need(
    "actor_rollout_ref.model.path",
    "Put your model here: a folder in Hugging Face's form, or a name there.",
  ),
  need("data.train_files", "Put your problems here, prepared for verl as parquet."),
  need("data.val_files", "Put the held-out problems here, in the same form."),
  {
    key: "actor_rollout_ref.rollout.name",
    value: "vllm",
    comment: "What samples: vllm or sglang. verl has no default.",
  },
  {
    key: "actor_rollout_ref.rollout.tensor_model_parallel_size",
    value: 1,
    comment: "Devices that share one copy of the model while sampling; verl's 2 needs two.",
  },
  {
    key: BY_TOKENS,
    value: true,
    comment: "Micro-batches by tokens, as here: ppo_max_token_len_per_gpu is the budget.",
  },
  { key: "trainer.n_gpus_per_node", value: 1, comment: "Devices of a machine." },
  { key: "trainer.nnodes", value: 1, comment: "Machines." },
  { key: "trainer.logger", value: ["console"], comment: "Add wandb, tensorboard or others." },
  {
    key: "trainer.total_epochs",
    value: config["trainer.total_training_steps"],
    comment: "Only bounds the run, which ends at total_training_steps: an epoch has one step or more.",
  },
  ...overlongNeeds(config),
];

/** What an adapter asks for, and where it begins. */
function loraNeeds(config: RunConfig, kept: Values): readonly Need[] {
  if (config["actor_rollout_ref.model.lora_rank"] === 0) return [];
  const format = {
    key: "actor_rollout_ref.rollout.load_format",
    value: "safetensors",
    comment: "Under an adapter, what samples reads the frozen model from its files.",
  };
  if (typeof kept[ADAPTER_PATH] !== "string") return [format];
  return [format, need(ADAPTER_PATH, "The adapter that training goes on from: a folder in PEFT's form.")];
}

/** A critic begins as the model, and has a path of its own. */
function criticNeeds(config: RunConfig, kept: Values): readonly Need[] {
  if (!usesCritic(config)) return [];
  const value = kept[MODEL_PATH] ?? PLACEHOLDERS[MODEL_PATH];
  return [{ key: CRITIC_MODEL, value, comment: "The critic begins as this model." }];
}

/** The penalty for length is one of verl's dapo manager, which wants to know the longest response. */
function overlongNeeds(config: RunConfig): readonly Need[] {
  const length = {
    key: MAX_LENGTH,
    value: config["data.max_response_length"],
    comment: "The penalty for length counts from here: data.max_response_length.",
  };
  if (!config["reward.reward_kwargs.overlong_buffer_cfg.enable"]) return [length];
  const comment = "Only this manager of rewards has a penalty for length.";
  return [{ key: "reward.reward_manager.name", value: "dapo", comment }, length];
}

const need = (key: keyof typeof PLACEHOLDERS, comment: string): Need => ({
  key,
  value: PLACEHOLDERS[key],
  comment,
});
