// The configuration: every field is valid by itself, what is refused is refused in a sentence with the values, and what is
// written as verl's YAML or as text reads back to the same run.

import { describe, expect, test } from "vitest";

import { configYaml } from "../../src/app/exports.ts";
import { fromVerlYaml } from "../../src/formats/verl-config.ts";
import type { ConfigKey } from "../../src/rl/config.ts";
import {
  checkResumable,
  CONFIG_KEYS,
  configWith,
  DEFAULTS,
  differences,
  fieldOf,
  isRead,
  problemWith,
  TOPICS,
} from "../../src/rl/config.ts";
import { CHARTS, METRICS } from "../../src/rl/metrics.ts";
import {
  miniBatchSize,
  adamwOptions,
  objectiveOf,
  policyOptions,
  samplingOf,
  updatesPerStep,
} from "../../src/rl/options/index.ts";
import { PRESETS } from "../../src/rl/presets/index.ts";

const N = "actor_rollout_ref.rollout.n";
const MINI = "actor_rollout_ref.actor.ppo_mini_batch_size";
const LR = "actor_rollout_ref.actor.optim.lr";
const BETAS = "actor_rollout_ref.actor.optim.betas";
const TARGETS = "actor_rollout_ref.model.target_modules";

describe("fields", () => {
  test.each(CONFIG_KEYS)("%s is valid by its own default, has words, and a topic", (key) => {
    const field = fieldOf(key);
    expect(problemWith(key, field.default)).toBeUndefined();
    expect(field.label).toMatch(/^[A-Z]/);
    expect(field.help).toMatch(/^\w.*\.$/);
    expect(field.source).not.toBe("");
    expect(TOPICS).toContain(field.topic);
    if ("choices" in field) for (const { value } of field.choices) expect(value).not.toBe("");
  });

  test("a metric to watch is one that a run logs", () => {
    const known = new Set(METRICS.map(({ key }) => key));
    const watched = CONFIG_KEYS.flatMap((key) => fieldOf(key).watch ?? []);
    expect(watched.filter((key) => !known.has(key))).toEqual([]);
    expect(watched.length).toBeGreaterThan(CONFIG_KEYS.length / 2);
  });

  test("every number has a bound that it does not cross", () => {
    for (const key of CONFIG_KEYS) {
      const field = fieldOf(key);
      if (field.kind !== "number" && field.kind !== "integer") continue;
      for (const value of [Number.NaN, Infinity, -Infinity, "many", "", undefined, true, []])
        expect(problemWith(key, value), `${key} = ${String(value)}`).toMatch(/is needed\.$/);
      if (field.min !== undefined) {
        expect(problemWith(key, field.min - 1e-3), key).toMatch(/is needed\.$/);
        expect(problemWith(key, field.min) === undefined, key).toBe(!field.isAboveMin);
      }
      if (field.max !== undefined) expect(problemWith(key, field.max + 1), key).toMatch(/is needed\.$/);
      // verl writes null for what is not set.
      for (const value of [null, ...(field.special ? [field.special.value] : [])])
        expect(problemWith(key, value), key).toBeUndefined();
      if (field.kind === "integer") expect(problemWith(key, 1.5), key).toMatch(/a whole number/);
    }
  });
});

