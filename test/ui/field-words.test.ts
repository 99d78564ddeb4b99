import { describe, expect, test } from "vitest";

import { CONFIG_KEYS, configWith, DEFAULTS, fieldOf, problemWith } from "../../src/rl/config.ts";
import { defaultWords, inSentence, rangeWords, textOf, valueWords } from "../../src/rl/config/words.ts";
import { presetById, PRESETS } from "../../src/rl/presets/index.ts";
import {
  COMMON_KEYS,
  fieldWords,
  keysIn,
  recipeKeys,
  recipeLine,
  searchSettings,
  sizeKeys,
} from "../../src/ui/field-words.ts";

const GROUP = "actor_rollout_ref.rollout.n";
const MINI = "actor_rollout_ref.actor.ppo_mini_batch_size";

describe("settings in words", () => {
  test.each(CONFIG_KEYS)("the default of %s is accepted as the text that a form shows", (key) => {
    const text = textOf(DEFAULTS[key]);
    expect(problemWith(key, text)).toBeUndefined();
    expect(configWith({ [key]: text })[key]).toEqual(DEFAULTS[key]);
  });

  test("a special number is told by its meaning, a choice by its label", () => {
    const topK = fieldOf("actor_rollout_ref.rollout.top_k");
    expect(valueWords(topK, -1)).toBe("all tokens");
    expect(valueWords(topK, 50)).toBe("50");
    expect(valueWords(fieldOf("gradus.mode"), "sft")).toBe("Supervised fine-tuning");
    expect(valueWords(fieldOf("data.shuffle"), true)).toBe("on");
  });

  test("a range names its ends, whether the lower one counts, and the special number", () => {
    expect(rangeWords(fieldOf(GROUP))).toBe("1 to 256");
    expect(rangeWords(fieldOf("actor_rollout_ref.rollout.temperature"))).toBe("above 0, up to 10");
    expect(rangeWords(fieldOf("trainer.test_freq"))).toBe("from 1, -1 for never");
    expect(rangeWords(fieldOf("data.shuffle"))).toBe("");
  });

  test("a default comes with its source", () => {
    expect(defaultWords(fieldOf("trainer.total_training_steps"))).toBe(
      "Default 60 (demo recipe; verl counts epochs).",
    );
  });

  test("what is said beside a setting has its range, its default with the source, and the metric to watch", () => {
    expect(fieldWords(fieldOf(GROUP))).toBe(
      "Range 1 to 256. Default 8 (demo recipe; verl 1, its GRPO examples 5). Watch: Groups without spread (critic/frac_reward_zero_std).",
    );
  });

  test.each([
    ["Learning rate", "learning rate"],
    ["LoRA rank", "LoRA rank"],
    ["KL loss", "KL loss"],
    ["Top-p", "top-p"],
    ["3e-4 / 4e-4", "3e-4 / 4e-4"],
  ])("%s is %s inside a sentence", (label, text) => expect(inSentence(label)).toBe(text));

  test("a recipe in one line tells how much of what, for either method", () => {
    expect(recipeLine(DEFAULTS)).toBe("60 steps of 16 prompts with 8 responses, learning rate 1e-6");
    expect(recipeLine(configWith({ "gradus.mode": "sft" }))).toBe(
      "60 steps of 16 worked answers, learning rate 1e-6",
    );
  });
});

describe("the settings of a recipe", () => {
  const keysOf = (id: string): readonly string[] => {
    const preset = presetById(id)!;
    return recipeKeys(preset, configWith(preset.values));
  };

  test("are what it sets, and what its loss and estimator read", () => {
    expect(keysOf("sapo-demo")).toEqual(
      expect.arrayContaining(["actor_rollout_ref.actor.tau_pos", "actor_rollout_ref.actor.tau_neg"]),
    );
    expect(keysOf("sapo-demo")).not.toContain("actor_rollout_ref.actor.clip_ratio_low");
    expect(keysOf("dapo-demo")).toContain("reward.reward_kwargs.overlong_buffer_cfg.len");
    expect(keysOf("preference-demo")).toContain("gradus.preference_beta");
    expect(keysOf("sft-demo")).toEqual([]);
  });

  test("leave what is off around every loss to the folded ones, unless the recipe sets it", () => {
    expect(keysOf("grpo-demo")).toEqual([
      "algorithm.adv_estimator",
      "algorithm.norm_adv_by_std_in_grpo",
      "gradus.advantage_std",
      "gradus.advantage_epsilon",
      "actor_rollout_ref.actor.policy_loss.loss_mode",
      "actor_rollout_ref.actor.clip_ratio_low",
      "actor_rollout_ref.actor.clip_ratio_high",
      "actor_rollout_ref.actor.clip_ratio_c",
      "actor_rollout_ref.actor.loss_agg_mode",
    ]);
    expect(keysOf("dr-grpo-demo")).toContain("actor_rollout_ref.actor.use_kl_loss");
  });

  test.each(PRESETS)("$id shows no setting twice", (preset) => {
    const config = configWith(preset.values);
    const keys = [...sizeKeys(config), ...recipeKeys(preset, config)];
    expect(new Set(keys).size).toBe(keys.length);
  });
});

describe("finding settings", () => {
  test("the common ones are few, and among all", () => {
    expect(COMMON_KEYS).toContain(GROUP);
    expect(COMMON_KEYS.length).toBeLessThan(CONFIG_KEYS.length / 2);
  });

  test("every word must occur, in any case, in name, help, topic or choice", () => {
    expect(searchSettings("group SIZE")).toContain(GROUP);
    expect(searchSettings("cosine").toSorted()).toEqual([
      "actor_rollout_ref.actor.optim.lr_scheduler_type",
      "critic.optim.lr_scheduler_type",
    ]);
    expect(searchSettings("group nonsense")).toEqual([]);
    expect(searchSettings("  ")).toEqual(CONFIG_KEYS);
  });

  test("an error leads to the setting it names", () => {
    expect(keysIn(`Set prompts per update (${MINI}) to a divisor of 12.`)).toEqual([MINI]);
    expect(keysIn("The device is lost.")).toEqual([]);
  });
});
