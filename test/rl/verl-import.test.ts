// A verl configuration becomes ours: known settings are applied, a cluster's are kept, everything else is named with a
// reason. Whole texts are in verl/.

import { writeFile } from "node:fs/promises";
import path from "node:path";

import { describe, expect, test, vi } from "vitest";

import { settingsOf } from "../../src/node/train/inputs.ts";
import type { RunConfig } from "../../src/rl/config.ts";
import { CONFIG_KEYS, configWith, DEFAULTS } from "../../src/rl/config.ts";
import { importVerlText } from "../../src/rl/verl/import-text.ts";
import { clusterWord, importVerl } from "../../src/rl/verl-import.ts";
import { temporaryFolder } from "../storage/stores.ts";

const N = "actor_rollout_ref.rollout.n";
const LR = "actor_rollout_ref.actor.optim.lr";
const LOW = "actor_rollout_ref.actor.clip_ratio_low";
const BATCH = "data.train_batch_size";
const MINI = "actor_rollout_ref.actor.ppo_mini_batch_size";
const BUDGET = "actor_rollout_ref.actor.ppo_max_token_len_per_gpu";
const LONG = "reward.reward_kwargs.overlong_buffer_cfg";

/** The only refusal. */
const refusal = (values: Record<string, unknown>) => {
  const { refused } = importVerl(values, DEFAULTS);
  expect(refused).toHaveLength(1);
  return refused[0]!;
};

