// What every engine's rollouts have in common: what they refuse, how a response is named to the random generator, and when
// it ends. Runs nothing.

import { UserError } from "../common/errors.ts";
import { threefry2x32 } from "../common/random.ts";
import type { DecoderConfig } from "../model/config.ts";
import type { RolloutSizes } from "../model/decode-memory.ts";
import type { DecodedSteps } from "../model/decoder.ts";
import { checkPrompt, NO_TOKEN } from "../model/decoder.ts";
import type { RolloutOptions, RolloutRequest, RolloutResponse } from "./engine.ts";

/** A response in the making. */
export interface Job {
  /** Index of its request. */
  readonly request: number;
  readonly sample: number;
  readonly tokens: number[];
  readonly samplerLogProb: number[];
  row: number;
}

/** Throws UserError, before anything runs, on a prompt or option that the plan or the sampler does not allow. */
export function checkRollout(
  requests: readonly RolloutRequest[],
  options: RolloutOptions,
  sizes: Pick<RolloutSizes, "maxPrompt" | "maxNew">,
  config: DecoderConfig,
): void {
  checkOptions(options, sizes.maxNew);
  for (const { prompt, samples, key } of requests) {
    checkPrompt(prompt, sizes, config);
    whole("samples", samples, 1, 2 ** 31);
    whole("key", key, 0, 2 ** 32 - 1);
  }
}

/** One word for (prompt, sample), which the sampler combines with the seed and the token's place. */
export const rowKey = (key: number, sample: number): number => threefry2x32([key, sample], [0, 0])[0];

function checkOptions({ sampling, maxNew }: RolloutOptions, most: number): void {
  const { temperature, topK, topP } = sampling;
  whole("number of new tokens", maxNew, 1, most, "data.max_response_length");
  whole("top-k", topK, 0, 2 ** 31);
  if (!(temperature >= 0 && temperature < Infinity)) {
    throw new UserError(`The temperature is ${temperature}: 0, for greedy, or a positive number is needed.`);
  }
  if (!(topP > 0 && topP <= 1))
    throw new UserError(`Top-p is ${topP}: a number above 0 and up to 1 is needed.`);
}

function whole(name: string, value: number, least: number, most: number, setting?: string): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  const remedy = setting ? `; ${setting} sets the limit` : "";
  throw new UserError(`The ${name} is ${value}: a whole number from ${least} to ${most} is needed${remedy}.`);
}

/** Adds what a row decoded to its response; returns the response when it has ended. */
export function collect(
  job: Job,
  { steps, tokens, logProbs }: DecodedSteps,
  rows: number,
  options: RolloutOptions,
): RolloutResponse | undefined {
  const gained: number[] = [];
  let ended: RolloutResponse["finishReason"] | undefined;
  for (let step = 0; step < steps && !ended; step++) {
    const token = tokens[step * rows + job.row]!;
    if (token === NO_TOKEN) break;
    const logProb = logProbs[step * rows + job.row]!;
    if (!Number.isFinite(logProb)) {
      throw new UserError(
        `A sampled token has log-probability ${logProb}: the policy has diverged. Lower the learning rate, or go on from an earlier checkpoint.`,
      );
    }
    gained.push(token);
    job.samplerLogProb.push(logProb);
    if (options.stopTokens.includes(token)) ended = "stop";
    else if (job.tokens.length + gained.length === options.maxNew) ended = "length";
  }
  job.tokens.push(...gained);
  if (gained.length > 0) options.onTokens?.({ request: job.request, sample: job.sample, tokens: gained });
  return ended && { tokens: job.tokens, samplerLogProb: job.samplerLogProb, finishReason: ended };
}