describe("what a run reads", () => {
  const reads = (key: ConfigKey, values: Readonly<Record<string, unknown>> = {}): boolean =>
    isRead(key, configWith(values));
  const LOSS = "actor_rollout_ref.actor.policy_loss.loss_mode";
  const AGG = "actor_rollout_ref.actor.loss_agg_mode";

  test("names only settings that there are, with values that they may have", () => {
    for (const key of CONFIG_KEYS) {
      for (const condition of [fieldOf(key).when ?? []].flat() as Record<string, unknown>[])
        for (const [other, wanted] of Object.entries(condition)) {
          expect(CONFIG_KEYS, `${key} under ${other}`).toContain(other);
          const values = (
            Array.isArray(wanted) ? wanted : (wanted as { except: unknown[] }).except
          ) as unknown[];
          for (const value of values) expect(problemWith(other as ConfigKey, value), key).toBeUndefined();
        }
    }
  });

  test("a setting of a loss or an estimator, under those that name it", () => {
    expect(reads("actor_rollout_ref.actor.clip_ratio_c")).toBe(true);
    expect(reads("actor_rollout_ref.actor.clip_ratio_c", { [LOSS]: "gspo" })).toBe(false);
    expect(reads("actor_rollout_ref.actor.tau_pos", { [LOSS]: "sapo" })).toBe(true);
    expect(reads("actor_rollout_ref.actor.tau_pos")).toBe(false);
    expect(reads("gradus.advantage_epsilon", { "algorithm.adv_estimator": "rloo" })).toBe(false);
    expect(reads("algorithm.gamma", { "algorithm.adv_estimator": "reinforce_plus_plus" })).toBe(true);
  });

  test("a setting under a switch, while that is read itself", () => {
    expect(reads("gradus.advantage_epsilon", { "algorithm.norm_adv_by_std_in_grpo": false })).toBe(false);
    expect(reads("algorithm.kl_ctrl.target_kl", { "algorithm.kl_ctrl.type": "adaptive" })).toBe(false);
    const inReward = { "algorithm.use_kl_in_reward": true, "algorithm.kl_ctrl.type": "adaptive" };
    expect(reads("algorithm.kl_ctrl.target_kl", inReward)).toBe(true);
    expect(reads("algorithm.kl_ctrl.target_kl", { ...inReward, "gradus.mode": "preference" })).toBe(false);
    expect(reads("actor_rollout_ref.model.lora_alpha")).toBe(false);
    expect(reads("actor_rollout_ref.model.lora_alpha", { "actor_rollout_ref.model.lora_rank": 8 })).toBe(
      true,
    );
  });

  test("the aggregation, where the loss has none of its own or a penalty is added up, too", () => {
    expect(reads(AGG)).toBe(true);
    expect(reads(AGG, { [LOSS]: "gspo" })).toBe(false);
    expect(reads(AGG, { [LOSS]: "gspo", "actor_rollout_ref.actor.entropy_coeff": 0.01 })).toBe(true);
    expect(reads("actor_rollout_ref.actor.loss_scale_factor", { [AGG]: "seq-mean-token-sum-norm" })).toBe(
      true,
    );
  });
});

describe("values", () => {
  test("may be texts, as a form or a command line gives them", () => {
    const config = configWith({
      [LR]: "1e-5",
      [N]: "4",
      "data.shuffle": "False",
      [BETAS]: "[0.8, 0.95]",
      [TARGETS]: "v_proj,q_proj",
    });
    expect(config[LR]).toBe(1e-5);
    expect(config[N]).toBe(4);
    expect(config["data.shuffle"]).toBe(false);
    expect(config[BETAS]).toEqual([0.8, 0.95]);
    expect(config[TARGETS], "in the order of the model").toEqual(["q_proj", "v_proj"]);
    expect(configWith({ [TARGETS]: "all-linear" })[TARGETS]).toEqual(DEFAULTS[TARGETS]);
  });

  test.each([
    [{ [LR]: "fast" }, /Learning rate \(.*lr\) is "fast": a number above 0 up to 1 is needed/],
    [{ [LR]: 0 }, /is 0: a number above 0/],
    [{ [N]: 2.5 }, /Group size .* is 2.5: a whole number from 1 up to 256 is needed/],
    [{ "data.shuffle": 1 }, /Shuffle .* is 1: true or false is needed/],
    [{ "algorithm.adv_estimator": "ppo" }, /is "ppo": one of grpo, rloo/],
    [{ [BETAS]: [0.9] }, /Betas .* is \[0.9\]: 2 times a number from 0 up to/],
    [{ [TARGETS]: ["fc1"] }, /some of q_proj/],
    [{ [TARGETS]: [] }, /some of q_proj/],
    [{ "trainer.save_freq": 0 }, /or -1 for only on pause and at the end, is needed/],
    [
      { "actor_rollout_ref.rollout.nn": 2 },
      /There is no setting .* Did you mean actor_rollout_ref\.rollout\.n\?/,
    ],
    [{ toString: 1 }, /There is no setting "toString"/],
    [{ [N]: 1 }, /Group size is 1: a group-relative advantage needs at least 2/],
    [{ "data.train_batch_size": 8, [MINI]: 3 }, /Prompts per step is 8 and prompts per update 3/],
    [{ "data.train_batch_size": 8, [MINI]: 16 }, /Prompts per step is 8 and prompts per update 16/],
    [
      { "algorithm.adv_estimator": "gae", "trainer.critic_warmup": 9, "trainer.total_training_steps": 8 },
      /Only the critic learns before step 9, and the run has 8 steps/,
    ],
    [{ "data.max_response_length": 4000 }, /The token budget is 4096, and one prompt .* 4512 tokens/],
  ])("%j is refused in a sentence", (values, message) => {
    let thrown: unknown;
    try {
      configWith(values);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ name: "UserError", message: expect.stringMatching(message) });
  });

  test("prompts per update are the whole step unless they are set", () => {
    expect(updatesPerStep(configWith({ "data.train_batch_size": 8 }))).toBe(1);
    expect(updatesPerStep(configWith({ "data.train_batch_size": 8, [MINI]: 2 }))).toBe(4);
  });

  test("what only reinforcement learning needs is not asked of supervised fine-tuning", () => {
    const config = configWith({ "gradus.mode": "sft", [N]: 1, "data.train_batch_size": 8 });
    expect(updatesPerStep(config)).toBe(1);
  });
});

