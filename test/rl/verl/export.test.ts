// The way back: what is written exists in verl's configuration, with a value of its kind, and reads back to the same run.
// verl's keys are those of test/fixtures/verl.

import { describe, expect, test, vi } from "vitest";

import { configCommand, configYaml } from "../../../src/app/exports.ts";
import { SeededRandom } from "../../../src/common/random.ts";
import { fromVerlCommand } from "../../../src/formats/verl-command.ts";
import { fromVerlYaml } from "../../../src/formats/verl-config.ts";
import type { ConfigKey, Field, RunConfig } from "../../../src/rl/config.ts";
import { CONFIG_KEYS, configWith, DEFAULTS, fieldOf, problemWith } from "../../../src/rl/config.ts";
import { PRESETS } from "../../../src/rl/presets/index.ts";
import { isAdded, verlSettings } from "../../../src/rl/verl/export.ts";
import { importVerlText } from "../../../src/rl/verl/import-text.ts";
import { importVerl } from "../../../src/rl/verl-import.ts";
import { read } from "../../files.ts";

vi.setConfig({ testTimeout: 60_000 });

const { keys: VERL } = JSON.parse(read("test/fixtures/verl/ppo-trainer-keys.json")) as {
  keys: Record<string, string>;
};

const KEPT = {
  "trainer.nnodes": 2,
  "trainer.logger": ["console", "wandb"],
  "trainer.project_name": 'it\'s "mine" \\',
  "trainer.default_local_dir": "ckpts/${trainer.project_name}",
  "data.tokenizer": "${oc.env:HOME}/tokenizer",
  "actor_rollout_ref.model.path": "Qwen/Qwen2.5-0.5B",
  "actor_rollout_ref.actor.fsdp_config.param_offload": false,
  "actor_rollout_ref.actor.fsdp_config.wrap_policy": {},
  "reward.num_workers": null,
  "data.sampler": [{ "a b": "1e-7", c: { d: [true, null, -2.5e-7, "x,y", "", "ends in \\"] } }],
  "trainer.experiment_name": "a@b = [1], {2}: $HOME `x` \t#",
};

type Form = (config: RunConfig, kept?: Record<string, unknown>) => string;
const decoded = ({ bytes }: { bytes: Uint8Array }): string => new TextDecoder().decode(bytes);
const yaml: Form = (config, kept) => decoded(configYaml(config, kept));
const command: Form = (config, kept) => decoded(configCommand(config, kept));
const FORMS = [
  ["YAML", yaml],
  ["a command", command],
] as const;

/** Several lines, with every character that a shell or Hydra might take for its own. */
const OWN_REWARD = `function computeScore(source, solution) {
\t// it's "one" of \${many}, #1: [a, b] {c} \\n $HOME
  return solution.match(/#### (-?[\\d.,]+)/) ? 1 : 0;
}
`;

/** A value of `field`, its ends and its special number among them. */
function randomValue(field: Field, random: SeededRandom): unknown {
  const pick = <T>(list: readonly T[]): T => list[random.integer(list.length)]!;
  if (field.kind === "boolean") return random.integer(2) === 1;
  if (field.kind === "text") return pick(["", OWN_REWARD]);
  if (field.kind === "choice") return pick(field.choices).value;
  if (field.kind === "choices")
    return field.choices.filter(() => random.integer(2) === 1).map(({ value }) => value);
  if (field.kind === "line")
    return pick([field.default, "1.5", "0.5_2.0", "token_k1", "seq_max_k2,token_k3"]);
  const number = (): number => {
    const { min = 0, max = 1e4 } = field;
    const power = 10 ** -random.integer(9);
    const value = min + (Math.min(max, min + 300) - min) * power * (random.integer(2 ** 32) / 2 ** 32);
    return field.kind === "integer" ? Math.ceil(value) : value;
  };
  if (field.kind === "numbers") return Array.from({ length: field.length }, number);
  return field.special && random.integer(4) === 0 ? field.special.value : number();
}

/** Settings drawn one by one; those that do not go with the ones before are left. */
function randomConfig(seed: number): RunConfig {
  const random = new SeededRandom(seed);
  let config = DEFAULTS;
  for (const key of CONFIG_KEYS) {
    const value = randomValue(fieldOf(key), random);
    if (problemWith(key, value) !== undefined) continue;
    try {
      config = configWith({ [key]: value }, config);
    } catch {
      // Does not go with the others.
    }
  }
  return config;
}

