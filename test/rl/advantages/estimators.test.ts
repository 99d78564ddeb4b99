// Advantage estimators as arithmetic: what each promises for any rewards. verl's numbers are in golden.test.ts.

import { describe, expect, test } from "vitest";

import type { AdvantageArgs } from "../../../src/rl/advantages/index.ts";
import { ADVANTAGE_ESTIMATORS, advantageEstimator } from "../../../src/rl/advantages/index.ts";
import type { ConfigKey } from "../../../src/rl/config.ts";
import { CONFIG_KEYS, configWith, fieldOf, isRead } from "../../../src/rl/config.ts";
import { METRICS } from "../../../src/rl/metrics.ts";
import { advantagesOf } from "../../../src/rl/options/index.ts";
import { applyKlToRewards } from "../../../src/rl/kl-control.ts";

const ALL = ADVANTAGE_ESTIMATORS;

/** Two groups of three and one of one; the fifth response is empty. */
const LENGTHS = [3, 1, 2, 4, 0, 2, 3];
const perToken = (value: (i: number, t: number) => number): Float64Array[] =>
  LENGTHS.map((length, i) => Float64Array.from({ length }, (_, t) => value(i, t)));
const ARGS: AdvantageArgs = {
  rewards: [1, 0, 0.5, 0, 1, 1, 0.25],
  groups: [4, 4, 4, 9, 9, 9, 2],
  responseLengths: LENGTHS,
  baselines: [1, 1, 1, 0, 0, 0, 0.5],
  values: perToken((i, t) => 0.1 * i - 0.2 * t),
  oldLogProb: perToken((i, t) => -0.3 - 0.1 * i - 0.05 * t),
  sumSquaredProb: perToken((i, t) => 0.5 + 0.01 * i + 0.02 * t),
  settings: { normaliseByStd: true, epsilon: 1e-6, gamma: 1, lambda: 0.95, zeroTail: true },
};
/** Without the group of one, which grpo_passk refuses. */
const PAIRED: AdvantageArgs = { ...ARGS, groups: [4, 4, 4, 9, 9, 9, 9] };

const advantages = (id: string, args: AdvantageArgs): number[][] =>
  advantageEstimator(id)
    .estimate(args)
    .map((list) => [...list]);
const first = (id: string, args: AdvantageArgs): (number | undefined)[] =>
  advantages(id, args).map((list) => list[0]);

const small = (rewards: readonly number[], more: Partial<AdvantageArgs> = {}): AdvantageArgs => ({
  rewards,
  groups: rewards.map(() => 0),
  responseLengths: rewards.map(() => 1),
  settings: ARGS.settings,
  ...more,
});

describe.each(ALL.map(({ id }) => id))("%s", (id) => {
  test("gives every token of every response a finite number", () => {
    const result = advantages(id, PAIRED);
    expect(result.map(({ length }) => length)).toEqual(LENGTHS);
    expect(result.flat().every(Number.isFinite)).toBe(true);
    expect(result.flat().some((value) => value !== 0)).toBe(true);
  });

  test("leaves what it is given as it is", () => {
    const args = { ...PAIRED, tokenRewards: perToken((i, t) => i - t) };
    const before = structuredClone(args);
    advantageEstimator(id).estimate(args);
    expect(args).toEqual(before);
  });

  test("takes a reward on the last token and the same reward of the response alike", () => {
    const tokenRewards = perToken((i, t) => (t === LENGTHS[i]! - 1 ? ARGS.rewards[i]! : 0));
    // An empty response has no token to carry its reward.
    const rewards = Array.from(PAIRED.rewards, (reward, i) => (LENGTHS[i] === 0 ? 0 : reward));
    expect(advantages(id, { ...PAIRED, rewards: rewards.map(() => 7), tokenRewards })).toEqual(
      advantages(id, { ...PAIRED, rewards }),
    );
  });

  test("refuses lists that do not belong together", () => {
    expect(() => advantageEstimator(id).estimate({ ...PAIRED, tokenRewards: [new Float64Array(1)] })).toThrow(
      /token rewards for 3 tokens of response 0|no token rewards/,
    );
  });

  test("has a paper with an arXiv number and says how it differs", () => {
    const entry = advantageEstimator(id);
    expect(entry.paper.url).toMatch(/^https:\/\/arxiv\.org\/abs\/\d{4}\.\d{5}$/);
    expect(entry.differs).toMatch(/\.$/);
  });
});

