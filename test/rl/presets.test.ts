// Recipes and presets: the measured ones have exactly the values that they were measured with, every form says what it is,
// and a change of recipe loses nothing that has nothing to do with it.

import { describe, expect, test } from "vitest";

import { CONFIG_KEYS, configWith, differences, isRead, problemWith } from "../../src/rl/config.ts";
import type { ConfigKey } from "../../src/rl/config.ts";
import {
  baseOf,
  carriedOver,
  correctionsOf,
  FAMILIES,
  GROUNDS,
  presetById,
  presetIn,
  PRESETS,
  RECIPES,
  scaledIn,
  withChange,
} from "../../src/rl/presets/index.ts";
import { read } from "../files.ts";

const BATCH = "data.train_batch_size";
const LR = "actor_rollout_ref.actor.optim.lr";
const STEPS = "trainer.total_training_steps";
const LOW = "actor_rollout_ref.actor.clip_ratio_low";
const HIGH = "actor_rollout_ref.actor.clip_ratio_high";

const measured = JSON.parse(read("test/fixtures/presets/measured.json")) as Readonly<Record<string, object>>;

const preset = (id: string) => presetById(id)!;

describe("the measured recipes", () => {
  test.each(Object.entries(measured))("%s has the values that it was measured with", (id, values) => {
    expect(differences(configWith(preset(id).values))).toEqual(values);
  });
});

describe("the documents' values", () => {
  const pairOf = (id: string, ...keys: ConfigKey[]) => keys.map((key) => configWith(preset(id).values)[key]);
  const TAUS = ["actor_rollout_ref.actor.tau_pos", "actor_rollout_ref.actor.tau_neg"] as const;
  const SELF_PLAY = ["actor_rollout_ref.rollout.n", "gradus.self_play_rounds"] as const;

  test.each([
    ["cispo", [LOW, HIGH], [10, 0.2]],
    ["cispo-conservative", [LOW, HIGH], [5, 0.2]],
    ["cispo-aggressive", [LOW, HIGH], [20, 0.1]],
    ["gspo", [LOW, HIGH], [3e-4, 4e-4]],
    ["gspo-wider", [LOW, HIGH], [5e-4, 6e-4]],
    ["gspo-dynamic", [LOW, "algorithm.filter_groups.max_num_gen_batches"], [3e-4, 5]],
    ["sapo", TAUS, [1, 1.05]],
    ["sapo-late", TAUS, [0.5, 0.6]],
    ["sapo-soon", TAUS, [1.5, 1.8]],
    ["preference-quick", SELF_PLAY, [4, 2]],
    ["preference-standard", SELF_PLAY, [8, 3]],
    ["preference-high", SELF_PLAY, [12, 5]],
  ] as const)("%s", (form, keys, values) => {
    for (const { id } of GROUNDS) expect(pairOf(`${form}-${id}`, ...keys)).toEqual(values);
  });
});

describe("recipes", () => {
  test("have ids of their own, and a family each; every family has one", () => {
    expect(new Set(PRESETS.map(({ id }) => id)).size).toBe(PRESETS.length);
    const families = new Set(RECIPES.map(({ family }) => family));
    expect([...families]).toEqual(FAMILIES.map(({ id }) => id).filter((id) => families.has(id)));
    expect(families.size).toBe(FAMILIES.length);
  });

  test.each(PRESETS)("$id says what it is in sentences, and its source's values are settings", (entry) => {
    const { recipe, description, variant, ground } = entry;
    for (const text of [description, ground.description]) expect(text).toMatch(/^[A-Z0-9].*\.$/);
    for (const { says, fact } of correctionsOf(entry))
      for (const text of [says, fact]) expect(text).toMatch(/^[A-Z0-9].*\.$/i);
    const originals = { ...recipe.original?.values, ...variant?.original?.values };
    for (const [key, value] of Object.entries(originals))
      expect(problemWith(key as ConfigKey, value)).toBeUndefined();
  });

  test.each(PRESETS)("$id sets nothing that it does not read", ({ algorithm, values }) => {
    const config = configWith(values);
    const isOff = (key: ConfigKey): boolean => algorithm[key] === false || algorithm[key] === "token-mean";
    const unread = (Object.keys(algorithm) as ConfigKey[]).filter((key) => !isRead(key, config));
    // GSPO and SAPO always add up as their setting says; it stands there for whoever reads the YAML.
    expect(unread.filter((key) => !isOff(key) && !key.endsWith("loss_agg_mode"))).toEqual([]);
  });

  test("are told from settings alone, whatever their sizes", () => {
    const forms = GROUNDS.flatMap(({ id }) =>
      PRESETS.filter(({ ground }) => ground.id === id).map((entry) => [
        presetIn(configWith({ ...entry.values, [STEPS]: 3 }))?.form,
        entry.form,
      ]),
    );
    for (const [told, form] of forms) expect(told).toBe(form);
    expect(presetIn(configWith({ "algorithm.adv_estimator": "grpo_passk" }))).toBeUndefined();
  });

  test("tell which settings their source has otherwise", () => {
    const entry = preset("grpo-demo");
    const config = configWith(entry.values);
    expect(scaledIn(entry, config)).toContainEqual({ key: BATCH, original: 1024 });
    expect(scaledIn(entry, { ...config, [BATCH]: 1024 }).map(({ key }) => key)).not.toContain(BATCH);
  });
});