const CONFIGS = [
  ...PRESETS.map(({ id, values }) => [id, configWith(values)] as const),
  ...Array.from({ length: 40 }, (_, seed) => [`random ${seed}`, randomConfig(seed)] as const),
];

describe.each(FORMS)("%s", (_, form) => {
  test("of every recipe, and of random settings, reads back to the same", () => {
    for (const [id, config] of CONFIGS) {
      const { config: back, kept, refused, notes } = importVerlText(form(config), DEFAULTS);
      expect(back, id).toEqual(config);
      expect({ refused, notes }, id).toEqual({ refused: [], notes: [] });
      // A second time nothing changes.
      expect(form(back, kept), id).toBe(form(config));
    }
  });

  test("has what was kept for a cluster, which reads back", () => {
    const text = form(DEFAULTS, KEPT);
    const { config, kept, refused } = importVerlText(text, DEFAULTS);
    expect(config).toEqual(DEFAULTS);
    expect(kept).toMatchObject(KEPT);
    expect(refused.map(({ key }) => key)).toEqual(["actor_rollout_ref.model.path"]);
    expect(form(config, kept)).toBe(text);
  });

  test("has what verl cannot start without, with a comment each", () => {
    const text = form(DEFAULTS);
    for (const { key, comment } of verlSettings(DEFAULTS).needs) {
      const values = form === yaml ? fromVerlYaml(text) : fromVerlCommand(text).values;
      expect(values[key], key).toBeDefined();
      expect(text).toContain(`# ${comment}\n`);
    }
    expect(text).toContain("path/to/train.parquet");
  });

  test("says what verl has not", () => {
    const warned = (values: Record<string, unknown>): string =>
      form(configWith(values)).split("\n").slice(0, 5).join();
    expect(warned({})).not.toMatch(/verl has no|does not have/);
    expect(warned({ "actor_rollout_ref.actor.policy_loss.loss_mode": "vespo" })).toMatch(
      /# verl has no policy loss "vespo"/,
    );
    expect(warned({ "actor_rollout_ref.actor.optim.lr_scheduler_type": "linear" })).toMatch(
      /no schedule "linear"/,
    );
    expect(warned({ "gradus.mode": "sft" })).toMatch(/"Supervised fine-tuning", which verl/);
    expect(warned({ "gradus.mode": "preference" })).toMatch(/"Group preference", which verl/);
  });
});

/** Whether verl's default of this kind may become `value`. */
function fits(kind: string, value: unknown): boolean {
  // Nothing is said of what verl leaves open, or takes from elsewhere.
  if (["null", "reference", "required"].includes(kind)) return true;
  if (kind === "list") return Array.isArray(value);
  if (kind === "boolean") return typeof value === "boolean";
  if (kind === "text") return typeof value === "string" || Array.isArray(value);
  // verl writes 1 and 1.0 alike where a number is meant, and reads bounds such as "0.5_2.0" there.
  return typeof value === "number" || /^[\d.]+_[\d.]+$/.test(String(value));
}

