// Every estimator at the edges of what a run can hand it: equal rewards, groups of one, responses without tokens or of very
// different lengths, a single response, KL in the reward. Never a NaN, and what comes out is what verl's rules say.

import { describe, expect, test } from "vitest";

import type { AdvantageArgs } from "../../../src/rl/advantages/index.ts";
import { ADVANTAGE_ESTIMATORS, advantageEstimator } from "../../../src/rl/advantages/index.ts";
import { configWith } from "../../../src/rl/config.ts";

const ALL = ADVANTAGE_ESTIMATORS;
const IDS = ALL.map(({ id }) => id);

interface Batch {
  readonly rewards: readonly number[];
  readonly groups: readonly number[];
  readonly lengths: readonly number[];
  /** Takes a little off the rewards of all tokens. */
  readonly hasKl?: boolean;
}

/** What a run would hand over of `batch`, whichever estimator asks. Greedy responses earn 0.1. */
function argsOf({ rewards, groups, lengths, hasKl }: Batch): AdvantageArgs {
  const perToken = (value: (i: number, t: number) => number): Float64Array[] =>
    lengths.map((length, i) => Float64Array.from({ length }, (_, t) => value(i, t)));
  const tokenRewards = perToken(
    (i, t) => (t === lengths[i]! - 1 ? rewards[i]! : 0) - 0.01 * Math.sin(1 + i + 3 * t),
  );
  return {
    rewards,
    groups,
    responseLengths: lengths,
    ...(hasKl && { tokenRewards }),
    baselines: rewards.map(() => 0.1),
    values: perToken((i, t) => 0.3 * Math.cos(i + 2 * t)),
    oldLogProb: perToken((i, t) => -0.2 - Math.abs(Math.sin(i + t))),
    sumSquaredProb: perToken((i, t) => 0.4 + 0.3 * Math.abs(Math.sin(i - t)) ** 2),
    settings: {
      normaliseByStd: true,
      epsilon: 1e-6,
      stdOver: "group",
      gamma: 1,
      lambda: 1,
      zeroTail: true,
    },
  };
}

const advantages = (id: string, args: AdvantageArgs): number[][] =>
  advantageEstimator(id)
    .estimate(args)
    .map((list) => [...list]);
const first = (id: string, args: AdvantageArgs): number[] => advantages(id, args).map((list) => list[0]!);
const size = (lists: readonly (readonly number[])[]): number => Math.max(0, ...lists.flat().map(Math.abs));

const PAIRS: Batch = { rewards: [1, 0, 0.5, 0.25], groups: [0, 0, 1, 1], lengths: [3, 1, 2, 4] };
const BATCHES: Readonly<Record<string, Batch>> = {
  "all rewards 1": { ...PAIRS, rewards: [1, 1, 1, 1] },
  "all rewards 0": { ...PAIRS, rewards: [0, 0, 0, 0] },
  "rewards that binary numbers cannot hold": {
    rewards: [0.1, 0.1, 0.1, 0.7, 0.7, 0.7],
    groups: [0, 0, 0, 1, 1, 1],
    lengths: [1, 2, 3, 1, 2, 3],
  },
  "an empty response": { ...PAIRS, lengths: [3, 0, 2, 4] },
  "an empty group": { ...PAIRS, lengths: [0, 0, 2, 4] },
  "all but one empty": { ...PAIRS, lengths: [0, 0, 0, 4] },
  "lengths of 1 and 3000": { ...PAIRS, lengths: [3000, 1, 1, 2999] },
  "a huge and a tiny reward": { ...PAIRS, rewards: [1e6, -1e6, 1e-12, 0] },
};

describe.each(Object.entries(BATCHES))("%s", (_, batch) => {
  test.each(IDS)("%s gives every token a finite number, with and without KL in the reward", (id) => {
    for (const hasKl of [false, true]) {
      const result = advantages(id, argsOf({ ...batch, hasKl }));
      expect(result.map(({ length }) => length)).toEqual(batch.lengths);
      expect(result.flat().filter((value) => !Number.isFinite(value))).toEqual([]);
    }
  });
});

describe("equal rewards teach nothing", () => {
  const equal = (reward: number, count: number): AdvantageArgs => {
    const rewards = Array.from({ length: 2 * count }, () => reward);
    return argsOf({
      rewards,
      groups: rewards.map((__, i) => Math.floor(i / count)),
      lengths: rewards.map((__, i) => 1 + (i % 4)),
    });
  };

  test.each(ADVANTAGE_ESTIMATORS.map(({ id }) => id))("%s, to the bit where it compares rewards", (id) => {
    // The weights of the token baseline add up to a sum that 1e-8 is added to.
    const limit = id.includes("token_baseline") ? 1e-6 : 0;
    for (const count of [2, 3, 7, 10])
      for (const reward of [1, 0.1, 0.7, -0.3]) {
        const args = equal(reward, count);
        const baselines = Array.from(args.rewards);
        // A critic that foresees them is taught nothing either.
        const values = Array.from(args.responseLengths, (length) => new Float64Array(length).fill(reward));
        // Where only the longest response goes on there is nothing to compare with.
        const settings = { ...args.settings, zeroTail: false };
        expect(
          size(advantages(id, { ...args, baselines, values, settings })),
          `${count} x ${reward}`,
        ).toBeLessThanOrEqual(limit);
      }
  });

  test("also when the deviation of the batch divides", () => {
    const args = argsOf({
      rewards: [0.1, 0.1, 0.1, 1, 0, 0],
      groups: [0, 0, 0, 1, 1, 1],
      lengths: [1, 1, 1, 1, 1, 1],
    });
    const settings = { ...args.settings, stdOver: "batch" } as const;
    expect(first("grpo", { ...args, settings }).slice(0, 3)).toEqual([0, 0, 0]);
  });
});