describe("settings", () => {
  test("that are known are applied, and no other changes", () => {
    const { config, applied, kept, refused, notes } = importVerl({ [N]: 4, [LR]: "3e-6" }, DEFAULTS);
    expect(config).toEqual({ ...DEFAULTS, [N]: 4, [LR]: 3e-6 });
    expect({ applied, kept, refused, notes }).toEqual({ applied: [N, LR], kept: {}, refused: [], notes: [] });
  });

  test("of a cluster are kept as they came, with a word what they are about", () => {
    const values = {
      "actor_rollout_ref.actor.megatron.param_offload": true,
      "actor_rollout_ref.ref.fsdp_config.param_offload": true,
      "actor_rollout_ref.rollout.tensor_model_parallel_size": 2,
      "actor_rollout_ref.rollout.gpu_memory_utilization": 0.6,
      "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu": 16,
      "actor_rollout_ref.ref.log_prob_micro_batch_size": 4,
      "critic.model.fsdp_config.param_offload": true,
      "critic.strategy": "fsdp",
      "trainer.nnodes": 1,
      "trainer.n_gpus_per_node": 8,
      "trainer.logger": ["console", "wandb"],
      "trainer.project_name": "mine",
    };
    const { config, kept, about, applied, refused } = importVerl(values, DEFAULTS);
    expect(config).toEqual(DEFAULTS);
    expect(kept).toEqual(values);
    expect([...applied, ...refused]).toEqual([]);
    expect(Object.keys(about)).toEqual(Object.keys(values));
    for (const key of Object.keys(values)) expect(about[key]).toBe(clusterWord(key));
    expect(clusterWord(N)).toBeUndefined();
  });

  test("none of ours counts as a cluster's", () => {
    expect(
      CONFIG_KEYS.filter((key) => importVerl({ [key]: DEFAULTS[key] }, DEFAULTS).applied[0] !== key),
    ).toEqual([]);
  });

  test("that are not known are refused with the nearest one, a cluster's included", () => {
    for (const [key, meant] of [
      ["actor_rollout_ref.rollout.m", N],
      ["actor_rollout_ref.actor.optim.lrr", LR],
      ["actor_rollout_ref.actor.entropy_coef", "actor_rollout_ref.actor.entropy_coeff"],
      ["actor_rollout_ref.actor.kl_coef", "algorithm.kl_ctrl.kl_coef"],
      ["actor_rollout_ref.rollout.temprature", "actor_rollout_ref.rollout.temperature"],
      ["actor_rollout_ref.actr.clip_ratio_low", LOW],
      ["algorithm.clip_ratio_low", LOW],
      ["algorithm.adv_estimater", "algorithm.adv_estimator"],
      ["data.train_batchsize", BATCH],
      ["trainer.n_gpu_per_node", "trainer.n_gpus_per_node"],
      ["reward_model.overlong_buffer.lenn", `${LONG}.len`],
      ["clip_ratio_lo", LOW],
    ] as const)
      expect(refusal({ [key]: 1 })).toEqual({
        key,
        value: 1,
        kind: "unknown",
        why: `There is no setting "${key}". Did you mean ${meant}?`,
      });
    expect(refusal({ "a.b": 1 }).why).toMatch(/^There is no setting "a\.b"\. Take it out/);
    expect(refusal({ ["__proto__"]: 1 }).kind).toBe("unknown");
    expect(refusal({ ["x".repeat(1e6)]: 1 }).kind).toBe("unknown");
  });

  test("without their sections are those that they end, if there is only one", () => {
    for (const [short, key] of [
      ["clip_ratio_low", LOW],
      ["actor.optim.lr", LR],
      ["optim.lr", LR],
      ["lr", LR],
      ["policy_loss.loss_mode", "actor_rollout_ref.actor.policy_loss.loss_mode"],
      ["CLIP_RATIO_LOW", LOW],
      ["n_resp_per_prompt", N],
      ["filter_groups.max_num_gen_batches", "algorithm.filter_groups.max_num_gen_batches"],
    ] as const) {
      const value = DEFAULTS[key as keyof RunConfig];
      const { applied, notes, refused } = importVerl({ [short]: value }, DEFAULTS);
      expect({ applied, notes, refused }, short).toEqual({
        applied: [key],
        notes: [`${short} is ${key} here.`],
        refused: [],
      });
    }
    expect(importVerl({ "ref.log_prob_micro_batch_size": 2, "model.path": "x" }, DEFAULTS).kept).toEqual({
      "actor_rollout_ref.ref.log_prob_micro_batch_size": 2,
      "actor_rollout_ref.model.path": "x",
    });
    // What stands in a section of its own is meant to be there.
    expect(refusal({ "trainer.lr": 1 }).kind).toBe("unknown");
    expect(refusal({ mode: "async" }).why).toMatch(/Did you mean gradus\.mode\?$/);
  });

  test("with a value that does not fit are refused in config's words, and the rest is applied", () => {
    const { config, refused } = importVerl(
      { [N]: 0, [LR]: 3e-6, "algorithm.adv_estimator": "zzz" },
      DEFAULTS,
    );
    expect(config).toEqual({ ...DEFAULTS, [LR]: 3e-6 });
    expect(refused.map(({ key, kind, why }) => [key, kind, why])).toEqual([
      [N, "value", expect.stringMatching(/^Group size .* is 0: /)],
      ["algorithm.adv_estimator", "value", expect.stringMatching(/is "zzz": one of grpo/)],
    ]);
  });

  test("that are null leave the recipe's value, unless null means something", () => {
    const base = configWith({ "trainer.total_training_steps": 7, [BATCH]: 16, [MINI]: 8 });
    const { config, refused } = importVerl({ "trainer.total_training_steps": null, [MINI]: null }, base);
    expect(config).toEqual({ ...base, [MINI]: -1 });
    expect(refused).toEqual([]);
  });
});

