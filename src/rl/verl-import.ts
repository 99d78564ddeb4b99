// A configuration of verl on top of one of ours: what is applied, what only a cluster understands and is kept for the way
// back, and what is refused with the reason. Nothing is dropped without a word. Which values fit is config.ts's matter.

import type { ConfigKey, RunConfig } from "./config.ts";
import { CONFIG_KEYS, fieldOf, nullValueOf, problemWith } from "./config.ts";
import { CRITIC_ALIASES, CRITIC_CLUSTER, CRITIC_ELSEWHERE } from "./critic/verl-names.ts";
import { ADAPTER_PATH, followAdapter } from "./verl/adapter.ts";
import { raiseBudget, RESPONSE } from "./verl/budget.ts";
import { EPOCHS, withEpochs } from "./verl/epochs.ts";
import type { ImportOptions, Refusal, Values, VerlImport } from "./verl/imported.ts";
import { MAX_LENGTH, PLACEHOLDERS } from "./verl/needed.ts";
import { fullNames } from "./verl/short-names.ts";
import { unknownSetting } from "./verl/suggestion.ts";
import { together } from "./verl/together.ts";

export type { ImportOptions, Refusal, VerlImport } from "./verl/imported.ts";

const LOW = "actor_rollout_ref.actor.clip_ratio_low";
const HIGH = "actor_rollout_ref.actor.clip_ratio_high";
const OVERLONG = "reward.reward_kwargs.overlong_buffer_cfg";

/** Other names of a setting or a section: older versions, recipes, the newer optimiser. */
const ALIASES: Readonly<Record<string, string>> = {
  "reward_model.reward_kwargs": "reward.reward_kwargs",
  "reward_model.overlong_buffer": OVERLONG,
  "data.enable_overlong_buffer": `${OVERLONG}.enable`,
  "data.overlong_buffer_len": `${OVERLONG}.len`,
  "data.overlong_penalty_factor": `${OVERLONG}.penalty_factor`,
  "actor_rollout_ref.actor.optim.warmup_style": "actor_rollout_ref.actor.optim.lr_scheduler_type",
  "actor_rollout_ref.actor.optim.lr_decay_style": "actor_rollout_ref.actor.optim.lr_scheduler_type",
  "actor_rollout_ref.actor.optim.clip_grad": "actor_rollout_ref.actor.grad_clip",
  ...CRITIC_ALIASES,
};

/**
 * Settings and sections that only a cluster understands. A line: what they are about, the section they stand in (* is any),
 * and their names.
 */
