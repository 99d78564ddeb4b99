// The parts of a run that steps and evaluations work with, made once from a model, problems and settings. Holds no state
// that a step changes besides the policy itself.

import { UserError } from "../common/errors.ts";
import type { Problem } from "../formats/problem.ts";
import type { Gpu, Recorder } from "../gpu/index.ts";
import { allocateOrFail, PlanAllocator } from "../gpu/index.ts";
import type { DecoderConfig } from "../model/config.ts";
import type { MemoryPlan } from "../model/memory.ts";
import type { OpenedAdapter } from "../model/open-adapter.ts";
import { planPolicy } from "../model/memory.ts";
import type { ParameterSource } from "../model/parameters.ts";
import { Policy } from "../model/policy.ts";
import type { RolloutEngine } from "../rollout/engine.ts";
import type { RunConfig } from "./config.ts";
import type { RunCritic } from "./critic/run-critic.ts";
import { createRunCritic, planRunCritic } from "./critic/run-critic.ts";
import { SAMPLING_METHODS } from "./config/field.ts";
import type { LossMemory } from "./losses/launch.ts";
import { allocateLossMemory } from "./losses/launch.ts";
import { checkAdapter, policyOptions, rewardSettingsOf, rewardsOf, usesCritic } from "./options/index.ts";
import type { Prompt, TextModel } from "./prompts.ts";
import { checkDataSources } from "./rewards/index.ts";
import { RewardJudge } from "./rewards/judge.ts";
import type { PlannedFiles, RolloutFiles } from "./rollout-engine.ts";
import {
  checkRolloutEngine,
  hasRoomToTry,
  openRolloutEngine,
  planRolloutEngine,
  triesOnnxRuntime,
} from "./rollout-engine.ts";
import type { RunData } from "./run-data.ts";
import { dataOf } from "./run-data.ts";

/** A model that has been opened: its shape, its text side, and where its weights are read from. */
export interface RunModel extends TextModel, RolloutFiles {
  readonly name: string;
  readonly config: DecoderConfig;
  readonly weights: ParameterSource;
  /** An adapter that training goes on from; absent: a fresh one, where the settings want one. */
  readonly adapter?: Pick<OpenedAdapter, "lora" | "weights">;
}

export interface RunProblems {
  readonly train: readonly Problem[];
  readonly heldOut: readonly Problem[];
}

export interface Run extends RunData {
  readonly config: RunConfig;
  readonly model: RunModel;
  readonly policy: Policy;
  /** Where advantages need its values. */
  readonly critic?: RunCritic;
  readonly engine: RolloutEngine;
  /** The rewards that are on. */
  readonly judge: RewardJudge;
  readonly lossMemory: LossMemory;
  /** Ids that end a response. */
  readonly stopTokens: readonly number[];
  destroy(): void;
}

/** What a plan needs of a model; its weights may still be at a hub. */
export interface PlannedModel extends PlannedFiles {
  readonly config: DecoderConfig;
  readonly weights: Pick<ParameterSource, "blockType">;
}

export type PlannedDevice = Pick<Gpu, "maxBindingBytes" | "memoryBytes" | "isSoftware">;

/**
 * Bytes per owner of a run, before anything is allocated, with ONNX Runtime where it writes the responses or is tried. Throws
 * UserError when a setting does not fit the device, or all of it is more than the device is said to have.
 */
export function planRun(model: PlannedModel, config: RunConfig, gpu: PlannedDevice): MemoryPlan {
  checkRolloutEngine(config, model);
  const options = policyOptions(config, model.weights);
  const policy = planPolicy(model.config, options, gpu);
  const own = new PlanAllocator();
  allocateLossMemory(own, options.tokenBudget);
  if (usesCritic(config)) planRunCritic(own, model.config, options, gpu.maxBindingBytes);
  const plan = sumOf(policy, own);
  const session = new PlanAllocator();
  planRolloutEngine(session, model, config, options);
  const isSet = config["gradus.rollout_engine"] === "onnxruntime";
  const isTried = triesOnnxRuntime(config, model, gpu) && hasRoomToTry(plan.total + session.total, gpu);
  const whole = isSet || isTried ? sumOf(plan, session) : plan;
  checkMemory(whole, gpu);
  return whole;
}