describe("settings that do not go together", () => {
  test("lose the later one", () => {
    const { config, refused } = importVerl({ [BATCH]: 100, [LR]: 3e-6, [MINI]: 30 }, DEFAULTS);
    expect(config).toEqual({ ...DEFAULTS, [BATCH]: 100, [LR]: 3e-6 });
    expect(refused).toEqual([
      {
        key: MINI,
        value: 30,
        kind: "value",
        why: expect.stringMatching(/is 100 and prompts per update 30/) as string,
        stays: -1,
      },
    ]);
  });

  test("lose only those that are at fault when there are several", () => {
    const values = { [BATCH]: 100, [MINI]: 30, [N]: 1, [LR]: 3e-6 };
    const { config, applied, refused } = importVerl(values, DEFAULTS);
    expect(applied).toEqual([BATCH, LR]);
    expect(refused.map(({ key, kind }) => [key, kind])).toEqual([
      [MINI, "value"],
      [N, "value"],
    ]);
    expect(config).toEqual({ ...DEFAULTS, [BATCH]: 100, [LR]: 3e-6 });
  });

  test("are judged with those that stand above them", () => {
    const base = configWith({ [BATCH]: 16, [MINI]: 8 });
    expect(importVerl({ [BATCH]: 12 }, base).refused.map(({ key }) => key)).toEqual([BATCH]);
    const { config, refused } = importVerl({ [BATCH]: 12 }, base, { over: { [MINI]: "6" } });
    expect([config[BATCH], config[MINI], refused.length]).toEqual([12, 6, 0]);
    expect(() => importVerl({ [LR]: 1e-6 }, base, { over: { [N]: 1 } })).toThrow(/^Group size is 1/);
  });

  test("a longer response raises the token budget, which it does not set itself", () => {
    const { config, notes } = importVerl({ "data.max_response_length": 8192 }, DEFAULTS);
    expect(config[BUDGET]).toBe(8192 + DEFAULTS["data.max_prompt_length"]);
    expect(notes).toEqual([expect.stringContaining(BUDGET)]);
    const own = importVerl({ "data.max_response_length": 8192, [BUDGET]: 16384 }, DEFAULTS);
    expect([own.config[BUDGET], own.notes]).toEqual([16384, []]);
    const small = importVerl({ "data.max_response_length": 8192, [BUDGET]: 1024 }, DEFAULTS);
    expect(small.refused.length).toBeGreaterThan(0);
    expect(small.refused.every(({ kind }) => kind === "value")).toBe(true);
  });
});

describe("other names", () => {
  test.each([
    ["data.enable_overlong_buffer", "data.overlong_buffer_len", "data.overlong_penalty_factor"],
    ["enable", "len", "penalty_factor"].map((name) => `reward_model.overlong_buffer.${name}`),
    ["enable", "len", "penalty_factor"].map(
      (name) => `reward_model.reward_kwargs.overlong_buffer_cfg.${name}`,
    ),
  ])("%s sets the penalty for length, with a note", (enable, length, factor) => {
    const { config, refused, notes } = importVerl(
      { [enable!]: true, [length!]: 8, [factor!]: 0.5 },
      DEFAULTS,
    );
    const changes = { [`${LONG}.enable`]: true, [`${LONG}.len`]: 8, [`${LONG}.penalty_factor`]: 0.5 };
    expect(config).toEqual({ ...DEFAULTS, ...changes });
    expect(refused).toEqual([]);
    expect(notes).toContain(`${length} is ${LONG}.len here.`);
  });

  test("give way to the setting itself", () => {
    const { config, refused } = importVerl({ "data.overlong_buffer_len": 8, [`${LONG}.len`]: 12 }, DEFAULTS);
    expect(config[`${LONG}.len`]).toBe(12);
    expect(refused).toEqual([
      {
        key: "data.overlong_buffer_len",
        value: 8,
        kind: "elsewhere",
        why: `${LONG}.len is set as well, and wins.`,
      },
    ]);
  });

  test("of the schedule and of the gradient clip", () => {
    const optim = "actor_rollout_ref.actor.optim";
    const { config } = importVerl(
      { [`${optim}.warmup_style`]: "cosine", [`${optim}.clip_grad`]: 0.5 },
      DEFAULTS,
    );
    expect(config[`${optim}.lr_scheduler_type`]).toBe("cosine");
    expect(config["actor_rollout_ref.actor.grad_clip"]).toBe(0.5);
  });

  test("the price of KL has one name only", () => {
    expect(importVerl({ "algorithm.kl_ctrl.kl_coef": 0.01 }, DEFAULTS).applied).toEqual([
      "algorithm.kl_ctrl.kl_coef",
    ]);
  });
});

