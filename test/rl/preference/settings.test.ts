// Settings of preference: what each method reads, which data it fits, and the three recommended set-ups of group preference.

import { describe, expect, test } from "vitest";

import { configWith, isRead } from "../../../src/rl/config.ts";
import { whyUnfit } from "../../../src/rl/config/data-fit.ts";
import { pairsOf, policyOptions, preferenceOf, usesReference } from "../../../src/rl/options/index.ts";

const N = "actor_rollout_ref.rollout.n";
const dpo = (values: object = {}) => configWith({ "gradus.mode": "dpo", ...values });

describe("offline preference", () => {
  test("has a reference unless it is switched off: a copy, or the base under an adapter", () => {
    expect(usesReference(dpo())).toBe(true);
    expect(policyOptions(dpo()).referenceCopy).toBe(true);
    expect(policyOptions(dpo({ "actor_rollout_ref.model.lora_rank": 8 })).referenceCopy).toBe(false);
    expect(usesReference(dpo({ "gradus.dpo_reference": false }))).toBe(false);
    // The key of the other method says nothing.
    expect(pairsOf(dpo({ "gradus.preference_reference": false }))!.hasReference).toBe(true);
  });

  test("reads what a pair teaches, and nothing of sampling or ranking", () => {
    const config = dpo();
    for (const key of [
      "gradus.preference_beta",
      "gradus.preference_log_prob",
      "gradus.preference_loss",
      "gradus.label_smoothing",
      "actor_rollout_ref.actor.ppo_mini_batch_size",
    ] as const)
      expect(isRead(key, config), key).toBe(true);
    for (const key of [
      N,
      "actor_rollout_ref.rollout.temperature",
      "gradus.preference_margin",
      "gradus.ranking_loss",
      "gradus.self_play_rounds",
      "gradus.preference_reference",
    ] as const)
      expect(isRead(key, config), key).toBe(false);
    expect(dpo({ [N]: 1 })[N], "pairs need no group").toBe(1);
    expect(preferenceOf(config)).toBeUndefined();
  });

  test("smooths labels only under the sigmoid, whose TRL setting it is", () => {
    const smoothing = { "gradus.label_smoothing": 0.2 };
    expect(pairsOf(dpo(smoothing))!.labelSmoothing).toBe(0.2);
    const ipo = dpo({ ...smoothing, "gradus.preference_loss": "ipo" });
    expect(pairsOf(ipo)).toMatchObject({ loss: "ipo", labelSmoothing: 0 });
    expect(isRead("gradus.label_smoothing", ipo)).toBe(false);
    expect(() => dpo({ "gradus.label_smoothing": 0.6 })).toThrow(/0\.6: a number from 0 up to 0\.5/);
  });
});

test.each([
  ["quick", 4, 2],
  ["standard", 8, 3],
  ["high quality", 12, 5],
])("the recommended %s set-up of group preference is taken", (_, responses, rounds) => {
  const config = configWith({
    "gradus.mode": "preference",
    [N]: responses,
    "gradus.self_play_rounds": rounds,
    "gradus.preference_beta": 0.1,
    "gradus.preference_margin": 0.1,
    "gradus.ranking_loss": true,
    "data.train_batch_size": 256,
    "actor_rollout_ref.actor.optim.lr": 1e-6,
    "actor_rollout_ref.rollout.temperature": 0.9,
  });
  expect(config[N]).toBe(responses);
  expect(preferenceOf(config)).toEqual({
    beta: 0.1,
    loss: "sigmoid",
    labelSmoothing: 0,
    logProb: "sum",
    hasReference: false,
    margin: 0.1,
    usesAllPairs: true,
    rounds,
  });
});

test.each([
  ["rl", "problems", undefined],
  ["preference", "problems", undefined],
  ["sft", "problems", undefined],
  ["sft", "pairs", undefined],
  ["dpo", "pairs", undefined],
  [
    "dpo",
    "problems",
    /^Offline preference \(DPO\) learns from preference pairs.*prompt, chosen and rejected/,
  ],
  ["rl", "pairs", /^Reinforcement learning judges .*gradus\.mode=dpo/],
  ["preference", "pairs", /^Group preference judges .*gradus\.mode=dpo/],
] as const)("%s with %s", (mode, kind, why) => {
  const told = whyUnfit(configWith({ "gradus.mode": mode }), kind);
  if (why) expect(told).toMatch(why);
  else expect(told).toBeUndefined();
});
