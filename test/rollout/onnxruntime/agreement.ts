// What two rollout engines on one policy are asked, and how their answers are compared.

import { expect } from "vitest";

import type { Recorder } from "../../../src/gpu/index.ts";
import { packGroups } from "../../../src/model/packing.ts";
import type { Policy } from "../../../src/model/policy.ts";
import type { RolloutEngine, RolloutOptions, RolloutResponse } from "../../../src/rollout/engine.ts";
import { OrtRollout } from "../../../src/rollout/onnxruntime/engine.ts";
import { WgslRollout } from "../../../src/rollout/wgsl.ts";
import type { OnnxDecoder, Trained } from "./decoders.ts";
import { move, policyOn, SIZES } from "./decoders.ts";

/** Prompts of all lengths, one token and the longest among them; seven responses. */
export const REQUESTS = [
  { prompt: [5, 6, 7, 8, 9, 10, 11], samples: 2, key: 4 },
  { prompt: [3], samples: 1, key: 9 },
  { prompt: Array.from({ length: 24 }, (_, i) => (i * 37 + 5) % 250), samples: 3, key: 2 },
  { prompt: [200, 100, 50], samples: 1, firstSample: 3, key: 7 },
] as const;

export const GREEDY: RolloutOptions = {
  sampling: { temperature: 0, topK: 0, topP: 1, seed: [0, 0] },
  maxNew: SIZES.maxNew,
  stopTokens: [],
  useAdapter: true,
};
export const SAMPLED: RolloutOptions = {
  ...GREEDY,
  sampling: { temperature: 0.9, topK: 0, topP: 1, seed: [3, 8] },
};

type Responses = readonly (readonly RolloutResponse[])[];

export const tokensOf = (responses: Responses) => responses.map((group) => group.map(({ tokens }) => tokens));

const logProbsOf = (responses: Responses): number[] =>
  responses.flatMap((group) => group.flatMap(({ samplerLogProb }) => samplerLogProb));

export const worstOf = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  expect(a.length).toBe(b.length);
  return Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i]!)));
};

/** float32 on both sides, in other orders of addition, on logits of up to 20. */
const F32 = 1e-4;

/** Both engines give the same tokens and, within float32, the same log-probabilities; returns the tokens. */
export async function agree(
  ours: RolloutEngine,
  ort: RolloutEngine,
  options: RolloutOptions,
): Promise<number[][][]> {
  const expected = await ours.generate(REQUESTS, options);
  const actual = await ort.generate(REQUESTS, options);
  expect(tokensOf(actual)).toEqual(tokensOf(expected));
  expect(actual.map((group) => group.map(({ finishReason }) => finishReason))).toEqual(
    expected.map((group) => group.map(({ finishReason }) => finishReason)),
  );
  expect(worstOf(logProbsOf(actual), logProbsOf(expected))).toBeLessThan(F32);
  return tokensOf(actual) as number[][][];
}

/** Runs `check` with both engines on a policy that has been moved away from its file. */
export async function withBoth(
  recorder: Recorder,
  model: OnnxDecoder,
  { trained, baseType }: { trained?: Trained; baseType?: "f32" | "f16" | "q4" },
  check: (ours: RolloutEngine, ort: OrtRollout, policy: Policy) => Promise<void>,
): Promise<void> {
  const policy = await policyOn(recorder, model, trained, baseType);
  try {
    await move(policy, 1);
    const ort = await OrtRollout.create(policy, model.files, SIZES);
    try {
      await check(new WgslRollout(policy), ort, policy);
    } finally {
      await ort.destroy();
    }
  } finally {
    policy.destroy();
  }
}

/** Largest distance of ONNX Runtime's log-probabilities of what it sampled from the policy's own of the same tokens. */
export async function mismatch(ort: OrtRollout, policy: Policy): Promise<number> {
  const responses = await ort.generate(REQUESTS, SAMPLED);
  const groups = REQUESTS.map(({ prompt }, i) => ({
    prompt: [...prompt],
    responses: responses[i]!.map(({ tokens }) => [...tokens]),
  }));
  let worst = 0;
  for (const [i, group] of groups.entries()) {
    for (const [sample, response] of group.responses.entries()) {
      const [batch] = packGroups([{ prompt: group.prompt, responses: [response] }], 64);
      policy.forward(batch!, { temperature: SAMPLED.sampling.temperature, useAdapter: true });
      const logProb = await policy.recorder.readF32(policy.memory.head.logProb, response.length);
      worst = Math.max(worst, worstOf(logProb, responses[i]![sample]!.samplerLogProb));
    }
  }
  return worst;
}