describe("groups of one", () => {
  const args = argsOf({ rewards: [1, 0.5, 0], groups: [0, 1, 2], lengths: [2, 1, 3] });

  test.each([
    ["grpo", [1 / (1 + 1e-6), 0.5 / (1 + 1e-6), 0]],
    ["grpo_vectorized", [1 / (1 + 1e-6), 0.5 / (1 + 1e-6), 0]],
    ["rloo", [1, 0.5, 0]],
    ["rloo_vectorized", [0, 0, 0]],
    ["opo", [1, 0.5, 0]],
    ["gpg", [1.5, 0.75, 0]],
    ["remax", [0.9, 0.4, -0.1]],
    ["optimal_token_baseline", [1, 0.5, 0]],
    ["tir_optimal_token_baseline", [1, 0.5, 0]],
  ])("%s is what verl says", (id, wanted) => {
    first(id, args).forEach((value, i) => expect(value).toBeCloseTo(wanted[i]!, 12));
  });

  test.each(["reinforce_plus_plus", "reinforce_plus_plus_baseline", "gdpo", "gae"])(
    "%s compares over the batch",
    (id) => {
      const result = advantages(id, args).flat();
      expect(result.reduce((sum, value) => sum + value, 0)).toBeCloseTo(0, 6);
      expect(size([result])).toBeGreaterThan(0.5);
    },
  );

  test.each(ADVANTAGE_ESTIMATORS.map(({ id, needs }) => [id, needs.includes("group")] as const))(
    "%s is refused before the run if it compares within groups: %s",
    (id, isRefused) => {
      const settings = { "algorithm.adv_estimator": id, "actor_rollout_ref.rollout.n": 1 };
      if (isRefused) expect(() => configWith(settings)).toThrow(/Group size is 1: .* Set group size/);
      else expect(() => configWith(settings)).not.toThrow();
    },
  );
});

describe("one response in the whole step", () => {
  const alone = argsOf({ rewards: [0.3], groups: [0], lengths: [3] });

  test.each(IDS.filter((id) => id !== "grpo_passk"))("%s has a finite number for it", (id) => {
    expect(advantages(id, alone)[0]!.every(Number.isFinite)).toBe(true);
  });

  test("one that compares over the step gives 0, not what rounding leaves", () => {
    for (const id of ["reinforce_plus_plus", "reinforce_plus_plus_baseline", "gdpo"])
      expect(advantages(id, alone), id).toEqual([[0, 0, 0]]);
  });

  test("such a run is refused before it begins, and ReMax's is not", () => {
    const one = { "actor_rollout_ref.rollout.n": 1, "data.train_batch_size": 1 };
    for (const id of ["reinforce_plus_plus", "reinforce_plus_plus_baseline", "gae"])
      expect(() => configWith({ ...one, "algorithm.adv_estimator": id })).toThrow(
        `A step has 1 prompt and group size 1: ${id} compares the responses of a step`,
      );
    expect(() => configWith({ ...one, "algorithm.adv_estimator": "remax" })).not.toThrow();
  });

  test("of one token has no spread, and whitening says so", () => {
    const token = argsOf({ rewards: [1], groups: [0], lengths: [1] });
    for (const id of ["reinforce_plus_plus", "reinforce_plus_plus_baseline", "gdpo", "gae"])
      expect(() => advantages(id, token), id).toThrow(/1 response tokens.* Raise prompts per step/);
  });
});

describe("KL in the reward", () => {
  test.each(ADVANTAGE_ESTIMATORS.filter(({ id }) => id !== "grpo_passk").map(({ id }) => id))(
    "%s prefers the response that stayed nearer, all else equal",
    (id) => {
      const args = {
        ...argsOf({ rewards: [1, 1, 1, 1], groups: [0, 0, 1, 1], lengths: [2, 2, 2, 2] }),
        tokenRewards: [0, 0.2, 0, 0.2].map((price) => [-price, 1 - price]),
        oldLogProb: [1, 1, 1, 1].map(() => [-1, -1]),
        sumSquaredProb: [1, 1, 1, 1].map(() => [0.5, 0.5]),
      };
      const [near, far] = first(id, args) as [number, number];
      expect(near).toBeGreaterThan(far + 0.1);
    },
  );
});