describe("what an estimator needs", () => {
  test.each([
    [
      "remax",
      { ...ARGS, baselines: undefined },
      /remax needs the reward of a greedy response to every prompt/,
    ],
    ["gae", { ...ARGS, values: undefined }, /gae needs the values of a critic/],
    ["optimal_token_baseline", { ...ARGS, sumSquaredProb: undefined }, /needs sums of squared probabilities/],
    ["optimal_token_baseline", { ...ARGS, oldLogProb: undefined }, /log-probabilities under the old policy/],
    ["grpo_passk", ARGS, /A group has 1 response: .* Set group size/],
    ["reinforce_plus_plus", small([1]), /has 1 response tokens: .* which needs 2/],
  ])("%s says what is missing", (id, args, sentence) => {
    expect(() => advantageEstimator(id).estimate(args as AdvantageArgs)).toThrow(sentence);
  });

  test("stands in its entry", () => {
    const withNeed = (need: string): string[] =>
      ALL.filter(({ needs }) => needs.some((one) => one === need)).map(({ id }) => id);
    expect(withNeed("greedy-baseline")).toEqual(["remax"]);
    expect(withNeed("values")).toEqual(["gae"]);
    expect(withNeed("sum-squared-prob")).toEqual(["optimal_token_baseline", "tir_optimal_token_baseline"]);
    expect(withNeed("group")).not.toContain("reinforce_plus_plus");
  });

  test("a setting that was left out is a fault of the caller", () => {
    const args = { ...ARGS, settings: { normaliseByStd: true, epsilon: 1e-6 } };
    expect(() => advantageEstimator("gae").estimate(args)).toThrow("gae was given no gamma");
  });
});

test("a run can choose only what works with the settings that it hands over, and what its needs say", () => {
  const values = LENGTHS.map((length) => new Float64Array(length));
  for (const entry of ADVANTAGE_ESTIMATORS) {
    const { settings } = advantagesOf(configWith({ "algorithm.adv_estimator": entry.id }));
    const { baselines, oldLogProb, sumSquaredProb } = ARGS;
    const args = {
      rewards: PAIRED.rewards,
      groups: PAIRED.groups,
      responseLengths: LENGTHS,
      settings,
      ...(entry.needs.includes("greedy-baseline") && { baselines }),
      ...(entry.needs.includes("values") && { values }),
      ...(entry.needs.includes("sum-squared-prob") && { oldLogProb, sumSquaredProb }),
    } as AdvantageArgs;
    expect(() => entry.estimate(args), entry.id).not.toThrow();
    const returns = entry.needs.includes("values") ? LENGTHS : undefined;
    expect(entry.returns?.(args).map(({ length }) => length)).toEqual(returns);
  }
  expect(new Set(ALL.map(({ id }) => id)).size).toBe(ALL.length);
});

/** Where advantages.ts of options/ reads each setting; weights of kinds come with the kinds. */
const KEYS: Readonly<Record<string, string>> = {
  normaliseByStd: "algorithm.norm_adv_by_std_in_grpo",
  epsilon: "gradus.advantage_epsilon",
  stdOver: "gradus.advantage_std",
  gamma: "algorithm.gamma",
  lambda: "algorithm.lam",
  zeroTail: "gradus.zero_tail",
};
test.each(ALL.map(({ id, params }) => [id, params] as const))(
  "%s lists the settings that it reads, and no other",
  (id, params) => {
    const read = new Set<string>();
    const settings = new Proxy(ARGS.settings, {
      get: (target, name: string) => {
        read.add(name);
        return target[name as keyof typeof target];
      },
    });
    advantageEstimator(id).estimate({ ...PAIRED, settings });
    const keys = [...read].flatMap((name) => (name === "componentWeights" ? [] : [KEYS[name]]));
    expect(new Set(keys)).toEqual(new Set(params));
  },
);