describe("a run that has begun", () => {
  test("may change what neither its data nor its memory depend on", () => {
    const changed = configWith({ [LR]: 1e-5, "trainer.total_training_steps": 100 });
    expect(() => checkResumable(DEFAULTS, changed)).not.toThrow();
    expect(differences(changed)).toEqual({ [LR]: 1e-5, "trainer.total_training_steps": 100 });
  });

  test("may not change the rest, and is told why", () => {
    const fixed = CONFIG_KEYS.filter((key) => fieldOf(key).isFixedInRun);
    expect(fixed.length).toBeGreaterThan(10);
    expect(() => checkResumable(DEFAULTS, configWith({ [N]: 4 }))).toThrow(
      /^Group size \(actor_rollout_ref.rollout.n\) is 8 in this run and cannot become 4: .* Start a new run/,
    );
    for (const [from, to] of [
      [DEFAULTS, configWith({ "algorithm.adv_estimator": "gae" })],
      [configWith({ "algorithm.adv_estimator": "gae" }), DEFAULTS],
    ] as const)
      expect(() => checkResumable(from, to)).toThrow(/one of the two has a critic.* Start a new run/);
    const rloo = configWith({ "algorithm.adv_estimator": "rloo" });
    expect(() => checkResumable(DEFAULTS, rloo)).not.toThrow();
  });
});

describe("verl's YAML", () => {
  const configs = [
    { id: "the defaults", config: DEFAULTS },
    ...PRESETS.map(({ id, values }) => ({ id, config: configWith(values) })),
  ];
  test.each(configs)("$id reads back to the same run", ({ config }) => {
    const text = new TextDecoder().decode(configYaml(config).bytes);
    const ours = Object.entries(fromVerlYaml(text)).filter(([key]) => key in config);
    expect(configWith(Object.fromEntries(ours))).toEqual(config);
    // verl has no word for "the whole step".
    expect(fromVerlYaml(text)[MINI]).toBe(miniBatchSize(config));
    expect(text).toContain("# Learning rate");
  });
});

describe.each(PRESETS)("preset $id", ({ values, label, description, source }) => {
  test("is valid, says what it is, and gives options that the engine takes", () => {
    const config = configWith(values);
    expect([label, description, source].every((text) => text.length >= 3)).toBe(true);
    for (const [key, value] of Object.entries(values)) expect(config[key as ConfigKey], key).toEqual(value);
    const { tokenBudget, rollout, baseType, lora } = policyOptions(config);
    expect(tokenBudget).toBeGreaterThanOrEqual(rollout!.maxPrompt + rollout!.maxNew);
    expect(rollout!.promptSlots).toBeLessThanOrEqual(rollout!.rows);
    if (baseType === "f16") expect(lora).toBeDefined();
    expect(objectiveOf(config).loss.id).toBe(config["actor_rollout_ref.actor.policy_loss.loss_mode"]);
    expect(samplingOf(config).topK).toBeGreaterThanOrEqual(0);
    expect(Number.isInteger(updatesPerStep(config))).toBe(true);
    expect(adamwOptions(config, 1).lr).toBeGreaterThan(0);
    expect(adamwOptions(config, config["trainer.total_training_steps"]).lr).toBeGreaterThan(0);
  });
});

describe("metrics", () => {
  test("are each described once, in a sentence", () => {
    const keys = METRICS.map(({ key }) => key);
    expect(new Set(keys).size).toBe(keys.length);
    for (const { key, description } of METRICS) expect(description, key).toMatch(/^[A-Z0-9].*\.$/);
  });

  test("fill every chart, and name no other", () => {
    const shown = new Set(METRICS.flatMap(({ chart }) => (chart ? [chart] : [])));
    expect([...shown].toSorted()).toEqual(CHARTS.map(({ id }) => id).toSorted());
  });
});
