// Teaches the demo model: fresh weights, then the two stages of the recipe on our own engine. Keeps its state beside, so
// that a run that was killed goes on to the same bits. Decides nothing about whether the result is good enough.

import { crc32 } from "node:zlib";

import { GpuError } from "../../common/errors.ts";
import { SeededRandom } from "../../common/random.ts";
import type { Recorder } from "../../gpu/index.ts";
import type { DecoderConfig } from "../../model/config.ts";
import type { PolicyOptions } from "../../model/memory.ts";
import type { ParameterSource } from "../../model/parameters.ts";
import { Policy } from "../../model/policy.ts";
import { parameterShapes } from "../../model/weights.ts";
import { learningRate } from "../../optim/schedule.ts";
import { sftStep } from "../../rl/sft.ts";
import type { DemoEncoder } from "./examples.ts";
import { stepExamples } from "./examples.ts";
import { ADAMW, BATCH, INIT, LENGTHS, STAGES } from "./recipe.ts";

export interface StageOptions {
  readonly seed: number;
  /** Index in STAGES. */
  readonly stage: number;
  /** Steps of the stage that were taken before. */
  readonly done: number;
  /** Called after every step, the first being 1, with its loss in nats a token. */
  readonly onStep: (step: number, loss: number) => Promise<void>;
}

/** One micro-batch holds a whole step; rollouts are for the evaluation. */
const OPTIONS: PolicyOptions = {
  baseType: "f32",
  tokenBudget: BATCH * (LENGTHS.prompt + LENGTHS.response),
  activationCheckpointing: false,
  headChunk: 2 ** 20,
  rollout: { rows: 50, promptSlots: 50, maxPrompt: LENGTHS.prompt + 1, maxNew: LENGTHS.response },
};

/** A policy with fresh weights drawn from `seed`. */
export const createDemoPolicy = (recorder: Recorder, config: DecoderConfig, seed: number): Promise<Policy> =>
  Policy.create(recorder, config, OPTIONS, freshWeights(config, seed));

/** Takes the steps of a stage that are left. Throws GpuError when a gradient is not finite. */
export async function trainStage(policy: Policy, encoder: DemoEncoder, options: StageOptions): Promise<void> {
  const { seed, stage, done, onStep } = options;
  const { name, schedule } = STAGES[stage]!;
  if (done === 0) clearMoments(policy);
  for (let step = done + 1; step <= schedule.totalSteps; step++) {
    const adamw = { ...ADAMW, lr: learningRate(step, schedule) };
    const examples = stepExamples(encoder, seed, stage, step);
    const { loss, skipped } = await sftStep(policy, examples, { step, adamw, temperature: 1 });
    if (skipped)
      throw new GpuError(
        `Step ${step} of stage ${name} has a gradient that is not finite, which this recipe never had: the adapter computes wrongly. Run npm run gradus -- verify.`,
      );
    await onStep(step, loss);
  }
}

/** Each stage has an optimiser of its own. */
function clearMoments({ recorder, memory }: Policy): void {
  for (const { m, v } of memory.pools) {
    recorder.clear(m);
    recorder.clear(v);
  }
}

function freshWeights(config: DecoderConfig, seed: number): ParameterSource {
  const shapes = parameterShapes(config);
  return {
    name: `seed ${seed}`,
    shape: (name) => shapes.get(name),
    read: (name) => Promise.resolve(freshTensor(name, shapes.get(name)!, config, seed)),
  };
}

/** Norms are ones, biases zeros, matrices [out,in] normal with the recipe's deviation; a stream of its own for each name. */
function freshTensor(
  name: string,
  shape: readonly number[],
  { layers }: DecoderConfig,
  seed: number,
): Float32Array {
  const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
  if (shape.length === 1) return values.fill(name.endsWith("norm.weight") ? 1 : 0);
  const isResidual = /\b(o_proj|down_proj)\b/.test(name);
  const linear = INIT.linear / (isResidual ? Math.sqrt(2 * layers) : 1);
  const deviation = name.includes("embed_tokens") ? INIT.embedding : linear;
  const random = new SeededRandom(seed, crc32(name));
  return values.map(() => deviation * random.normal());
}