test("the form shows a setting of advantages only under estimators that read it", () => {
  const shown = (id: string): ConfigKey[] => {
    const config = configWith({ "algorithm.adv_estimator": id });
    return CONFIG_KEYS.filter(
      (key) => fieldOf(key).topic === "Advantage" && key !== "algorithm.adv_estimator" && isRead(key, config),
    );
  };
  for (const { id, params } of ADVANTAGE_ESTIMATORS)
    expect(shown(id).toSorted(), id).toEqual([...params].toSorted());
  const metrics = METRICS.map(({ key }) => key);
  for (const key of shown("grpo")) expect(metrics).toContain(fieldOf(key).watch);
  const none = configWith({ "algorithm.norm_adv_by_std_in_grpo": false });
  expect(isRead("gradus.advantage_std", none)).toBe(false);
});

describe("estimators that compare within a group", () => {
  test("rloo compares with the mean of the others", () => {
    expect(first("rloo", small([1, 0, 0.5]))).toEqual([0.75, -0.75, 0]);
  });

  test("a group of one keeps its reward in rloo and gets nothing in rloo_vectorized", () => {
    expect(first("rloo", small([0.5]))).toEqual([0.5]);
    expect(first("rloo_vectorized", small([0.5]))).toEqual([0]);
  });

  test("opo weighs the baseline by length", () => {
    expect(first("opo", small([1, 0], { responseLengths: [3, 1] }))).toEqual([0.25, -0.75]);
  });

  test("grpo_passk rewards only the best, by its lead", () => {
    const args = small([0.25, 1, 0.5], { settings: { ...ARGS.settings, normaliseByStd: false } });
    expect(first("grpo_passk", args)).toEqual([0, 0.5, 0]);
    expect(first("grpo_passk", small([1, 1, 0]))).toEqual([0, 0, 0]);
  });

  test("gpg scales up when few responses earn anything", () => {
    expect(first("gpg", small([1, 0, 0, 0]))).toEqual([3, -1, -1, -1]);
    expect(first("gpg", small([0, 0]))).toEqual([0, 0]);
  });

  test("grpo can divide by the batch's deviation: a group with little spread then learns less", () => {
    const args = small([1, 0, 0.6, 0.5], { groups: [0, 0, 1, 1] });
    const own = first("grpo", args).map(Number);
    const settings = { ...ARGS.settings, stdOver: "batch" as const };
    const batch = first("grpo", { ...args, settings }).map(Number);
    expect(own[0]).toBeCloseTo(own[2]!, 4);
    expect(batch[0]! / batch[2]!).toBeCloseTo(10, 9);
  });

  test("gdpo gives each kind of reward its weight, whatever its scale", () => {
    const rare = [0, 0, 0, 100];
    const common = [0, 1, 0, 1];
    const of = (rewardComponents: number[][], componentWeights?: number[]): number[] =>
      first("gdpo", {
        ...small([0, 0, 0, 0], { rewardComponents }),
        settings: { ...ARGS.settings, ...(componentWeights && { componentWeights }) },
      }).map(Number);
    const scaled = of([rare.map((reward) => reward / 100), common]);
    of([rare, common]).forEach((value, i) => expect(value).toBeCloseTo(scaled[i]!, 5));
    expect(of([rare, common], [0, 1])).toEqual(of([common]));
    expect(() => of([rare, common], [1])).toThrow("1 weights for 2 kinds");
  });

  test.each(ALL.flatMap(({ id, sameAs }) => (sameAs ? [[id, sameAs] as const] : [])))(
    "%s gives the numbers of %s for what the engine makes",
    (id, other) => {
      expect(advantages(id, PAIRED)).toEqual(advantages(other, PAIRED));
    },
  );
});