describe("another recipe or ground", () => {
  const [grpo, dapo, own] = [preset("grpo-demo"), preset("dapo-demo"), preset("grpo-own")];
  const carried = (values: Readonly<Record<string, unknown>>, from = grpo, to = dapo) =>
    differences(carriedOver(configWith(values, configWith(from.values)), from, to), configWith(to.values));

  test("keeps what was changed and is no matter of it", () => {
    expect(carried({ [STEPS]: 7, "data.seed": 3 })).toEqual({ [STEPS]: 7, "data.seed": 3 });
    expect(carried({ [LOW]: 0.1, "actor_rollout_ref.actor.policy_loss.loss_mode": "dro" })).toEqual({});
    expect(carried({ [LR]: 1e-5 }), "DAPO has a rate of its own").toEqual({});
  });

  test("has its own sizes, and keeps changes of the algorithm where the recipe stays", () => {
    expect(carried({ [BATCH]: 4, [LOW]: 0.1 }, grpo, own)).toEqual({ [LOW]: 0.1 });
  });

  test("fits itself to changed sizes", () => {
    const [mini, buffer] = [
      "actor_rollout_ref.actor.ppo_mini_batch_size",
      "reward.reward_kwargs.overlong_buffer_cfg.len",
    ] as const;
    expect(carried({ [BATCH]: 2 })).toEqual({ [BATCH]: 2, [mini]: 1 });
    expect(carried({ [BATCH]: 3 })).toEqual({ [BATCH]: 3, [mini]: -1, [LR]: 3e-4 });
    expect(carried({ "data.max_response_length": 12 })).toMatchObject({ [buffer]: 3 });
  });

  test("follows a change of sizes, until what follows is changed itself", () => {
    const mini = "actor_rollout_ref.actor.ppo_mini_batch_size";
    const before = configWith(dapo.values);
    const smaller = withChange(dapo, before, { [BATCH]: "6" });
    expect([smaller[BATCH], smaller[mini], smaller[LR]]).toEqual([6, 3, 1.5e-4]);
    expect(differences(smaller, baseOf(dapo, smaller)), "one change").toEqual({ [BATCH]: 6 });
    expect(withChange(dapo, smaller, { [BATCH]: 16 })).toEqual(before);
    const own = withChange(dapo, smaller, { [mini]: 2 });
    expect(withChange(dapo, own, { [BATCH]: 8 })[mini]).toBe(2);
    expect(() => withChange(dapo, own, { [BATCH]: 5 })).toThrow(/every update of a step/);
    expect(() => withChange(dapo, own, { [BATCH]: "many" })).toThrow(/is needed/);
  });

  test("is as it came where a change does not fit it", () => {
    expect(carried({ [BATCH]: 3 }, grpo, preset("gspo-demo")), "an odd step is whole").toMatchObject({
      [BATCH]: 3,
    });
    const single = carried({ "actor_rollout_ref.rollout.n": 1 }, preset("reinforce-plus-plus-demo"), grpo);
    expect(single, "a group of one").toEqual({});
  });

  test("covers every setting that a preset names", () => {
    for (const { values } of PRESETS)
      for (const key of Object.keys(values)) expect(CONFIG_KEYS).toContain(key);
  });
});
