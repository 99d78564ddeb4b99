// Advantages of a step some of whose tokens are not trained on: as if those were not there, but for what they earned.

import { describe, expect, test } from "vitest";

import type { AdvantageArgs } from "../../../src/rl/advantages/index.ts";
import { ADVANTAGE_ESTIMATORS, advantageEstimator } from "../../../src/rl/advantages/index.ts";
import type { Estimate } from "../../../src/rl/advantages/masked.ts";
import { estimateMasked } from "../../../src/rl/advantages/masked.ts";

const SETTINGS = {
  normaliseByStd: true,
  epsilon: 1e-6,
  stdOver: "group",
  gamma: 1,
  lambda: 0.9,
  zeroTail: false,
} as const;

/** A response of a group, with numbers that differ from token to token. */
interface Response {
  readonly group: number;
  readonly rewards: readonly number[];
  readonly seed: number;
}
const RESPONSES: readonly Response[] = [
  { group: 0, rewards: [0, -0.1, 1], seed: 1 },
  { group: 0, rewards: [0.2, 0], seed: 2 },
  { group: 0, rewards: [-0.1, 0, 0, 0.5], seed: 3 },
  { group: 1, rewards: [0, 1], seed: 4 },
  { group: 1, rewards: [0.3, 0, 0.1], seed: 5 },
];

/** What an estimator is given of `responses`, without the tokens at which `isLeft` says so. */
function argsOf(
  responses: readonly Response[],
  isLeft: (response: Response, token: number) => boolean = () => true,
): AdvantageArgs {
  const perToken = (value: (seed: number, t: number, reward: number) => number): number[][] =>
    responses.map((response) =>
      response.rewards.flatMap((reward, t) => (isLeft(response, t) ? [value(response.seed, t, reward)] : [])),
    );
  const total = responses.map(({ rewards }) => rewards.reduce((a, b) => a + b, 0));
  return {
    rewards: total,
    groups: responses.map(({ group }) => group),
    responseLengths: perToken(() => 0).map(({ length }) => length),
    tokenRewards: perToken((_seed, _t, reward) => reward),
    baselines: total.map(() => 0.1),
    values: perToken((seed, t) => 0.3 * Math.cos(seed + 2 * t)),
    oldLogProb: perToken((seed, t) => -0.2 - Math.abs(Math.sin(seed + t))),
    sumSquaredProb: perToken((seed, t) => 0.4 + 0.3 * Math.abs(Math.sin(seed - t)) ** 2),
    positions: perToken((_, t) => t),
    settings: SETTINGS,
  };
}

const maskOf = (isLeft: (response: Response, token: number) => boolean): number[][] =>
  RESPONSES.map((response) => response.rewards.map((_, t) => (isLeft(response, t) ? 1 : 0)));
const ARGS = argsOf(RESPONSES);
const estimateOf =
  (id: string): Estimate =>
  (args) =>
    advantageEstimator(id).estimate(args);
const ESTIMATES: readonly (readonly [string, Estimate])[] = [
  ...ADVANTAGE_ESTIMATORS.map(({ id }) => [id, estimateOf(id)] as const),
  ["returns of gae", (args) => advantageEstimator("gae").returns!(args)],
];

describe.each(ESTIMATES)("%s", (_, estimate) => {
  test("of tokens that are all left is what it was", () => {
    expect(
      estimateMasked(
        estimate,
        ARGS,
        maskOf(() => true),
      ),
    ).toEqual(estimate(ARGS));
  });

  test("goes past a token that earned nothing as if it were not there", () => {
    const isLeft = ({ seed }: Response, t: number): boolean => !(seed === 3 && (t === 1 || t === 2));
    const found = estimateMasked(estimate, ARGS, maskOf(isLeft));
    const [first, , , last] = found[2]!;
    expect(found[2]!.slice(1, 3)).toEqual(Float64Array.of(0, 0));
    const left = estimate(argsOf(RESPONSES, isLeft));
    expect([...found.slice(0, 2), Float64Array.of(first!, last!), ...found.slice(3)]).toEqual(left);
  });

  test("gives nothing where fewer than two tokens are left", () => {
    for (const isLeft of [() => false, ({ seed }: Response, t: number): boolean => seed === 1 && t === 0])
      expect(estimateMasked(estimate, ARGS, maskOf(isLeft)).flatMap((list) => [...list])).toEqual(
        RESPONSES.flatMap(({ rewards }) => rewards.map(() => 0)),
      );
  });
});

const withoutThird = ({ seed }: Response): boolean => seed !== 3;

test("a spread over tokens does not see a response that is left out", () => {
  const estimate = estimateOf("gae");
  const found = estimateMasked(estimate, ARGS, maskOf(withoutThird));
  const alone = estimate(argsOf(RESPONSES.filter(withoutThird)));
  expect(found.filter((__, i) => i !== 2)).toEqual(alone);
});

test("a response that is left out still counts in its group, with all that it earned", () => {
  const estimate = estimateOf("grpo");
  const found = estimateMasked(estimate, ARGS, maskOf(withoutThird));
  const whole = estimate(ARGS);
  expect(found[0]).toEqual(whole[0]);
  expect([...found[2]!]).toEqual([0, 0, 0, 0]);
});

test("what a masked token earned goes to the one before it, and of the first tokens to the first that is left", () => {
  const toGo = { ...ARGS, baselines: RESPONSES.map(() => 0) };
  const isLeft = ({ seed }: Response, t: number): boolean => (seed === 3 ? t === 1 || t === 2 : t !== 2);
  const found = estimateMasked(estimateOf("remax"), toGo, maskOf(isLeft));
  // [0, -0.1, 1] without its last, [-0.1, 0, 0, 0.5] without its first and last.
  expect(found[0]![1]).toBeCloseTo(0.9, 12);
  expect(found[2]![1]).toBeCloseTo(0.4, 12);
  expect(found[2]![2]).toBeCloseTo(0.5, 12);
});