describe("estimators that look at tokens", () => {
  test("whitened ones have mean 0 and spread 1 over the tokens", () => {
    for (const id of ["reinforce_plus_plus", "reinforce_plus_plus_baseline", "gdpo", "gae"]) {
      const values = advantages(id, PAIRED).flat();
      const mean = values.reduce((a, b) => a + b, 0) / values.length;
      const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / (values.length - 1);
      expect(mean, id).toBeCloseTo(0, 7);
      expect(variance, id).toBeCloseTo(1, 6);
    }
  });

  test("a token is credited with what comes after it, not before", () => {
    const args = small([0, 0], {
      responseLengths: [3, 1],
      tokenRewards: [Float64Array.of(0, 1, 0), Float64Array.of(0)],
      baselines: [0, 0],
    });
    expect(advantages("remax", args)).toEqual([[1, 1, 0], [0]]);
    const values = advantages("reinforce_plus_plus", { ...args, settings: { ...ARGS.settings, gamma: 0.5 } });
    const [[early, at, late]] = values as [[number, number, number]];
    expect((early - late) / (at - late)).toBeCloseTo(0.5, 12);
  });

  test("remax compares with the greedy response", () => {
    expect(first("remax", small([1, 1, 0], { baselines: [0, 1, 1] }))).toEqual([1, 0, -1]);
  });

  test("gae without decay and with a critic that knows nothing is the reward to go, whitened", () => {
    const values = LENGTHS.map((length) => new Float64Array(length));
    const settings = { ...ARGS.settings, lambda: 1 };
    const args = { ...ARGS, values, settings };
    expect(advantages("gae", args)).toEqual(advantages("reinforce_plus_plus", args));
  });

  test("gae's returns are the reward to go, when it looks to the end, and the next value at once, when it does not", () => {
    const values = LENGTHS.map((length, i) => Float64Array.from({ length }, (_, t) => i - 0.5 * t));
    const returns = (lambda: number): Float64Array[] =>
      advantageEstimator("gae").returns!({
        ...ARGS,
        values,
        settings: { ...ARGS.settings, gamma: 1, lambda },
      });
    returns(1).forEach((list, i) => list.forEach((value) => expect(value).toBeCloseTo(ARGS.rewards[i]!, 12)));
    returns(0).forEach((list, i) =>
      list.forEach((value, t) => expect(value).toBeCloseTo(values[i]![t + 1] ?? ARGS.rewards[i]!, 12)),
    );
  });

  test("the optimal token baseline trusts the response whose tokens were less certain", () => {
    const args = small([1, 0], {
      oldLogProb: [[Math.log(0.5)], [Math.log(0.5)]],
      sumSquaredProb: [[0.3], [0.9]],
    });
    // Weights 0.3 and 0.9: the baseline is 0.25.
    expect(first("optimal_token_baseline", args).map((a) => a!.toFixed(6))).toEqual([
      "0.750000",
      "-0.250000",
    ]);
    const corrected = { ...args, samplerWeight: [[Math.sqrt(3)], [1]] };
    expect(first("optimal_token_baseline", corrected).map((a) => a!.toFixed(6))).toEqual([
      "0.500000",
      "-0.500000",
    ]);
  });

  test("where only the longest response is left it has no baseline, if so set", () => {
    const args = small([1, 0], {
      responseLengths: [2, 1],
      oldLogProb: [[-1, -1], [-1]],
      sumSquaredProb: [[0.5, 0.5], [0.5]],
    });
    expect(advantages("optimal_token_baseline", args)[0]![1]).toBe(1);
    const settings = { ...ARGS.settings, zeroTail: false };
    expect(advantages("optimal_token_baseline", { ...args, settings })[0]![1]).toBeCloseTo(0, 6);
  });

  test("a tool's output takes up places, unless the estimator for tools is chosen", () => {
    const args = small([1, 0], {
      responseLengths: [2, 2],
      oldLogProb: [
        [-1, -1],
        [-1, -1],
      ],
      sumSquaredProb: [
        [0.5, 0.5],
        [0.5, 0.5],
      ],
      positions: [
        [0, 5],
        [0, 1],
      ],
    });
    const apart = advantages("optimal_token_baseline", args);
    const squeezed = advantages("tir_optimal_token_baseline", args);
    expect(apart[1]![1]).toBe(0);
    expect(squeezed[1]![1]).toBeCloseTo(-0.5, 6);
  });
});

test("KL in the reward reaches the advantage of a response", () => {
  const tokenScores = [Float64Array.of(0, 1), Float64Array.of(0, 1)];
  const { tokenRewards } = applyKlToRewards({
    tokenScores,
    oldLogProb: [
      [-1, -1],
      [-1, -1],
    ],
    refLogProb: [
      [-1, -1],
      [-2, -1],
    ],
    type: "kl",
    coef: 0.1,
  });
  const args = small([1, 1], { responseLengths: [2, 2], tokenRewards });
  expect(first("rloo", args).map((a) => a!.toFixed(6))).toEqual(["0.100000", "-0.100000"]);
});