const CLUSTER = `
parallelism * megatron fsdp fsdp_config veomni torchtitan ulysses_sequence_parallel_size tensor_model_parallel_size
parallelism * pipeline_model_parallel_size data_parallel_size expert_parallel_size expert_model_parallel_size
parallelism * expert_tensor_parallel_size gpu_memory_utilization param_offload grad_offload optimizer_offload
batches * ppo_micro_batch_size ppo_micro_batch_size_per_gpu use_dynamic_bsz log_prob_micro_batch_size
batches * log_prob_micro_batch_size_per_gpu log_prob_use_dynamic_bsz log_prob_max_token_len_per_gpu
software * _target_ profiler global_profiler ray_kwargs ray_init hydra defaults transfer_queue
${CRITIC_CLUSTER}
cluster trainer nnodes n_gpus_per_node device balance_batch esi_redundant_time ray_wait_register_center_timeout
cluster trainer use_legacy_worker_impl profile_steps logger project_name experiment_name log_val_generations
cluster trainer default_local_dir default_hdfs_dir rollout_data_dir validation_data_dir resume_mode
cluster trainer resume_from_path del_local_ckpt_after_load
reference actor_rollout_ref ref
software actor_rollout_ref hybrid_engine nccl_timeout
software actor_rollout_ref.model external_lib override_config use_remove_padding use_liger use_fused_kernels
software actor_rollout_ref.model fused_kernel_options use_shm trust_remote_code torch_dtype hf_config_path
software actor_rollout_ref.model enable_activation_offload
software actor_rollout_ref.actor strategy checkpoint use_torch_compile use_fused_kernels use_remove_padding
software actor_rollout_ref.actor entropy_checkpointing entropy_from_logits_with_chunking data_loader_seed
software actor_rollout_ref.actor calculate_entropy
software actor_rollout_ref.rollout name mode dtype load_format layered_summon enforce_eager free_cache_engine
software actor_rollout_ref.rollout enable_chunked_prefill enable_prefix_caching engine_kwargs disable_log_stats
software actor_rollout_ref.rollout agent trace multi_turn multi_stage_wake_up calculate_log_probs prompt_length
software actor_rollout_ref.rollout response_length max_num_batched_tokens max_model_len cudagraph_capture_sizes
software actor_rollout_ref.rollout update_weights_bucket_megabytes
files data tokenizer prompt_key reward_fn_key image_key video_key use_shm trust_remote_code custom_cls datagen sampler
files data return_raw_input_ids return_raw_chat return_full_prompt return_multi_modal_inputs val_batch_size
files data dataloader_num_workers filter_overlong_prompts filter_overlong_prompts_workers validation_shuffle
software * model_engine sandbox_fusion distillation skip async_training router_replay qat mtp
software actor_rollout_ref.actor rollout_n freeze_vision_tower calculate_sum_pi_squared use_prefix_grouper load_weight
software actor_rollout_ref.actor entropy_from_logits_chunk_size pad_to_length use_rollout_log_probs
software actor_rollout_ref.actor.optim optimizer_impl zero_indexed_step override_optimizer_config lr_warmup_init
software actor_rollout_ref.actor.optim lr_decay_steps weight_decay_incr_style lr_wsd_decay_style lr_wsd_decay_steps
software actor_rollout_ref.actor.optim use_checkpoint_opt_param_scheduler
cluster actor_rollout_ref.rollout nnodes n_gpus_per_node disaggregation
software actor_rollout_ref.rollout full_determinism seed logprobs_mode scheduling_policy skip_tokenizer_init quantization
software actor_rollout_ref.rollout quantization_config_file enable_rollout_routing_replay prometheus checkpoint_engine
software actor_rollout_ref.rollout moe_load_balance_metrics_interval over_sample_rate layer_name_map skip_rollout
software actor_rollout_ref.rollout skip_dump_dir limit_images
software actor_rollout_ref.model tiled_mlp lora
files data tool_config_path function_tool_path image_patch_size audio_key mm_processor_kwargs
cluster trainer use_v1 v1 checkpoint_callback_class balance_keep_minibatch
software algorithm pf_ppo
software algorithm.filter_groups max_inflight_gen_batches
software reward num_workers sandbox_fusion
software reward_model num_workers sandbox_fusion launch_reward_fn_async strategy
software ${OVERLONG} log`;

const FUNCTION =
  "A Python function cannot run here: write it in JavaScript in the recipe under Your own reward (gradus.reward_function), or name a file on the command line with --reward FILE.js.";
const MODEL = "No reward model is run: rewards come from the problems' answers.";
const OPTION = "It chooses a file that only verl has: paste the settings of that file as well.";
const FILE = "Drop the file on the page, or name it with --data.";

/** Settings and sections whose matter is decided in another way: why, and values that ask for nothing else. */
const ELSEWHERE: Readonly<Record<string, readonly [why: string, ...harmless: unknown[]]>> = {
  "data.train_files": [FILE, PLACEHOLDERS["data.train_files"]],
  "data.val_files": [FILE, PLACEHOLDERS["data.val_files"]],
  "data.train_max_samples": ["All problems of the file are used: drop a shorter one.", -1],
  "data.truncation": ["A prompt that is too long is left out, never cut.", "error"],
  "data.apply_chat_template_kwargs": ["The chat template gets no settings of its own here."],
  "actor_rollout_ref.model.path": [
    "Drop the model's files on the page or look its name up there, or name a folder with --model.",
    PLACEHOLDERS["actor_rollout_ref.model.path"],
  ],
  "actor_rollout_ref.model.tokenizer_path": ["The tokenizer is that of the model's files."],
  "actor_rollout_ref.model.custom_chat_template": ["The chat template is that of the model's files."],
  [ADAPTER_PATH]: [
    "Drop the adapter's two files onto the model, or name their folder with --adapter; without them a run begins with a new one.",
    PLACEHOLDERS[ADAPTER_PATH],
  ],
  "actor_rollout_ref.model.exclude_modules": ["Name what is trained in target_modules."],
  "actor_rollout_ref.actor.shuffle": ["The updates of a step take its prompts in order."],
  "actor_rollout_ref.actor.optim.total_training_steps": ["The schedule ends with the run.", -1],
  "actor_rollout_ref.actor.optim.lr_warmup_steps_ratio": [
    "Set lr_warmup_steps to this share of the steps.",
    0,
  ],
  "actor_rollout_ref.actor.optim.optimizer": ["The optimiser is AdamW here.", "AdamW", "adamw", "adam"],
  "actor_rollout_ref.actor.optim.num_cycles": ["A cosine schedule falls once, without rising again.", 0.5],
  "actor_rollout_ref.model.lora.rank": ["That is Megatron's adapter: set lora_rank and lora_alpha.", 0],
  "distillation.enabled": ["No teacher is run here."],
  "critic.policy_loss": ["A critic has no policy loss."],
  "actor_rollout_ref.actor.optim.min_lr": ["Set min_lr_ratio to its share of the learning rate.", 0],
  "actor_rollout_ref.actor.clip_ratio": [
    `clip_ratio_low and clip_ratio_high win over it, and verl gives both a value: set ${LOW} and ${HIGH}.`,
  ],
  "actor_rollout_ref.rollout.do_sample": ["Responses are always sampled.", true],
  "actor_rollout_ref.rollout.ignore_eos": ["A response ends with its end-of-text token."],
  "actor_rollout_ref.rollout.multi_turn.enable": ["Responses have one turn here."],
  "actor_rollout_ref.rollout.val_kwargs": ["Evaluation is greedy, one response a problem.", 0, 1, -1],
  "algorithm.use_pf_ppo": ["Responses are not sampled a second time by their rewards here."],
  "reward.reward_kwargs.max_resp_len": ["The penalty for length reads data.max_response_length."],
  "reward.reward_model": [MODEL],
  reward_model: [MODEL],
  "reward_model.reward_manager": [FUNCTION, "naive", "dapo"],
  "reward.reward_manager": [FUNCTION, "naive", "dapo", "register"],
  "reward.custom_reward_function": [FUNCTION, "compute_score"],
  custom_reward_function: [FUNCTION, "compute_score"],
  "trainer.total_epochs": [
    "The steps of an epoch depend on the problems: set trainer.total_training_steps to epochs x problems / prompts per step.",
  ],
  "trainer.val_only": ["Use the command eval instead."],
  ...CRITIC_ELSEWHERE,
};

