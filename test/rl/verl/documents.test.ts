// Every block of the user's documents goes into the reader: settings are understood, all of them, and nothing else is taken
// for settings.

import { describe, expect, test } from "vitest";

import type { RunConfig } from "../../../src/rl/config.ts";
import { CONFIG_KEYS, DEFAULTS } from "../../../src/rl/config.ts";
import { importVerlText } from "../../../src/rl/verl/import-text.ts";
import type { Block } from "./documents.ts";
import { BLOCKS, documentText, isConfiguration } from "./documents.ts";

const LOSS = "actor_rollout_ref.actor.policy_loss.loss_mode";
const LOW = "actor_rollout_ref.actor.clip_ratio_low";

/** The settings of the first block with these words that differ from the defaults. */
function changed(document: string, words: string): Partial<Record<keyof RunConfig, unknown>> {
  const block = BLOCKS.find(
    (candidate) => candidate.document === document && candidate.text.includes(words),
  )!;
  const { config, applied } = importVerlText(block.text, DEFAULTS);
  return Object.fromEntries(applied.map((key) => [key, config[key]]));
}

describe.skipIf(BLOCKS.length === 0)("the user's documents (shared/documents)", () => {
  const settings = BLOCKS.filter(isConfiguration);
  const others = BLOCKS.filter((block) => !isConfiguration(block));

  test("have so many blocks with settings, and so many without", () => {
    const count = (blocks: readonly Block[]): Record<string, number> =>
      Object.fromEntries(
        [...new Set(BLOCKS.map(({ document }) => document))].map((name) => [
          name,
          blocks.filter(({ document }) => document === name).length,
        ]),
      );
    expect(count(settings)).toEqual({ "000": 10, "001": 7, "002": 4, "003": 11, "004": 3 });
    expect(count(others)).toEqual({ "000": 3, "001": 4, "002": 10, "003": 2, "004": 5 });
  });

  test.each(settings)(
    "$id: nothing is unknown, and every name that it shows is accounted for",
    ({ text }) => {
      const { applied, kept, refused } = importVerlText(text, DEFAULTS);
      expect(refused.filter(({ kind }) => kind === "unknown")).toEqual([]);
      for (const { why } of refused) expect(why).toMatch(/\.$|\?$/);
      const named = new Set<string>([...applied, ...Object.keys(kept), ...refused.map(({ key }) => key)]);
      expect(named.size).toBeGreaterThan(0);
      for (const key of CONFIG_KEYS.filter((candidate) => text.includes(candidate)))
        expect(named.has(key), key).toBe(true);
    },
  );

  test("give values that fit, but for half a batch whose other half is verl's", () => {
    const wrong = settings.flatMap(({ text }) =>
      importVerlText(text, DEFAULTS).refused.filter(({ kind }) => kind === "value"),
    );
    const shown = wrong.map(({ key, value }) => `${key}=${String(value)}`);
    expect(shown).toEqual(["actor_rollout_ref.actor.ppo_mini_batch_size=128"]);
  });

  test("give a critic to SAPO with GAE, and no policy loss to the critic", () => {
    const { text } = settings.find((block) => block.text.includes("critic.policy_loss"))!;
    const { config, refused } = importVerlText(text, DEFAULTS);
    expect(config).toMatchObject({
      "algorithm.adv_estimator": "gae",
      [LOSS]: "sapo",
      "trainer.critic_warmup": 10,
    });
    expect(refused.map(({ key, kind }) => [key, kind])).toEqual([
      ["critic.policy_loss.loss_mode", "elsewhere"],
      ["actor_rollout_ref.model.path", "elsewhere"],
    ]);
  });

  test.each(others)("$id holds no settings, and is told so or gives nothing", ({ text }) => {
    let named: readonly unknown[] = [];
    try {
      const { applied, kept, refused } = importVerlText(text, DEFAULTS);
      named = [...applied, ...Object.keys(kept), ...refused.filter(({ kind }) => kind !== "unknown")];
    } catch (error) {
      expect(error).toMatchObject({ name: "UserError" });
    }
    expect(named).toEqual([]);
  });

  test("mean what they say", () => {
    expect(changed("000", "algorithm.adv_estimator=grpo")).toMatchObject({ [LOSS]: "cispo", [LOW]: 10 });
    expect(changed("000", "CISPO 标准值"), "the first of alternatives").toEqual({
      [LOW]: 10,
      "actor_rollout_ref.actor.clip_ratio_high": 0.2,
    });
    expect(changed("001", "adv_estimator=grpo\n")).toEqual({
      "algorithm.adv_estimator": "grpo",
      [LOSS]: "gspo",
      [LOW]: 3e-4,
      "actor_rollout_ref.actor.clip_ratio_high": 4e-4,
      "actor_rollout_ref.actor.clip_ratio_c": 10,
    });
    expect(changed("002", "--self_play_rounds 5")).toEqual({
      "gradus.mode": "preference",
      "actor_rollout_ref.rollout.n": 10,
      "gradus.self_play_rounds": 5,
    });
    expect(changed("003", "tau_neg = tau_pos * 1.05")).toEqual({
      "actor_rollout_ref.actor.tau_pos": 1,
      "actor_rollout_ref.actor.tau_neg": 1.05,
    });
    expect(changed("003", "enable_overlong_buffer")).toMatchObject({
      "reward.reward_kwargs.overlong_buffer_cfg.enable": true,
      "reward.reward_kwargs.overlong_buffer_cfg.len": 4096,
      "data.max_response_length": 8192,
    });
    expect(changed("004", "main_gspo_dynamic.py \\\n")).toMatchObject({
      "algorithm.filter_groups.enable": true,
      "algorithm.filter_groups.metric": "seq_reward",
      [LOW]: 3e-4,
    });
  });

  test("the launcher's devices, model and reward function are told, not lost", () => {
    const { text } = BLOCKS.find((block) => block.text.includes("--reward_func"))!;
    const { kept, notes, refused } = importVerlText(text, DEFAULTS);
    expect(kept).toEqual({
      "actor_rollout_ref.model.path": "Qwen/Qwen2.5-7B",
      "custom_reward_function.path": "./my_reward.py",
    });
    expect(refused.map(({ key, kind }) => [key, kind])).toEqual([
      ["model", "elsewhere"],
      ["reward_func", "elsewhere"],
    ]);
    expect(notes[0]).toMatch(/^\.\/train\.sh is started 3 times/);
    const devices = BLOCKS.find((block) => block.text.includes("--n_gpus 8"))!;
    expect(importVerlText(devices.text, DEFAULTS).kept).toEqual({
      "trainer.n_gpus_per_node": 8,
      "actor_rollout_ref.rollout.tensor_model_parallel_size": 4,
    });
  });

  test("the tables of document 002 are settings as lines and as options", () => {
    const rows = [...documentText("002").matchAll(/^\| `([A-Z_]+)` \| `([^`]+)`/gm)];
    const expected = {
      "actor_rollout_ref.rollout.n": 8,
      "gradus.self_play_rounds": 3,
      "gradus.preference_beta": 0.1,
      "gradus.preference_margin": 0.1,
      "gradus.ranking_loss": true,
      "data.train_batch_size": 256,
      "actor_rollout_ref.actor.optim.lr": 1e-6,
      "actor_rollout_ref.rollout.temperature": 0.9,
      "gradus.mode": "preference",
    };
    expect(rows).toHaveLength(9);
    const lines = rows.map(([, name, value]) => `${name}=${value}`).join("\n");
    const options = rows.map(([, name, value]) => `--${name!.toLowerCase()} ${value}`).join(" ");
    for (const text of [
      lines,
      `export ${lines.replaceAll("\n", " ")}\n./train.sh`,
      `./train.sh ${options}`,
    ]) {
      const { config, refused } = importVerlText(text, DEFAULTS);
      expect(config, text).toMatchObject(expected);
      expect(refused.map(({ key, kind }) => [key.toLowerCase(), kind])).toEqual([
        ["total_epochs", "elsewhere"],
      ]);
      const counted = importVerlText(text, DEFAULTS, { problems: () => 7680 });
      expect(counted).toMatchObject({ refused: [], config: { "trainer.total_training_steps": 150 } });
    }
  });
});
