// verl counts epochs, we count steps: what a number of epochs is in steps, once the problems are known.

import type { ConfigKey, RunConfig } from "../config.ts";
import { configWith, problemWith } from "../config.ts";
import { preferenceOf } from "../options/index.ts";
import type { ImportOptions, Refusal } from "./imported.ts";

export const EPOCHS = "trainer.total_epochs";
const STEPS = "trainer.total_training_steps";

/** What an import has found so far. */
interface Found {
  readonly fitting: Map<ConfigKey, unknown>;
  readonly notes: string[];
  /** trainer.total_epochs under the name that it came with. */
  readonly epochs: readonly [key: string, value: unknown] | undefined;
  refuse(key: string, value: unknown, why: string, kind?: Refusal["kind"]): void;
}

/**
 * `config` with its steps from the epochs that were found. verl stops at whichever comes first, so where steps are set, too,
 * epochs only bound them. Without problems nothing can be counted: `whyNot` says what to do.
 */
export function withEpochs(
  found: Found,
  config: RunConfig,
  { over = {}, problems }: ImportOptions,
  whyNot: string,
): RunConfig {
  if (!found.epochs || found.epochs[1] === null) return config;
  const [key, value] = found.epochs;
  const isSet = Object.hasOwn(over, STEPS) || found.fitting.has(STEPS);
  if (isSet && !problems) return config;
  const refuse = (why: string, kind: Refusal["kind"]): RunConfig => {
    found.refuse(key, value, why, kind);
    return config;
  };
  const epochs = typeof value === "boolean" ? Number.NaN : Number(value);
  if (!Number.isSafeInteger(epochs) || epochs < 1)
    return refuse(`${key} is ${JSON.stringify(value)}: a whole number from 1 is needed.`, "value");
  if (!problems) return refuse(whyNot, "elsewhere");
  const count = problems(config);
  const steps = stepsOf(epochs, count, config);
  if (isSet && (Object.hasOwn(over, STEPS) || steps >= config[STEPS])) return config;
  const problem = problemWith(STEPS, steps);
  if (problem !== undefined) return refuse(problem, "value");
  found.fitting.set(STEPS, steps);
  found.notes.push(stepsNote(epochs, count, steps, config));
  return configWith({ [STEPS]: steps }, config);
}

/** Prompts that a step takes, dynamic sampling apart. */
const promptsPerStep = (config: RunConfig): number =>
  config["data.train_batch_size"] * (preferenceOf(config)?.rounds ?? 1);

/** Steps of `epochs` passes over `problems`: verl leaves the last, incomplete batch of a pass out. */
export const stepsOf = (epochs: number, problems: number, config: RunConfig): number =>
  epochs * Math.max(1, Math.floor(problems / promptsPerStep(config)));

/** "3 epochs of 2,000 problems, 16 a step, are 375 steps (trainer.total_epochs)." */
function stepsNote(epochs: number, problems: number, steps: number, config: RunConfig): string {
  const count = epochs === 1 ? "1 epoch" : `${epochs} epochs`;
  return `${count} of ${problems.toLocaleString("en")} problems, ${promptsPerStep(config)} a step, are ${steps} steps (${EPOCHS}).`;
}