/** Of these, files: what only they name is not used here, and goes back as it came. */
const FILES = new Set([
  "data.train_files",
  "data.val_files",
  "actor_rollout_ref.model.path",
  "actor_rollout_ref.model.tokenizer_path",
  "reward.custom_reward_function",
  "custom_reward_function",
]);

const ABOUT = new Map(
  CLUSTER.trim()
    .split("\n")
    .flatMap((line) => {
      const [about, section, ...names] = line.split(" ") as [string, string, ...string[]];
      return names.map((name) => [section === "*" ? name : `${section}.${name}`, about] as const);
    }),
);

/** `key` and its sections, the longest first. */
const sectionsOf = (key: string): string[] =>
  key.split(".").map((_, cut, parts) => parts.slice(0, parts.length - cut).join("."));

/** What a setting that only a cluster understands is about ("parallelism"); undefined for any other. */
export function clusterWord(key: string): string | undefined {
  const section = sectionsOf(key).find((part) => ABOUT.has(part) || Object.hasOwn(ELSEWHERE, part)) ?? "";
  const part = key
    .slice(section.length)
    .split(".")
    .find((name) => ABOUT.has(name));
  return ABOUT.get(section) ?? ABOUT.get(part ?? "");
}

const KNOWN = new Set<string>(CONFIG_KEYS);
const isKnown = (key: string): key is ConfigKey => KNOWN.has(key);

/** Every name that is known, and every section. */
const NAMES = [...CONFIG_KEYS, ...ABOUT.keys(), ...Object.keys(ELSEWHERE), ...Object.keys(ALIASES)];

/** Whether anything is known of `key`. */
export const isKnownAnyhow = (key: string): boolean =>
  isKnown(key) ||
  clusterWord(key) !== undefined ||
  sectionsOf(key).some((part) => Object.hasOwn(ELSEWHERE, part));

/** Sections that stand in no other. */
const TOP = new Set(NAMES.filter((name) => name.includes(".")).map((name) => name.split(".")[0]!));

/** The name that `key` has here: an older one's newer name, and in full where its sections were left out. */
export function ownName(key: string): string {
  const named = newName(key);
  const isListed = sectionsOf(named).some((part) => ABOUT.has(part) || Object.hasOwn(ELSEWHERE, part));
  const isPlaced = key.includes(".") && TOP.has(key.split(".")[0]!);
  if (isKnown(named) || isListed || isPlaced) return named;
  const meant = new Set(fullNames(key, NAMES).map(newName).filter(isKnownAnyhow));
  const [only] = meant;
  return meant.size === 1 ? only! : named;
}