function sumOf(plan: MemoryPlan, { bytes, total }: PlanAllocator): MemoryPlan {
  const sums = new Map(plan.bytes);
  for (const [owner, count] of bytes) sums.set(owner, (sums.get(owner) ?? 0) + count);
  return { bytes: sums, total: plan.total + total };
}

function checkMemory({ total }: MemoryPlan, { memoryBytes }: PlannedDevice): void {
  if (memoryBytes === undefined || total <= memoryBytes) return;
  throw new UserError(
    `The run takes ${gibibytes(total)} of GPU memory, and ${gibibytes(memoryBytes)} are there for it.`,
  );
}

/** "1.34 GiB". */
export const gibibytes = (bytes: number): string => `${Number((bytes / 2 ** 30).toPrecision(3))} GiB`;

/** Tokenizes the problems, then allocates and loads. Throws UserError before anything is allocated where it can tell. */
export async function createRun(
  recorder: Recorder,
  model: RunModel,
  problems: RunProblems,
  config: RunConfig,
  onProgress: (loaded: number, total: number) => void = () => {},
): Promise<Run> {
  if (model.adapter) checkAdapter(config, model.adapter.lora);
  checkRolloutEngine(config, model);
  const stopTokens = stopTokensOf(model);
  const data = dataOf(model, problems, config, stopTokens);
  const options = policyOptions(config, model.weights);
  const judge = await judgeOf(config, [...data.train, ...data.heldOut]);
  const parts: { destroy(): void }[] = [{ destroy: () => judge.dispose() }];
  const destroy = (): void => parts.forEach((part) => part.destroy());
  try {
    const policy = await Policy.create(recorder, model.config, options, model.weights, onProgress);
    parts.push(policy);
    if (model.adapter) await policy.loadAdapter(model.adapter.weights);
    const critic = usesCritic(config) ? await createRunCritic(policy, model.weights) : undefined;
    if (critic) parts.push(critic);
    const { value: lossMemory, allocator } = await allocateOrFail(recorder.gpu, (real) =>
      allocateLossMemory(real, options.tokenBudget),
    );
    parts.push(allocator);
    const { engine, ...owned } = await openRolloutEngine(policy, config, model);
    parts.push(owned);
    return {
      config,
      model,
      policy,
      ...(critic && { critic }),
      engine,
      judge,
      lossMemory,
      ...data,
      stopTokens,
      destroy,
    };
  } catch (error) {
    destroy();
    throw error;
  }
}

/** The rewards that are on, ready to judge. Throws UserError when they are not for these problems, or not usable. */
async function judgeOf(config: RunConfig, prompts: readonly Prompt[]): Promise<RewardJudge> {
  const rewards = rewardsOf(config);
  checkDataSources(
    prompts.map(({ problem }) => problem.dataSource),
    rewards,
  );
  // Other methods judge nothing but held-out answers.
  const isSampled = (SAMPLING_METHODS as readonly string[]).includes(config["gradus.mode"]);
  return RewardJudge.open(isSampled ? rewards : [], rewardSettingsOf(config));
}

/** What the model's configuration and its tokenizer say ends a response. */
function stopTokensOf({ name, config, tokenizer }: RunModel): number[] {
  const ids = [...config.eosTokenIds, ...(tokenizer.eosToken ? [tokenizer.eosToken.id] : [])];
  if (ids.length > 0) return [...new Set(ids)];
  throw new UserError(
    `${name} names no token that ends a response: neither eos_token_id in config.json nor eos_token in tokenizer_config.json. Add one of the two.`,
  );
}
