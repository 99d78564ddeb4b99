// The rules that say "looks fine" or "look here".

import { describe, expect, test } from "vitest";

import { STEP } from "../../src/rl/metrics.ts";
import { healthOf } from "../../src/ui/health.ts";
import type { Evaluation, MetricRow } from "../../src/worker/api.ts";

/** Rows with `key` going through `values`, and the same `rest` in each. */
const rowsOf = (key: string, values: readonly number[], rest: MetricRow = {}): MetricRow[] =>
  values.map((value, index) => ({ [STEP]: index + 1, [key]: value, ...rest }));

/** An evaluation with a narrow interval around `mean`. */
function evaluationOf(step: number, mean: number): Evaluation {
  const accuracy = { mean, low: mean - 0.02, high: mean + 0.02 };
  return { step, n: 2000, strict: accuracy, flexible: accuracy, responseLength: 4, samples: [] };
}

describe("health", () => {
  test("an accuracy that is surely below where it began is to be looked at", () => {
    expect(healthOf("accuracy", [], [evaluationOf(0, 0.5)])).toBeUndefined();
    expect(healthOf("accuracy", [], [evaluationOf(0, 0.5), evaluationOf(9, 0.49)])?.isFine).toBe(true);
    const fallen = healthOf("accuracy", [], [evaluationOf(0, 0.5), evaluationOf(9, 0.4)]);
    expect(fallen?.isFine).toBe(false);
    expect(fallen?.why).toMatch(/from 50\.0 % at step 0 to 40\.0 %/);
  });

  test("nothing is said where nothing is known", () => {
    for (const id of ["reward", "loss", "kl", "entropy", "gradNorm", "clip", "length"] as const)
      expect(healthOf(id, [{ [STEP]: 0 }])).toBeUndefined();
    expect(healthOf("accuracy", [])).toBeUndefined();
  });

  test("entropy that sinks slowly is fine, one that has fallen to a tenth is not", () => {
    expect(healthOf("entropy", rowsOf("actor/entropy", [1, 0.9, 0.8, 0.7]))?.isFine).toBe(true);
    const fallen = healthOf("entropy", rowsOf("actor/entropy", [1, 1, 1, 1, 1, 0.1, 0.1, 0.1, 0.1, 0.1]));
    expect(fallen?.isFine).toBe(false);
    expect(fallen?.why).toMatch(/fell from 1 to 0\.1 nats/);
  });

  test("entropy that doubles is to be looked at", () => {
    expect(healthOf("entropy", rowsOf("actor/entropy", [0.5, 0.5, 1.2, 1.2]))?.why).toMatch(/rose/);
  });

  test("KL is judged against the reference and within a step", () => {
    expect(healthOf("kl", rowsOf("actor/kl_loss", [0.01, 0.02]))?.isFine).toBe(true);
    expect(healthOf("kl", rowsOf("actor/kl_loss", [0.9]))?.why).toMatch(/raise the KL coefficient/);
    expect(healthOf("kl", rowsOf("actor/ppo_kl", [0.3]))?.why).toMatch(/0\.3 nats a token/);
  });

  test("many clipped tokens are to be looked at", () => {
    expect(healthOf("clip", rowsOf("actor/pg_clipfrac", [0.01]))?.isFine).toBe(true);
    expect(healthOf("clip", rowsOf("actor/pg_clipfrac", [0.4]))?.isFine).toBe(false);
  });

  test("groups without spread matter, unless they are right", () => {
    const key = "critic/frac_reward_zero_std";
    expect(healthOf("reward", rowsOf(key, [0.9], { "critic/score/mean": 0.1 }))?.isFine).toBe(false);
    expect(healthOf("reward", rowsOf(key, [0.9], { "critic/score/mean": 0.97 }))?.isFine).toBe(true);
    expect(healthOf("reward", rowsOf(key, [0.4], { "critic/score/mean": 0.1 }))?.isFine).toBe(true);
  });

  test("only the newest five steps count", () => {
    const key = "response_length/clip_ratio";
    expect(healthOf("length", rowsOf(key, [1, 1, 1, 0, 0, 0, 0, 0]))?.isFine).toBe(true);
    expect(healthOf("length", rowsOf(key, [0, 0, 0, 0.5, 0.5, 0.5, 0.5, 0.5]))?.why).toMatch(/^50 % /);
  });

  test("a loss that is no number, a left-out update and a peak of the gradient are told", () => {
    expect(healthOf("loss", rowsOf("actor/pg_loss", [0.1, Number.NaN]))?.isFine).toBe(false);
    expect(healthOf("sftLoss", rowsOf("train/loss", [2, 1]))?.isFine).toBe(true);
    const norms = rowsOf("actor/grad_norm", [1, 1, 1, 30]);
    expect(healthOf("gradNorm", norms)?.why).toMatch(/30 times/);
    expect(healthOf("gradNorm", rowsOf("actor/skipped_updates", [0, 1]))?.why).toMatch(/^1 update was/);
    expect(healthOf("gradNorm", rowsOf("actor/grad_norm", [1, 2, 1]))?.isFine).toBe(true);
  });
});
