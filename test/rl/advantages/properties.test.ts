// Estimators against formulas written out once more, the way a paper has them, on random batches: groups of any size in any
// order, rewards of a few levels or of any size.

import { expect, test } from "vitest";

import { SeededRandom } from "../../../src/common/random.ts";
import { mean, sum } from "../../../src/common/numbers.ts";
import type { AdvantageArgs, AdvantageSettings } from "../../../src/rl/advantages/index.ts";
import { advantageEstimator } from "../../../src/rl/advantages/index.ts";

interface Batch {
  readonly r: readonly number[];
  readonly group: readonly number[];
  readonly length: readonly number[];
  /** Rewards token by token, whose sum is r. */
  readonly tokens: readonly (readonly number[])[];
  readonly greedy: readonly number[];
  readonly logProb: readonly (readonly number[])[];
  readonly squares: readonly (readonly number[])[];
}

const EPSILON = 1e-6;
const GAMMA = 0.9;
const SETTINGS: AdvantageSettings = {
  normaliseByStd: true,
  epsilon: EPSILON,
  stdOver: "group",
  gamma: GAMMA,
  zeroTail: false,
};

/** Two to five groups of two to six responses, shuffled. */
function batchOf(seed: number): Batch {
  const random = new SeededRandom(seed, 77);
  const below = (n: number): number => Math.floor(n * random.uniform());
  const group = Array.from({ length: 2 + below(4) }, (_, g) =>
    Array.from({ length: 2 + below(5) }, () => 10 * g),
  ).flat();
  random.shuffle(group);
  const length = group.map(() => 1 + below(6));
  const perToken = (value: () => number): number[][] =>
    length.map((count) => Array.from({ length: count }, value));
  const tokens = perToken(() => (seed % 2 === 0 ? 0 : random.normal()));
  // Few levels on the last token, as rules give them, or rewards everywhere.
  tokens.forEach((list) => (list[list.length - 1]! += [0, 0.1, 0.5, 1][below(4)]!));
  const logProb = perToken(() => Math.log(0.05 + 0.9 * random.uniform()));
  return {
    r: tokens.map(sum),
    group,
    length,
    tokens,
    greedy: group.map(() => random.uniform()),
    logProb,
    squares: logProb.map((list) => list.map((value) => Math.exp(2 * value) + 0.04 * random.uniform())),
  };
}

const argsOf = (b: Batch, settings: Partial<AdvantageSettings> = {}): AdvantageArgs => ({
  rewards: b.r,
  groups: b.group,
  responseLengths: b.length,
  tokenRewards: b.tokens,
  baselines: b.greedy,
  oldLogProb: b.logProb,
  sumSquaredProb: b.squares,
  settings: { ...SETTINGS, ...settings },
});

const std = (values: readonly number[]): number =>
  Math.sqrt(sum(values.map((value) => (value - mean(values)) ** 2)) / (values.length - 1));
/** Responses to the prompt of response `i`. */
const peers = ({ group }: Batch, i: number): number[] =>
  [...group.keys()].filter((j) => group[j] === group[i]);
const peerRewards = (b: Batch, i: number): number[] => peers(b, i).map((j) => b.r[j]!);
/** Reward from token `t` on. */
const toGo = (list: readonly number[], t: number, gamma = 1): number =>
  sum(list.slice(t).map((reward, k) => gamma ** k * reward));
const whitened = (b: Batch, value: (i: number, t: number) => number): ((i: number, t: number) => number) => {
  const all = b.length.flatMap((count, i) => Array.from({ length: count }, (_, t) => value(i, t)));
  return (i, t) => (value(i, t) - mean(all)) / Math.sqrt(std(all) ** 2 + 1e-8);
};
const weightUpTo = (b: Batch, j: number, t: number): number =>
  sum(b.logProb[j]!.slice(0, t + 1).map((value, k) => 1 - 2 * Math.exp(value) + b.squares[j]![k]!));

type Formula = (b: Batch) => (i: number, t: number) => number;

