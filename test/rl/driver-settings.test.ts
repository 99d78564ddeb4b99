// Settings of what stands around a policy loss: verl's texts and nulls both ways, TRL's names for aggregations, what does not go
// together, and which passes a step takes for them.

import { describe, expect, test } from "vitest";

import { configYaml } from "../../src/app/exports.ts";
import { fromVerlYaml } from "../../src/formats/verl-config.ts";
import { configWith, DEFAULTS, problemWith } from "../../src/rl/config.ts";
import {
  aggregationOf,
  bypassLossOf,
  correctionOf,
  driverOf,
  needsOldPass,
  objectiveOf,
} from "../../src/rl/options/index.ts";
import { importVerl } from "../../src/rl/verl-import.ts";

const C = "algorithm.rollout_correction";
const AGG = "actor_rollout_ref.actor.loss_agg_mode";

/** One update a step, so that nothing else asks for a pass. */
const configOf = (values: Readonly<Record<string, unknown>>) => configWith(values);
const yamlOf = (values: Readonly<Record<string, unknown>>) =>
  fromVerlYaml(new TextDecoder().decode(configYaml(configOf(values)).bytes));

describe("rollout correction", () => {
  test("is off as in verl, and null there is off here", () => {
    expect(correctionOf(DEFAULTS)).toBeUndefined();
    const { config, refused } = importVerl(
      { [`${C}.rollout_is`]: null, [`${C}.rollout_rs`]: null, [`${C}.rollout_rs_threshold`]: null },
      DEFAULTS,
    );
    expect(refused).toEqual([]);
    expect(correctionOf(config)).toBeUndefined();
    const yaml = yamlOf({});
    for (const key of ["rollout_is", "rollout_rs", "rollout_rs_threshold"])
      expect(yaml[`${C}.${key}`]).toBeNull();
  });

  test("comes from a verl file as it is written there, and goes back", () => {
    const values = {
      [`${C}.rollout_is`]: "sequence",
      [`${C}.rollout_is_threshold`]: "0.5_5.0",
      [`${C}.rollout_is_batch_normalize`]: true,
      [`${C}.rollout_rs`]: "seq_mean_k1, token_k3",
      [`${C}.rollout_rs_threshold`]: "0.9_1.1,0.1",
    };
    const { config, applied, refused } = importVerl(values, DEFAULTS);
    expect([applied.length, refused]).toEqual([5, []]);
    expect(correctionOf(config)).toEqual({
      weights: { level: "sequence", lower: 0.5, upper: 5, normalise: true },
      rejection: [
        { option: "seq_mean_k1", lower: 0.9, upper: 1.1 },
        { option: "token_k3", upper: 0.1 },
      ],
    });
    expect(yamlOf(values)).toMatchObject(values);
    expect(importVerl({ ...values, [`${C}.rollout_is_threshold`]: 2 }, DEFAULTS).refused).toEqual([]);
    expect(needsOldPass(config, 1)).toBe(true);
    expect(needsOldPass(DEFAULTS, 1)).toBe(false);
  });

  test.each([
    [{ [`${C}.rollout_is`]: "tokens" }, /one of off, token, sequence is needed/],
    [{ [`${C}.rollout_rs`]: "token_k4" }, /nothing, or some of token_k1/],
    [{ [`${C}.rollout_is_threshold`]: "" }, /a number above 0, or a lower and an upper one/],
    [{ [`${C}.rollout_is`]: "token", [`${C}.rollout_is_threshold`]: "2_1" }, /rollout_is_threshold is 2_1/],
    [{ [`${C}.rollout_rs`]: "token_k1" }, /names 1 options and rollout_rs_threshold has 0 values/],
    [
      {
        [`${C}.rollout_is`]: "token",
        [`${C}.rollout_is_batch_normalize`]: true,
        [`${C}.bypass_mode`]: true,
        [`${C}.loss_type`]: "reinforce",
      },
      /the mean would be that of a micro-batch/,
    ],
  ])("is refused in a sentence: %o", (values, sentence) => {
    expect(() => configWith(values)).toThrow(sentence);
  });

  test("bypass mode takes its own loss and no pass", () => {
    const base = { [`${C}.bypass_mode`]: true, "actor_rollout_ref.actor.policy_loss.loss_mode": "gspo" };
    const clip = configOf({ ...base, "actor_rollout_ref.actor.ppo_epochs": 2 });
    expect([bypassLossOf(clip), objectiveOf(clip).loss.id, needsOldPass(clip, 1)]).toEqual([
      "vanilla",
      "vanilla",
      false,
    ]);
    const plain = configOf({ ...base, [`${C}.loss_type`]: "reinforce" });
    expect(objectiveOf(plain).loss.id).toBe("reinforce");
    expect(needsOldPass(configOf({ ...base, "gradus.top_entropy_quantile": 0.2 }), 1)).toBe(true);
    expect(bypassLossOf(configOf({ ...base, "gradus.mode": "preference" }))).toBeUndefined();
  });
});

test("bnpo and dr_grpo become what they come to, in the form and in a file for verl", () => {
  const of = (values: Readonly<Record<string, unknown>>) => {
    const config = configOf(values);
    return aggregationOf(config, objectiveOf(config));
  };
  expect(of({ [AGG]: "bnpo" })).toMatchObject({ policy: "token-mean", penalty: "token-mean" });
  const scaled = { [AGG]: "dr_grpo", "actor_rollout_ref.actor.loss_scale_factor": 7 };
  expect(of(scaled)).toEqual({
    policy: "seq-mean-token-sum-norm",
    penalty: "seq-mean-token-sum-norm",
    tokenNormaliser: DEFAULTS["data.max_response_length"],
  });
  expect(of({ ...scaled, [AGG]: "seq-mean-token-sum-norm" }).tokenNormaliser).toBe(7);
  expect(configOf({ [AGG]: "bnpo" })[AGG]).toBe("token-mean");
  expect(yamlOf(scaled)).toMatchObject({ [AGG]: "seq-mean-token-sum-norm" });
});

test("TRL's options are off by default and read from their settings", () => {
  expect(driverOf(DEFAULTS)).toEqual({ isSequenceLevel: false, masksTruncated: false });
  const config = configOf({
    "gradus.importance_level": "sequence",
    "gradus.top_entropy_quantile": 0.2,
    "gradus.mask_truncated_responses": true,
    "gradus.off_policy_mask_threshold": 0.1,
  });
  expect(driverOf(config)).toEqual({
    isSequenceLevel: true,
    entropyQuantile: 0.8,
    masksTruncated: true,
    offPolicyThreshold: 0.1,
  });
  for (const mode of ["preference", "dpo", "sft"])
    expect(driverOf({ ...config, "gradus.mode": mode }), mode).toEqual(driverOf(DEFAULTS));
  expect(problemWith("gradus.delta", 1)).toMatch(/above 1, or -1 for off, is needed/);
  expect(() => configWith({ "gradus.delta": 1.1 })).toThrow(/Set it above 1 \+ clip_ratio_high/);
  expect(() =>
    configWith({
      "gradus.use_adaptive_entropy": true,
      "gradus.entropy_coef_min": 0.5,
      "gradus.entropy_coef_max": 0.1,
    }),
  ).toThrow(/no number does/);
});
