// Whether a run fits a device before anything is loaded, and if not, which settings would make it fit: those that cost least
// first (time, then precision of frozen weights, then speed), and an adapter in place of all weights last.

import { UserError } from "../common/errors.ts";
import type { MemoryPlan } from "../model/memory.ts";
import type { ConfigKey, FieldValue, RunConfig } from "./config.ts";
import { configWith } from "./config.ts";
import { OWN_ADAPTER } from "./presets/grounds.ts";
import type { PlannedDevice, PlannedModel } from "./run.ts";
import { gibibytes, planRun } from "./run.ts";

type Values = Readonly<Partial<Record<ConfigKey, FieldValue>>>;

/** Settings that make a run fit, and what it takes then. */
export interface Remedy {
  readonly values: Values;
  readonly totalBytes: number;
}

export interface Fit {
  /** Undefined where it does not fit. */
  readonly plan?: MemoryPlan;
  /** Why it does not fit, a sentence. */
  readonly problem?: string;
  /** Undefined also where no setting helps. */
  readonly remedy?: Remedy;
}

const CHECKPOINTING = "actor_rollout_ref.model.enable_gradient_checkpointing";
const RANK = "actor_rollout_ref.model.lora_rank";
const BASE = "gradus.base_type";
const ENGINE = "gradus.rollout_engine";
const BUDGET = "actor_rollout_ref.actor.ppo_max_token_len_per_gpu";
const ROWS = "actor_rollout_ref.rollout.max_num_seqs";
const FEWEST_ROWS = 4;

/** What can be changed, each in its steps from the mildest on. */
const LEVERS: readonly ((config: RunConfig) => readonly Values[])[] = [
  (config) => (config[CHECKPOINTING] ? [] : [{ [CHECKPOINTING]: true }]),
  (config) => (config[ENGINE] === "onnxruntime" ? [{ [ENGINE]: "wgsl" }] : []),
  (config) => (config[RANK] > 0 && config[BASE] === "f32" ? [{ [BASE]: "f16" }] : []),
  (config) => (config[RANK] > 0 && config[BASE] !== "q4" ? [{ [BASE]: "q4" }] : []),
  (config) =>
    halves(config[BUDGET], config["data.max_prompt_length"] + config["data.max_response_length"]).map(
      (tokens) => ({ [BUDGET]: tokens }),
    ),
  (config) => halves(config[ROWS], FEWEST_ROWS).map((rows) => ({ [ROWS]: rows })),
  (config) => (config[RANK] > 0 ? [] : [OWN_ADAPTER, { ...OWN_ADAPTER, [BASE]: "q4" }]),
];

/** Half of a number, half of that, and so on, not below `least`. */
function halves(whole: number, least: number): number[] {
  const list: number[] = [];
  for (let half = Math.floor(whole / 2); half >= least; half = Math.floor(half / 2)) list.push(half);
  return list;
}

/** The plan of a run, or why it has none and what would give it one. */
export function fitRun(model: PlannedModel, config: RunConfig, gpu: PlannedDevice): Fit {
  try {
    return { plan: planRun(model, config, gpu) };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const remedy = remedyFor(model, config, gpu);
    return { problem: error.message, ...(remedy && { remedy }) };
  }
}

const NO_REMEDY =
  "No setting of this recipe makes it fit: take a smaller model, or shorter prompts and responses.";

/** Throws UserError where a run does not fit, with what would make it fit. */
export function checkFit(model: PlannedModel, config: RunConfig, gpu: PlannedDevice): void {
  const { problem, remedy } = fitRun(model, config, gpu);
  if (problem === undefined) return;
  throw new UserError(`${problem} ${remedy ? remedyText(remedy) : NO_REMEDY}`);
}

/** For a message: the settings by their keys. */
export function remedyText({ values, totalBytes }: Remedy): string {
  const settings = Object.entries(values).map(([key, value]) => `${key}=${String(value)}`);
  return `With ${settings.join(" and ")} it takes ${gibibytes(totalBytes)}.`;
}

function remedyFor(model: PlannedModel, config: RunConfig, gpu: PlannedDevice): Remedy | undefined {
  const totalWith = (values: Values): number | undefined => {
    try {
      return planRun(model, configWith(values, config), gpu).total;
    } catch (error) {
      if (error instanceof UserError) return undefined;
      throw error;
    }
  };
  const values = oneLever(config, totalWith) ?? severalLevers(config, totalWith);
  return values && { values, totalBytes: totalWith(values)! };
}

type TotalWith = (values: Values) => number | undefined;

const oneLever = (config: RunConfig, totalWith: TotalWith): Values | undefined =>
  LEVERS.flatMap((lever) => lever(config)).find((values) => totalWith(values) !== undefined);

/** One lever after the other, then without those that were not needed after all. */
function severalLevers(config: RunConfig, totalWith: TotalWith): Values | undefined {
  let values: Values = {};
  for (const lever of LEVERS)
    for (const step of lever(config)) {
      values = { ...values, ...step };
      if (totalWith(values) !== undefined) return needed(values, totalWith);
    }
  return undefined;
}

function needed(values: Values, totalWith: TotalWith): Values {
  for (const key of Object.keys(values) as ConfigKey[]) {
    // An adapter's rank, scale and rate belong together.
    if (Object.hasOwn(OWN_ADAPTER, key)) continue;
    const { [key]: _, ...without } = values;
    if (totalWith(without) !== undefined) return needed(without, totalWith);
  }
  return values;
}