describe("verl's own configuration", () => {
  test("has every setting that is written, or it is added", () => {
    for (const [id, config] of CONFIGS) {
      const { needs, run, own } = verlSettings(config);
      for (const [key, value] of [
        ...needs.map((need) => [need.key, need.value] as const),
        ...Object.entries(run),
      ]) {
        expect(Object.hasOwn(VERL, key), `${key} of ${id}`).toBe(!isAdded(key));
        if (Object.hasOwn(VERL, key))
          expect(fits(VERL[key]!, value), `${key} = ${String(value)} of ${id}`).toBe(true);
      }
      for (const key of Object.keys(own)) expect(isAdded(key), key).toBe(true);
    }
  });

  test("gets signs by that: a plus adds, two set what an import has kept", () => {
    const lines = command(DEFAULTS, KEPT)
      .split("\n")
      .flatMap((line) => [...(/^ {2}(\+*)([\w.]+)=/.exec(line)?.slice(1) ?? [])].join(" ").trim() || []);
    const signed = lines.map((line) => line.split(" ")).filter((parts) => parts.length === 2);
    const plain = lines.filter((line) => !line.startsWith("+"));
    for (const key of plain) expect(Object.hasOwn(VERL, key), key).toBe(true);
    expect(signed.filter(([sign]) => sign === "+").every(([, key]) => isAdded(key!))).toBe(true);
    expect(signed.filter(([sign]) => sign === "++").map(([, key]) => key)).toEqual(
      Object.keys(KEPT).filter((key) => !plain.includes(key)),
    );
    expect(plain).toContain("trainer.nnodes");
  });

  test("gives a critic the model, and leaves micro-batches as an import counts them", () => {
    const critic = { ...DEFAULTS, "algorithm.adv_estimator": "gae" };
    expect(command(critic, KEPT)).toMatch(/^ {2}critic\.model\.path=Qwen\/Qwen2\.5-0\.5B$/m);
    expect(command(DEFAULTS, KEPT)).not.toMatch(/critic/);
    const counted = {
      "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu": 4,
      "actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu": 8,
    };
    expect(command(DEFAULTS)).toMatch(/use_dynamic_bsz=true/);
    expect(command(DEFAULTS, counted)).not.toMatch(/use_dynamic_bsz/);
  });

  test("gives its penalty for length what that needs", () => {
    const on = configWith({ "reward.reward_kwargs.overlong_buffer_cfg.enable": true });
    expect(command(on)).toMatch(/^ {2}reward\.reward_manager\.name=dapo$/m);
    expect(command(on)).toMatch(/^ {2}\+reward\.reward_kwargs\.max_resp_len=32$/m);
    expect(importVerlText(command(on), DEFAULTS).refused).toEqual([]);
    const other = importVerl({ "reward.reward_kwargs.max_resp_len": 64 }, DEFAULTS);
    expect(other.refused).toMatchObject([{ kind: "elsewhere" }]);
  });

  test("knows null where we have a number of our own", () => {
    const { run } = verlSettings(DEFAULTS);
    expect(run["actor_rollout_ref.actor.loss_scale_factor"]).toBeNull();
    expect(run["data.gen_batch_size"]).toBeNull();
    expect(run["actor_rollout_ref.actor.ppo_mini_batch_size"]).toBe(DEFAULTS["data.train_batch_size"]);
    const set = configWith({ "data.gen_batch_size": 32, "actor_rollout_ref.actor.loss_scale_factor": 7 });
    expect(verlSettings(set).run).toMatchObject({
      "data.gen_batch_size": 32,
      "actor_rollout_ref.actor.loss_scale_factor": 7,
    });
  });

  test("has no key that the import does not know", () => {
    const unknown = Object.keys(VERL).flatMap((key) =>
      [null, 7, "x", true].flatMap((value) => importVerl({ [key]: value }, DEFAULTS).refused),
    );
    expect(unknown.filter(({ kind }) => kind === "unknown")).toEqual([]);
    expect(Object.keys(VERL).length).toBeGreaterThan(400);
  });

  test("is asked for Megatron's engine and names where an import had settings of it", () => {
    const kept = { "actor_rollout_ref.actor.megatron.expert_model_parallel_size": 8 };
    const config = configWith({ "actor_rollout_ref.actor.optim.lr_scheduler_type": "cosine" });
    const text = command(config, kept);
    expect(text).toMatch(/^ {2}model_engine=megatron$/m);
    expect(text).toMatch(/^ {2}\+\+actor_rollout_ref\.actor\.megatron\.expert_model_parallel_size=8$/m);
    expect(text).not.toMatch(/grad_clip|lr_scheduler_type|min_lr_ratio/);
    expect(yaml(config, kept)).toMatch(
      /^defaults: \[ ppo_trainer, \{ "override model_engine": megatron \}, _self_ \]$/m,
    );
    for (const form of [command, yaml]) {
      const back = importVerlText(form(config, kept), DEFAULTS);
      expect(back.config).toEqual(config);
      expect(back.kept).toMatchObject(kept);
      expect(form(back.config, back.kept)).toBe(form(config, kept));
    }
  });
});

test("labels in YAML are those of the form", () => {
  const key: ConfigKey = "actor_rollout_ref.rollout.n";
  expect(yaml(DEFAULTS)).toContain(`# ${fieldOf(key).label}\n    n: `);
});