const grpoOf = (values: readonly number[], own: number): number =>
  (own - mean(values)) / (std(values) + EPSILON);

const FORMULAS: readonly (readonly [string, Partial<AdvantageSettings>, Formula])[] = [
  ["grpo", {}, (b) => (i) => grpoOf(peerRewards(b, i), b.r[i]!)],
  ["grpo", { normaliseByStd: false }, (b) => (i) => b.r[i]! - mean(peerRewards(b, i))],
  ["grpo", { stdOver: "batch" }, (b) => (i) => (b.r[i]! - mean(peerRewards(b, i))) / (std(b.r) + EPSILON)],
  [
    "rloo",
    {},
    (b) => (i) =>
      b.r[i]! -
      mean(
        peers(b, i)
          .filter((j) => j !== i)
          .map((j) => b.r[j]!),
      ),
  ],
  [
    "opo",
    {},
    (b) => (i) =>
      b.r[i]! -
      sum(peers(b, i).map((j) => b.length[j]! * b.r[j]!)) / sum(peers(b, i).map((j) => b.length[j]!)),
  ],
  [
    "gpg",
    {},
    (b) => (i) =>
      (b.r.length / b.r.filter((reward) => reward !== 0).length) * (b.r[i]! - mean(peerRewards(b, i))),
  ],
  [
    "grpo_passk",
    {},
    (b) => (i) => {
      const [best, second] = peerRewards(b, i).toSorted((x, y) => y - x) as [number, number];
      return b.r[i] === best ? (best - second) / (std(peerRewards(b, i)) + EPSILON) : 0;
    },
  ],
  ["reinforce_plus_plus_baseline", {}, (b) => whitened(b, (i) => b.r[i]! - mean(peerRewards(b, i)))],
  ["reinforce_plus_plus", {}, (b) => whitened(b, (i, t) => toGo(b.tokens[i]!, t, GAMMA))],
  ["gdpo", {}, (b) => whitened(b, (i) => grpoOf(peerRewards(b, i), b.r[i]!))],
  ["remax", {}, (b) => (i, t) => toGo(b.tokens[i]!, t) - b.greedy[i]!],
  [
    "optimal_token_baseline",
    {},
    (b) => (i, t) => {
      const there = peers(b, i).filter((j) => t < b.length[j]!);
      const total = sum(there.map((j) => weightUpTo(b, j, t))) + 1e-8;
      return (
        toGo(b.tokens[i]!, t) - sum(there.map((j) => toGo(b.tokens[j]!, t) * weightUpTo(b, j, t))) / total
      );
    },
  ],
];

test.each(FORMULAS)("%s is its formula on random batches, with %j", (id, settings, formula) => {
  for (let seed = 0; seed < 40; seed++) {
    const b = batchOf(seed);
    const wanted = formula(b);
    const result = advantageEstimator(id).estimate(argsOf(b, settings));
    result.forEach((list, i) =>
      list.forEach((value, t) => {
        const error = Math.abs(value - wanted(i, t));
        expect(error, `batch ${seed}, token ${t} of response ${i}`).toBeLessThan(
          1e-7 * (1 + Math.abs(value)),
        );
      }),
    );
  }
});

test("gdpo of two kinds adds what GRPO makes of each, by weight", () => {
  for (let seed = 0; seed < 40; seed++) {
    const b = batchOf(seed);
    const kinds = [b.r, b.greedy];
    const args = { ...argsOf(b, { componentWeights: [1, 0.3] }), rewardComponents: kinds };
    const of = (kind: readonly number[], i: number): number =>
      grpoOf(
        peers(b, i).map((j) => kind[j]!),
        kind[i]!,
      );
    const wanted = whitened(b, (i) => of(b.r, i) + 0.3 * of(b.greedy, i));
    advantageEstimator("gdpo")
      .estimate(args)
      .forEach((list, i) => expect(list[0]).toBeCloseTo(wanted(i, 0), 6));
  }
});
