// The critic of a run with what its loss needs, made once beside the policy; what it says of the responses of a step.

import type { Allocator } from "../../gpu/index.ts";
import { allocateOrFail } from "../../gpu/index.ts";
import { allocateCritic } from "../../model/critic-memory.ts";
import { Critic } from "../../model/critic.ts";
import type { DecoderConfig } from "../../model/config.ts";
import type { PolicyOptions } from "../../model/memory.ts";
import type { ParameterSource } from "../../model/parameters.ts";
import type { Policy } from "../../model/policy.ts";
import type { StepBatches } from "../batches.ts";
import type { StepControl } from "../control.ts";
import type { JudgedRollout } from "../score.ts";
import type { ValueLossMemory } from "./launch.ts";
import { allocateValueLoss } from "./launch.ts";

export interface RunCritic {
  readonly model: Critic;
  readonly lossMemory: ValueLossMemory;
  destroy(): void;
}

/** The value before every token of every rollout of a step, [length]. */
export type Values = ReadonlyMap<JudgedRollout, Float32Array>;

/** Counts what `createRunCritic` allocates. */
export function planRunCritic(
  allocator: Allocator,
  model: DecoderConfig,
  options: PolicyOptions,
  maxBindingBytes: number,
): void {
  allocateCritic(allocator, model, options, maxBindingBytes);
  allocateValueLoss(allocator, options.tokenBudget);
}

/** Throws GpuError when memory runs out; nothing stays allocated then. */
export async function createRunCritic(policy: Policy, weights: ParameterSource): Promise<RunCritic> {
  const model = await Critic.create(policy, weights);
  const { value: lossMemory, allocator } = await allocateOrFail(policy.recorder.gpu, (real) =>
    allocateValueLoss(real, policy.options.tokenBudget),
  ).catch((error: unknown) => {
    model.destroy();
    throw error;
  });
  return {
    model,
    lossMemory,
    destroy: () => {
      model.destroy();
      allocator.destroy();
    },
  };
}

/** What the critic says before its first update of the step. Throws Interrupted when the step is left. */
export async function valuesOf(
  { model }: RunCritic,
  { miniBatches }: Pick<StepBatches, "miniBatches">,
  rollouts: readonly JudgedRollout[],
  control: StepControl,
): Promise<Values> {
  const values = new Map(rollouts.map((rollout) => [rollout, new Float32Array(rollout.tokens.length)]));
  const micros = miniBatches.flatMap((batch) => batch.micros);
  control.progress("values", 0, micros.length);
  for (const [done, { batch, rollouts: owners }] of micros.entries()) {
    control.check();
    model.forward(batch);
    const found = await model.recorder.readF32(model.memory.value, batch.targets.length);
    batch.sources.forEach(({ token }, i) => (values.get(owners[i]!)![token] = found[i]!));
    control.progress("values", done + 1, micros.length);
  }
  return values;
}
