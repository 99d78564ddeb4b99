// Which responses of a mini-batch make a pair, and what comes of pairs that say nothing: no number that is not finite.

import { describe, expect, test } from "vitest";

import type { MiniBatch } from "../../../src/rl/batches.ts";
import { configWith } from "../../../src/rl/config.ts";
import { pairsOf, preferenceOf } from "../../../src/rl/options/index.ts";
import { givenPairs, judgePairs, meanKl, pairsByRewards } from "../../../src/rl/preference/judge.ts";
import type { JudgedRollout } from "../../../src/rl/score.ts";

const rollout = (group: number, sample: number, score: number, length: number): JudgedRollout => ({
  tokens: Array.from({ length }, (_, t) => t),
  samplerLogProb: [],
  isTruncated: false,
  text: "",
  reward: { score, strict: false, flexible: false },
  overlongPenalty: 0,
  group,
  sample,
});

/** A mini-batch whose micro-batches hold these rollouts, a target each: pairing looks at nothing else. */
const batchOf = (...micros: readonly (readonly JudgedRollout[])[]): MiniBatch => ({
  micros: micros.map((rollouts) => ({ batch: {} as MiniBatch["micros"][number]["batch"], rollouts })),
  counts: { tokens: 1, sequences: 1 },
});

const settingsWith = (values: object) =>
  preferenceOf(configWith({ "gradus.mode": "preference", ...values }))!;
const DPO = pairsOf(configWith({ "gradus.mode": "dpo" }))!;

describe("pairs", () => {
  const [a, b, c, d] = [rollout(0, 0, 0, 2), rollout(0, 1, 1, 3), rollout(1, 0, 1, 2), rollout(1, 1, 0.5, 2)];

  test("stay within a group, wherever micro-batches cut it", () => {
    const paired = pairsByRewards(batchOf([b], [a, d], [c]), settingsWith({}));
    const { members, pairs } = paired;
    expect(pairs.map(([chosen, rejected]) => [members[chosen], members[rejected]])).toEqual([
      [b, a],
      [c, d],
    ]);
  });

  test("that are given are the first response over the second, whatever order they come in", () => {
    const { members, pairs } = givenPairs(batchOf([d, b], [c, a]));
    expect(pairs.map(([chosen, rejected]) => [members[chosen], members[rejected]])).toEqual([
      [c, d],
      [a, b],
    ]);
  });

  test.each([0, 0.1])("are none where all rewards are equal, at margin %d", (margin) => {
    const equal = [0, 1, 2].map((sample) => rollout(0, sample, 0.1, 2));
    for (const ranking of [true, false]) {
      const settings = settingsWith({ "gradus.preference_margin": margin, "gradus.ranking_loss": ranking });
      const paired = pairsByRewards(batchOf(equal), settings);
      expect(paired.pairs).toEqual([]);
      const logProbs = new Map(equal.map((one) => [one, Float32Array.of(-1, -2)]));
      const { means, slopes } = judgePairs(paired, logProbs, new Map(), settings);
      expect([means.loss, means.pairs, ...slopes.values()].map((value) => value + 0)).toEqual([
        0, 0, 0, 0, 0,
      ]);
    }
  });
});

test.each(["sum", "mean"] as const)(
  "responses that are equal or empty, by %s, give finite numbers",
  (logProb) => {
    const members = [rollout(0, 0, 1, 2), rollout(0, 1, 0, 2), rollout(1, 0, 1, 2), rollout(1, 1, 0, 0)];
    const paired = givenPairs(batchOf(members));
    const values = Float32Array.of(-1, -2);
    const logProbs = new Map(members.map((one) => [one, values.slice(0, one.tokens.length)]));
    const { means, slopes } = judgePairs(paired, logProbs, new Map(), { ...DPO, logProb });
    expect(means.pairs).toBe(2);
    expect(means.undecided).toBe(0.5);
    const { perToken, logProb: whole, reward, ...others } = means;
    const numbers = [perToken, whole, reward].flatMap(({ chosen, rejected }) => [chosen, rejected]);
    expect([...numbers, ...Object.values(others), ...slopes.values()].every(Number.isFinite)).toBe(true);
    // Equal responses pull with equal force both ways.
    const [chosen, rejected] = [...slopes.values()];
    expect(chosen).toBe(-rejected!);
    expect(chosen).toBeLessThan(0);
  },
);

test("with a reference a score is what a response has gained on it, and the reward beta times that", () => {
  const [chosen, rejected] = [rollout(0, 0, 1, 2), rollout(0, 1, 0, 2)];
  const paired = givenPairs(batchOf([chosen, rejected]));
  const now = new Map([
    [chosen, Float32Array.of(-1, -1)],
    [rejected, Float32Array.of(-4, -4)],
  ]);
  const reference = new Map([
    [chosen, Float32Array.of(-1.5, -2)],
    [rejected, Float32Array.of(-3, -3)],
  ]);
  const { means } = judgePairs(paired, now, reference, DPO);
  expect(means).toMatchObject({ accuracy: 1, undecided: 0, margin: 3.5, pairs: 1 });
  expect(means.reward.chosen).toBeCloseTo(0.15, 12);
  expect(means.reward.rejected).toBeCloseTo(-0.2, 12);
  expect(means.logProb).toEqual({ chosen: -2, rejected: -8 });
  expect(means.perToken).toEqual({ chosen: -1, rejected: -4 });
  expect(means.loss).toBeCloseTo(Math.log1p(Math.exp(-0.35)), 12);
});

test("the KL of a step is 0 for equal policies, positive else, and 0 where nothing is compared", () => {
  expect(meanKl([[-1, -2]], [[-1, -2]])).toBe(0);
  // exp(d) - d - 1 of d = 0.1 and -0.1, the mean of two tokens.
  expect(meanKl([[-1, -2]], [[-0.9, -2.1]])).toBeCloseTo((Math.exp(0.1) + Math.exp(-0.1) - 2) / 2, 12);
  expect(meanKl([[-1, -2]], [undefined])).toBe(0);
});