describe("what is decided in another way", () => {
  test.each([
    ["actor_rollout_ref.actor.clip_ratio", 0.3, /clip_ratio_low and clip_ratio_high win/],
    ["trainer.total_epochs", 15, /set trainer\.total_training_steps to epochs x problems/],
    ["data.train_files", "train.parquet", /^Drop the file/],
    ["data.val_files", ["test.parquet"], /^Drop the file/],
    ["actor_rollout_ref.model.path", "Qwen/Qwen2.5-0.5B-Instruct", /^Drop the model's files/],
    ["custom_reward_function.path", "reward.py", /Python function.* JavaScript .*Your own reward/],
    ["reward.custom_reward_function.name", "my_score", /--reward FILE\.js/],
    ["actor_rollout_ref.rollout.do_sample", false, /always sampled/],
    ["actor_rollout_ref.rollout.val_kwargs.n", 4, /greedy/],
    ["actor_rollout_ref.rollout.multi_turn.enable", true, /one turn/],
    ["reward_model.enable", true, /No reward model/],
  ])("%s = %j is named with the reason", (key, value, why) => {
    expect(refusal({ [key]: value })).toMatchObject({
      key,
      value,
      kind: "elsewhere",
      why: expect.stringMatching(why) as string,
    });
  });

  test.each([
    ["custom_reward_function.path", null],
    ["actor_rollout_ref.rollout.do_sample", true],
    ["actor_rollout_ref.rollout.val_kwargs.n", 1],
    ["reward_model.enable", false],
    ["data.truncation", "error"],
    ["data.apply_chat_template_kwargs", {}],
  ])("%s = %j asks for nothing, and is kept", (key, value) => {
    expect(importVerl({ [key]: value }, DEFAULTS)).toMatchObject({ kept: { [key]: value }, refused: [] });
  });
});

describe("a text", () => {
  test("may be a command, a script, YAML, or bare settings", () => {
    for (const text of [
      `python3 -m verl.trainer.main_ppo ${LR}=3e-6`,
      `#!/bin/bash\n# notes: of mine\nset -x\nlr=3e-6\npython3 -m verl.trainer.main_ppo \\\n  ${LR}=$lr $@`,
      `# the rate\n${LR}: 3e-6`,
      `actor_rollout_ref:\n  actor:\n    optim:\n      lr: 3e-6 # a=b\n`,
      `${LR}=3e-6`,
    ])
      expect(importVerlText(text, DEFAULTS), text).toMatchObject({
        config: { ...DEFAULTS, [LR]: 3e-6 },
        refused: [],
      });
    expect(() => importVerlText("hello", DEFAULTS, { file: "my.yaml" })).toThrow(
      /^my\.yaml holds no settings/,
    );
  });

  test("names what a command takes out, and files that only verl has", () => {
    const text = `main_ppo --config-name=ppo_megatron_trainer ${N}=4 ~trainer.logger`;
    expect(importVerlText(text, DEFAULTS).refused.map(({ key, value, kind }) => [key, value, kind])).toEqual([
      ["--config-name", "ppo_megatron_trainer", "elsewhere"],
      ["~trainer.logger", null, "elsewhere"],
    ]);
  });
});

test("files that are named are told, and kept for the way back", () => {
  for (const key of ["data.train_files", "actor_rollout_ref.model.path", "custom_reward_function.path"]) {
    const { kept, refused } = importVerl({ [key]: "x" }, DEFAULTS);
    expect({ kept, refused }).toMatchObject({ kept: { [key]: "x" }, refused: [{ key, keptAs: key }] });
  }
  // What was not done here is not claimed there.
  expect(importVerl({ "algorithm.use_pf_ppo": true }, DEFAULTS).kept).toEqual({});
});

describe("epochs", () => {
  const EPOCHS = "trainer.total_epochs";
  const STEPS = "trainer.total_training_steps";
  const counted = (values: Record<string, unknown>, problems = 2000): ReturnType<typeof importVerl> =>
    importVerl(values, DEFAULTS, { problems: () => problems });

  test("become steps where the problems are known, and a note says how", () => {
    const { config, applied, notes, refused, kept } = counted({ [EPOCHS]: 3, [BATCH]: 64 });
    expect(config[STEPS]).toBe(93);
    expect({ applied, refused, kept }).toEqual({ applied: [BATCH, STEPS], refused: [], kept: {} });
    expect(notes).toEqual([`3 epochs of 2,000 problems, 64 a step, are 93 steps (${EPOCHS}).`]);
    expect(counted({ TOTAL_EPOCHS: 1 }, 3).config[STEPS]).toBe(1);
    const rounds = counted({ [EPOCHS]: 2, "gradus.mode": "preference", "gradus.self_play_rounds": 5 });
    expect(rounds.config[STEPS]).toBe(50);
  });

  test("only bound steps that are set as well, as in verl", () => {
    expect(counted({ [EPOCHS]: 1, [STEPS]: 7 }).config[STEPS]).toBe(7);
    expect(counted({ [EPOCHS]: 1, [STEPS]: 7000 }).config[STEPS]).toBe(125);
    expect(importVerl({ [EPOCHS]: 1, [STEPS]: 7 }, DEFAULTS)).toMatchObject({ refused: [], kept: {} });
    const over = importVerl({ [EPOCHS]: 1 }, DEFAULTS, { over: { [STEPS]: 9000 }, problems: () => 100 });
    expect(over).toMatchObject({ config: { [STEPS]: 9000 }, refused: [] });
  });

  test.each([0, -1, 1.5, "many", true])("%j is refused, and the steps stay", (epochs) => {
    const { config, refused } = counted({ [EPOCHS]: epochs });
    expect(config).toEqual(DEFAULTS);
    expect(refused).toMatchObject([{ key: EPOCHS, kind: "value" }]);
  });
});

describe("the command line", () => {
  const settingsFrom = async (text: string, set: readonly string[] = []): Promise<[RunConfig, string[]]> => {
    const file = path.join(await temporaryFolder(), "run.sh");
    await writeFile(file, text);
    const lines: string[] = [];
    const spy = vi.spyOn(console, "log").mockImplementation((line: string) => void lines.push(line));
    try {
      return [await settingsOf({ config: file, set }, true), lines];
    } finally {
      spy.mockRestore();
    }
  };

  test("takes a script, says what became of it, and puts single settings above", async () => {
    const text = `python3 -m verl.trainer.main_ppo ${LR}=3e-6 ${N}=4 trainer.nnodes=1 trainer.total_epochs=3`;
    const [config, lines] = await settingsFrom(text, [`${N}=6`]);
    expect([config[LR], config[N]]).toEqual([3e-6, 6]);
    expect(lines).toEqual([
      "run.sh: 2 applied, 1 only for a cluster, 1 not taken",
      "  for a cluster: trainer.nnodes (cluster)",
      expect.stringMatching(/^ {2}not taken: trainer\.total_epochs\. The steps of an epoch/) as string,
    ]);
  });

  test("ends at a setting that nobody knows, or that does not fit", async () => {
    await expect(settingsFrom(`main_ppo ${LR}=3e-6 actor_rollout_ref.rollout.m=4`)).rejects.toThrow(
      /^run\.sh: There is no setting "actor_rollout_ref\.rollout\.m"\. Did you mean actor_rollout_ref\.rollout\.n\?$/,
    );
    await expect(settingsFrom(`main_ppo ${N}=1`)).rejects.toThrow(/^run\.sh: Group size is 1: /);
  });
});
