// The objective in double precision: its gradients are those of its value, its counts count, and lists of names hold.
// verl's numbers are in test/node/verify-algorithms.test.ts.

import { describe, expect, test } from "vitest";

import { aggregationMode, aggregationWeight } from "../../../src/rl/losses/aggregate.ts";
import { lossParams, POLICY_LOSSES, policyLossById, sequenceStarts } from "../../../src/rl/losses/index.ts";
import { KL_TYPES, klPenalty, klType } from "../../../src/rl/losses/kl.ts";
import { objectiveReference } from "../../../src/rl/losses/reference.ts";
import { vanilla } from "../../../src/rl/losses/vanilla.ts";
import { read } from "../../files.ts";
import { expectClose } from "../../harness.ts";
import { objective, sample } from "./batches.ts";

const STEP = 1e-6;

/** Central differences of the objective along the tokens' `name`. */
function differences(test: ReturnType<typeof sample>, name: "logProb" | "entropy"): number[] {
  const at = (r: number, by: number): number => {
    const moved = Float64Array.from(test.policy[name]);
    moved[r]! += by;
    return objectiveReference({ ...test.policy, [name]: moved }, test.batch, objective).loss;
  };
  return Array.from(test.policy.logProb, (_, r) => (at(r, STEP) - at(r, -STEP)) / (2 * STEP));
}

describe("the objective", () => {
  test("has gradients that finite differences confirm", () => {
    const test = sample(53);
    const { dLogProb, dEntropy } = objectiveReference(test.policy, test.batch, objective);
    // A difference of 2e-6 leaves about 1e-9 of a double, of a loss near 1.
    expectClose(dLogProb, differences(test, "logProb"), { rtol: 1e-6, atol: 1e-9 }, "dLogProb");
    expectClose(dEntropy, differences(test, "entropy"), { rtol: 1e-6, atol: 1e-9 }, "dEntropy");
  });

  test("meets both clips and the dual clip in these tests", () => {
    const { policy, batch } = sample(257);
    const { stats } = objectiveReference(policy, batch, objective);
    expect(Math.min(stats.clippedLow, stats.clippedHigh, stats.clippedDual)).toBeGreaterThan(0);
    expect(stats.tokens).toBe(257);
    expect(stats.notFinite).toBe(0);
  });

  test("has the ratio 1 and the plain policy gradient while the policy is the old one", () => {
    const { policy, batch } = sample(20);
    const plain = { ...objective, kl: undefined!, entropyCoef: 0 };
    const { stats, dLogProb } = objectiveReference(policy, { ...batch, oldLogProb: "current" }, plain);
    expect(stats.importanceRatio).toBe(20);
    expect(stats.ratioDeviation).toBe(0);
    const wanted = Array.from(batch.advantage, (a, r) => -a * batch.weight[r]! * batch.samplerWeight![r]!);
    expect([...dLogProb]).toEqual(wanted);
  });

  test("counts tokens that are not finite", () => {
    const { policy, batch } = sample(5);
    policy.entropy[3] = NaN;
    policy.logProb[1] = -Infinity;
    expect(objectiveReference(policy, batch, objective).stats.notFinite).toBe(2);
  });

  test("is refused without the reference's log-probabilities", () => {
    const { policy, batch } = sample(5);
    const { refLogProb: _, ...rest } = policy;
    expect(() => objectiveReference(rest, batch, objective)).toThrow("needs the reference's");
  });
});

describe("KL penalties", () => {
  test.each(KL_TYPES.filter((type) => !type.endsWith("+")))("%s has the gradient of its value", (type) => {
    for (const d of [-12, -3, -1.4, -0.2, 0.3, 2, 9, 25]) {
      const at = (logProb: number): number => klPenalty(type, logProb, -2).value;
      const slope = (at(d - 2 + STEP) - at(d - 2 - STEP)) / (2 * STEP);
      expect(klPenalty(type, d - 2, -2).gradient).toBeCloseTo(slope, 4);
    }
  });

  test.each(KL_TYPES.filter((type) => type.endsWith("+")))(
    "%s keeps the value and the gradient of k2",
    (type) => {
      expect(klPenalty(type, -1, -4)).toEqual({
        value: klPenalty(klType(type.slice(0, -1)), -1, -4).value,
        gradient: 3,
      });
    },
  );

  test("an unknown name is refused with the nearest", () => {
    expect(() => klType("low_var")).toThrow(/no KL estimator "low_var"/);
    expect(() => klType("k4")).toThrow(/Did you mean/);
  });
});

describe("aggregation", () => {
  const counts = { tokens: 12, sequences: 4, tokenNormaliser: 8 };

  test("weights sum to what each mode means", () => {
    const lengths = [1, 2, 4, 5];
    const total = (name: string): number =>
      lengths.reduce((sum, n) => sum + n * aggregationWeight(aggregationMode(name), n, counts), 0);
    expect(total("token-mean")).toBeCloseTo(1, 12);
    expect(total("token-sum")).toBe(12);
    expect(total("seq-mean-token-sum")).toBe(3);
    expect(total("seq-mean-token-mean")).toBeCloseTo(1, 7);
    expect(total("seq-mean-token-sum-norm")).toBe(12 / 32);
  });

  test("an unknown mode and an empty batch are refused", () => {
    expect(() => aggregationMode("tokenmean")).toThrow(/Did you mean token-mean\?/);
    expect(() => aggregationWeight("token-mean", 3, { ...counts, tokens: 0 })).toThrow("divided by 0");
  });
});

describe("the list of policy losses", () => {
  test.each(POLICY_LOSSES)("$id has a shader of its name and at most eight settings", (loss) => {
    expect(loss.wgsl).toBe(read(`shaders/losses/${loss.id}.wgsl`));
    expect(loss.params.length).toBeLessThanOrEqual(8);
    expect(policyLossById(loss.id)).toBe(loss);
  });

  test("settings come from the configuration, with verl's fallback", () => {
    const config: Record<string, number | null> = {
      "actor_rollout_ref.actor.clip_ratio": 0.3,
      "actor_rollout_ref.actor.clip_ratio_low": null,
      "actor_rollout_ref.actor.clip_ratio_high": 0.28,
      "actor_rollout_ref.actor.clip_ratio_c": 10,
    };
    expect(lossParams(vanilla, (key) => config[key])).toEqual({
      clipLow: 0.3,
      clipHigh: 0.28,
      dualClip: 10,
      delta: -1,
    });
    expect(() => lossParams(vanilla, () => undefined)).toThrow(/clip_ratio_low is not set/);
    expect(() => lossParams(vanilla, () => 1)).toThrow(/dual clip \(clip_ratio_c\) is 1/);
  });

  test("an unknown loss is refused with the known ones", () => {
    expect(() => policyLossById("vanila")).toThrow(/no policy loss "vanila".* Did you mean vanilla\?/);
  });
});

test("sequences start where a response's first token is", () => {
  const sources = [0, 1, 2, 0, 0, 1].map((token) => ({ group: 0, response: 0, token }));
  expect([...sequenceStarts(sources)]).toEqual([0, 3, 4, 6]);
  expect([...sequenceStarts([])]).toEqual([0]);
});