function newName(key: string): string {
  const section = sectionsOf(key).find((candidate) => Object.hasOwn(ALIASES, candidate));
  return section === undefined ? key : `${ALIASES[section]}${key.slice(section.length)}`;
}

/** Whether `value` of a section of ELSEWHERE asks for nothing: it is not set, off, empty, or what is done anyway. */
function isHarmless(value: unknown, section: string): boolean {
  const [, ...harmless] = ELSEWHERE[section]!;
  if (typeof value === "boolean") return value === harmless.includes(true);
  const isEmpty =
    value === null || value === "" || (typeof value === "object" && Object.keys(value).length === 0);
  return isEmpty || harmless.includes(value);
}

/** What is found out about settings one by one. */
class Sorted {
  readonly fitting = new Map<ConfigKey, unknown>();
  readonly kept: Record<string, unknown> = {};
  readonly refused: Refusal[] = [];
  readonly notes: string[] = [];
  /** trainer.total_epochs under the name that it came with. */
  epochs: readonly [key: string, value: unknown] | undefined;

  add(key: string, values: Values, base: RunConfig): void {
    const value = values[key];
    const name = ownName(key);
    if (isKnown(name)) {
      if (name !== key && Object.hasOwn(values, name))
        this.refuse(key, value, `${name} is set as well, and wins.`);
      else this.#addKnown(key, name, value, base);
      return;
    }
    if (key.startsWith("~")) return this.refuse(key, value, "Settings cannot be taken out here.");
    if (/^-|@/.test(key)) return this.refuse(key, value, OPTION);
    if (name === EPOCHS) return void (this.epochs = [key, value]);
    const section = sectionsOf(name).find((candidate) => Object.hasOwn(ELSEWHERE, candidate));
    const isFile = section !== undefined && FILES.has(section) && value !== null;
    // Said twice, it is written again with whatever the longest response is then.
    if (name === MAX_LENGTH && value === (values[RESPONSE] ?? base[RESPONSE])) return;
    const asksNothing = section !== undefined && isHarmless(value, section);
    if (clusterWord(name) || isFile || asksNothing) this.kept[name] = value;
    if (clusterWord(name) || asksNothing) return;
    if (section === undefined) this.refused.push(unknownSetting(key, value, CONFIG_KEYS, NAMES));
    else {
      const [why] = ELSEWHERE[section]!;
      this.refused.push({ key, value, why, kind: "elsewhere", ...(isFile && { keptAs: name }) });
    }
  }

  refuse(key: string, value: unknown, why: string, kind: Refusal["kind"] = "elsewhere"): void {
    this.refused.push({ key, value, why, kind });
  }

  /** verl writes null for what is not set: where that has no meaning of its own, the recipe's value stays. */
  #addKnown(key: string, name: ConfigKey, value: unknown, base: RunConfig): void {
    const field = fieldOf(name);
    const hasNull = nullValueOf(field) !== undefined;
    const read = value === null && !hasNull ? base[name] : value;
    const problem = problemWith(name, read);
    if (problem !== undefined) return this.refuse(key, value, problem, "value");
    if (this.fitting.has(name))
      return this.refuse(key, value, `${name} is set under another name, too, and wins.`);
    this.fitting.set(name, read);
    if (key !== name) this.notes.push(`${key} is ${name} here.`);
  }
}

/**
 * `base` with the settings of a verl configuration, by dotted key. What does not fit, alone or with the others, is refused
 * and leaves the rest applied. Throws UserError only when `over` does not fit.
 */
export function importVerl(values: Values, base: RunConfig, options: ImportOptions = {}): VerlImport {
  const { over = {} } = options;
  const sorted = new Sorted();
  for (const key of Object.keys(values)) sorted.add(key, values, base);
  followAdapter(sorted, options.adapter ?? {});
  raiseBudget(sorted, base, over);
  const whole = together(sorted.fitting, base, over, (key, value, why) =>
    sorted.refuse(key, value, why, "value"),
  );
  const config = withEpochs(sorted, whole, options, ELSEWHERE[EPOCHS]![0]);
  const { fitting, kept, refused, notes } = sorted;
  const about = Object.fromEntries(
    Object.keys(kept).map((key) => [key, clusterWord(key) ?? "not needed here"]),
  );
  const told = refused.map((refusal) => withStay(refusal, config));
  return { config, applied: [...fitting.keys()], kept, about, refused: told, notes };
}

/** Where a value does not fit, the one that stays. */
function withStay(refusal: Refusal, config: RunConfig): Refusal {
  const name = ownName(refusal.key);
  return refusal.kind === "value" && isKnown(name) ? { ...refusal, stays: config[name] } : refusal;
}
