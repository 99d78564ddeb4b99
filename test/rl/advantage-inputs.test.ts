// What estimators are given of a step: rewards kind by kind, greedy baselines by group, sums of squared probabilities.

import { describe, expect, test } from "vitest";

import { advantageEstimator } from "../../src/rl/advantages/index.ts";
import { componentsOf, inputsOf } from "../../src/rl/advantage-inputs.ts";
import { configWith } from "../../src/rl/config.ts";
import { advantagesFor } from "../../src/rl/score.ts";
import type { JudgedRollout } from "../../src/rl/score.ts";
import { sumSquaredProb } from "../../src/rl/sum-squared-prob.ts";

const GDPO = configWith({ "algorithm.adv_estimator": "gdpo" });
const WITH_PENALTY = configWith({
  "algorithm.adv_estimator": "gdpo",
  "reward.reward_kwargs.overlong_buffer_cfg.enable": true,
});

/** A response of two tokens with these scores of a rare and of a common reward, of weights 1 and 0.5. */
function rollout(sample: number, [rare, common]: readonly [number, number], penalty = 0): JudgedRollout {
  return {
    tokens: [1, 2],
    samplerLogProb: [-1, -1],
    isTruncated: false,
    text: "",
    reward: { score: rare + 0.5 * common + penalty, strict: false, flexible: false },
    overlongPenalty: penalty,
    components: [
      { id: "rare", score: rare, weight: 1 },
      { id: "common", score: common, weight: 0.5 },
    ],
    group: Math.floor(sample / 4),
    sample: sample % 4,
  };
}

const SCORES = [
  [0, 0],
  [0, 10],
  [0, 0],
  [1, 10],
] as const;
const rollouts = SCORES.map((scores, i) => rollout(i, scores));
const kinds = [
  [0, 0, 0, 1],
  [0, 10, 0, 10],
];
const expected = (rewardComponents: number[][], componentWeights: number[]): number[][] =>
  advantageEstimator("gdpo")
    .estimate({
      rewards: [0, 0, 0, 0],
      groups: [0, 0, 0, 0],
      responseLengths: [2, 2, 2, 2],
      rewardComponents,
      settings: { normaliseByStd: true, epsilon: 1e-6, componentWeights },
    })
    .map((list) => [...list]);
const listsOf = (result: ReadonlyMap<JudgedRollout, Float64Array>): number[][] =>
  [...result.values()].map((list) => [...list]);

describe("rewards of several kinds", () => {
  test("reach gdpo kind by kind, with their weights", () => {
    expect(listsOf(advantagesFor({ config: GDPO }, rollouts))).toEqual(expected(kinds, [1, 0.5]));
  });

  test("are one sum to every other estimator", () => {
    const config = configWith({});
    const plain = rollouts.map(({ components: _, ...rest }) => rest);
    expect(listsOf(advantagesFor({ config }, rollouts))).toEqual(listsOf(advantagesFor({ config }, plain)));
  });

  test("have the penalty for length and KL in the reward as one kind more, so that neither is forgotten", () => {
    const punished = SCORES.map((scores, i) => rollout(i, scores, i === 1 ? -0.5 : 0));
    const withPenalty = componentsOf(WITH_PENALTY, punished, undefined)!;
    expect(withPenalty).toEqual({
      rewardComponents: [...kinds, [0, -0.5, 0, 0]],
      componentWeights: [1, 0.5, 1],
    });
    const tokenRewards = punished.map(({ reward }, i) => [-0.25 * i, reward.score]);
    const { rewardComponents } = componentsOf(WITH_PENALTY, punished, tokenRewards)!;
    expect(rewardComponents[2]).toEqual([0, -0.75, -0.5, -0.75]);
  });

  test("are absent where a response has one judgement", () => {
    const { components: _, ...plain } = rollout(0, [1, 1]);
    expect(componentsOf(GDPO, [plain], undefined)).toBeUndefined();
  });
});

test("the greedy response of a prompt is the baseline of each of its responses", () => {
  const eight = [...SCORES, ...SCORES].map((scores, i) => rollout(i, scores));
  const { baselines, ...others } = inputsOf(
    eight,
    { greedyBaseline: { scores: [0.25, 1], seconds: 1 } },
    { treatment: { mask: new Map(), metrics: {} }, numbers: new Map() },
  );
  expect(baselines).toEqual([0.25, 0.25, 0.25, 0.25, 1, 1, 1, 1]);
  expect(others).toEqual({});
});

describe("the sum of squared probabilities", () => {
  test("is that of the softmax", () => {
    const logits = [0.3, -1, 2];
    // Largest logit, sum, weighted sum and target logit, of which the last two do not matter.
    const state = (factor: number): number[] => [
      2 * factor,
      logits.reduce((sum, z) => sum + Math.exp(factor * (z - 2)), 0),
      0,
      0,
    ];
    const total = logits.reduce((sum, z) => sum + Math.exp(z), 0);
    const wanted = logits.reduce((sum, z) => sum + (Math.exp(z) / total) ** 2, 0);
    const logProb = Math.log(Math.exp(-1) / total);
    const sums = sumSquaredProb([logProb, logProb], [...state(1), ...state(1)], [...state(2), ...state(2)]);
    for (const value of sums) expect(value).toBeCloseTo(wanted, 12);
  });

  test("of a token that is nearly certain keeps within its bounds, so that no weight is negative", () => {
    const logProb = Math.log(1 - 1e-7);
    const [low] = sumSquaredProb([logProb], [20, 1, 0, 20], [40, 1 - 3e-6, 0, 40]);
    expect(1 - 2 * Math.exp(logProb) + low!).toBeGreaterThanOrEqual(0);
    expect(sumSquaredProb([logProb], [20, 1, 0, 20], [40, 1 + 3e-6, 0, 40])[0]).toBe(1);
  });
});
