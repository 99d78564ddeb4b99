// One step of supervised fine-tuning: raises the probability of given responses. The trainer's supervised mode and the
// demo model use it. Knows no data set, no schedule and no reward.

import { UserError } from "../common/errors.ts";
import type { MicroBatch } from "../model/packing.ts";
import { packGroups } from "../model/packing.ts";
import type { Policy } from "../model/policy.ts";
import type { AdamwOptions } from "../optim/optimizer.ts";
import { optimizerStep, readOptimizerStep } from "../optim/optimizer.ts";

/** A prompt and the response to learn, as token ids; the response ends with the token that ends a text. */
export interface SftExample {
  readonly prompt: readonly number[];
  readonly response: readonly number[];
}

export interface SftOptions {
  /** Number of the optimiser step, the first being 1. */
  readonly step: number;
  readonly adamw: AdamwOptions;
  /** Divides the logits. */
  readonly temperature: number;
}

export interface SftResult {
  /** Mean of -logProb over response tokens before the step, nats. */
  readonly loss: number;
  /** Length of the gradient before clipping; 0 when it is not finite. */
  readonly gradNorm: number;
  /** A gradient was not finite: nothing has changed, and the step does not count. */
  readonly skipped: boolean;
  /** Response tokens. */
  readonly tokens: number;
}

/**
 * Takes one AdamW step on the mean cross-entropy of all response tokens, cut into micro-batches by the policy's token
 * budget. Reads back once, and once more for every further micro-batch. Throws UserError when there is nothing to learn.
 */
export async function sftStep(
  policy: Policy,
  examples: readonly SftExample[],
  { step, adamw, temperature }: SftOptions,
): Promise<SftResult> {
  const { recorder, memory } = policy;
  const groups = examples.map(({ prompt, response }) => ({ prompt, responses: [response] }));
  const batches = packGroups(groups, policy.options.tokenBudget);
  const tokens = batches.reduce((sum, { targets }) => sum + targets.length, 0);
  if (tokens === 0) {
    throw new UserError(
      `${examples.length} examples hold no response token: there is nothing to learn from them. Give every example a response.`,
    );
  }
  policy.clearGradients();
  let loss = 0;
  let previous: MicroBatch | undefined;
  for (const batch of batches) {
    // The next forward pass overwrites the log-probabilities of this one.
    if (previous) loss += await sumOfLosses(policy, previous);
    policy.forward(batch, { temperature, useAdapter: true });
    policy.setTargetGradients(new Float32Array(batch.targets.length).fill(-1 / tokens));
    policy.backward();
    previous = batch;
  }
  optimizerStep(recorder, memory, step, adamw);
  const [last, { gradNorm, isSkipped }] = await Promise.all([
    sumOfLosses(policy, previous!),
    readOptimizerStep(recorder, memory),
  ]);
  return { loss: (loss + last) / tokens, gradNorm, skipped: isSkipped, tokens };
}

/** Sum of -logProb over the targets of the last forward pass. */
async function sumOfLosses({ recorder, memory }: Policy, { targets }: MicroBatch): Promise<number> {
  const logProb = await recorder.readF32(memory.head.logProb, targets.length);
  return logProb.reduce((sum, value) => sum - value, 0);
}
