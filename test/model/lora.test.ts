// PEFT's adapter_config.json: what is read, and every option that would change the numbers is refused by name.

import { describe, expect, test } from "vitest";

import { checkLora, parsePeftConfig } from "../../src/model/lora.ts";

const plain = {
  peft_type: "LORA",
  task_type: "CAUSAL_LM",
  r: 4,
  lora_alpha: 8,
  target_modules: ["q_proj", "v_proj"],
  bias: "none",
  use_rslora: false,
  rank_pattern: {},
  modules_to_save: null,
};

test("reads rank, alpha and targets, from a full and from a minimal file", () => {
  const expected = { rank: 4, alpha: 8, targets: ["q_proj", "v_proj"] };
  expect(parsePeftConfig(plain, "adapter_config.json")).toEqual(expected);
  const { peft_type, r, lora_alpha, target_modules } = plain;
  expect(parsePeftConfig({ peft_type, r, lora_alpha, target_modules }, "a.json")).toEqual(expected);
});

describe("refuses", () => {
  for (const [change, message] of [
    [{ use_dora: true }, /^a\.json: use_dora is true/],
    [{ use_rslora: true }, /use_rslora is true/],
    [{ bias: "lora_only" }, /bias is "lora_only", and this engine computes "none"/],
    [{ peft_type: "IA3" }, /peft_type is "IA3"/],
    [{ fan_in_fan_out: true }, /fan_in_fan_out is true/],
    [{ modules_to_save: ["lm_head"] }, /modules_to_save is \["lm_head"\]/],
    [{ rank_pattern: { q_proj: 8 } }, /rank_pattern is \{"q_proj":8\}/],
    [{ r: "4" }, /r is "4"; a number is needed/],
    [{ target_modules: "all-linear" }, /target_modules is "all-linear"; a list/],
  ] as const) {
    test(Object.keys(change)[0]!, () => {
      expect(() => parsePeftConfig({ ...plain, ...change }, "a.json")).toThrow(message);
    });
  }

  test("ranks and targets that make no sense", () => {
    const lora = { rank: 4, alpha: 8, targets: ["q_proj"] as const, seed: 0 };
    expect(() => checkLora(lora)).not.toThrow();
    expect(() => checkLora({ ...lora, rank: 2.5 })).toThrow(/rank is 2.5/);
    expect(() => checkLora({ ...lora, alpha: -1 })).toThrow(/alpha is -1/);
  });
});
