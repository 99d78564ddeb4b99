// What the train and eval commands say before they need a device, and what a terminal shows of a run.

import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";

import { afterEach, describe, expect, test, vi } from "vitest";

import { configYaml } from "../../src/app/exports.ts";
import { fromJsonLines } from "../../src/formats/metrics-table.ts";
import { main } from "../../src/node/cli.ts";
import { placedModel, settingsOf } from "../../src/node/train/inputs.ts";
import { RunFolder } from "../../src/node/train/output.ts";
import { duration, Terminal } from "../../src/node/train/terminal.ts";
import { configWith, DEFAULTS } from "../../src/rl/config.ts";
import type { RunConfig } from "../../src/rl/config.ts";
import { tinyFiles } from "../rl/tiny-run.ts";
import { temporaryFolder } from "../storage/stores.ts";

afterEach(() => void vi.restoreAllMocks());

/** What a command that fails prints on stderr. */
async function complaint(...args: string[]): Promise<string> {
  const lines: string[] = [];
  vi.spyOn(console, "error").mockImplementation((text: string) => void lines.push(text));
  expect(await main(args, () => {})).toBe(1);
  return lines.join("\n");
}

describe("a mistake is told in a sentence, without a stack", () => {
  test.each([
    [["--preset", "grpo-dmo"], /^There is no preset "grpo-dmo"\. Did you mean grpo-demo\?$/],
    [["--preset", "zzz"], /^There is no preset "zzz"\. There are grpo, /],
    [["--set", "lr"], /^--set takes key=value, and "lr" is not that\. Example: /],
    [
      ["--set", "actor_rollout_ref.rollout.m=2"],
      /^There is no setting .* Did you mean actor_rollout_ref\.rollout\.n\?$/,
    ],
    [["--set", "actor_rollout_ref.rollout.n=1"], /^Group size is 1: /],
    [["--gpu-memory", "much"], /^--gpu-memory is "much": a number of GiB above 0 is needed, such as 4\.$/],
    [["--steps", "many"], /^Steps \(trainer\.total_training_steps\) is "many": a whole number from 1/],
    [
      ["--model", "nowhere"],
      /^nowhere is not there, and a folder with config\.json, tokenizer\.json and weights is needed\.$/,
    ],
    [
      ["--adapter", "nowhere"],
      /^nowhere is not there, and a folder with adapter_config\.json and adapter_model\.safetensors is needed\.$/,
    ],
    [["--config", "nowhere.yaml"], /^There is no file nowhere\.yaml\. Check the path\.$/],
    [["--resume"], / holds no run to go on with\. Leave --resume away to begin one there\.$/],
    [["--step", "3"], /^train has no option --step\. Did you mean --steps\?/],
  ])("train %j", async (args, message) => {
    const folder = await temporaryFolder();
    const text = await complaint("train", "--out", path.join(folder, "out"), ...args);
    expect(text).toMatch(message);
    expect(text).not.toMatch(/\n|at .*\.ts:/);
    expect(await readdir(folder), "nothing is left behind").toEqual([]);
  });

  test.each([
    [["--model", "nowhere"], /^nowhere is not there/],
    [["--step", "last"], /^--step is "last": a whole number is needed\.$/],
    [["--step", "3"], /^--step 3 is a step of a run: name its folder with --run\.$/],
    [["--show", "all"], /^--show is "all": a whole number is needed\.$/],
    [["mine"], /^eval takes no argument "mine"\. A value needs its option in front: --model, /],
  ])("eval %j", async (args, message) => {
    expect(await complaint("eval", ...args)).toMatch(message);
  });

  test("eval of a folder that holds no run", async () => {
    const folder = await temporaryFolder();
    expect(await complaint("eval", "--run", folder)).toBe(
      `${folder} holds no run. Name a folder that train has written.`,
    );
  });

  test("a model folder without weights, and one that is a file", async () => {
    const folder = await temporaryFolder();
    const [empty, file, out] = ["empty", "file", "out"].map((name) => path.join(folder, name)) as [
      string,
      string,
      string,
    ];
    await mkdir(empty);
    await writeFile(file, "");
    expect(await complaint("train", "--out", out, "--model", empty)).toMatch(
      /^The model has no config\.json/,
    );
    expect(await complaint("train", "--out", out, "--model", file)).toMatch(/is a file, and a folder with/);
  });

  test("a run.json that somebody else wrote", async () => {
    const folder = await temporaryFolder();
    await writeFile(path.join(folder, "run.json"), "{}");
    expect(await complaint("train", "--out", folder, "--resume")).toMatch(
      /run\.json is not what Gradus wrote there/,
    );
  });
});

describe("settings", () => {
  test("are a preset's, with a file's on top and single ones above all", async () => {
    const file = path.join(await temporaryFolder(), "settings.yaml");
    await writeFile(file, "trainer:\n  total_training_steps: 7\n  save_freq: 3\n");
    const config = await settingsOf({ config: file, set: ["trainer.save_freq = 5"], steps: "9" }, true);
    expect(config["trainer.total_training_steps"]).toBe(9);
    expect(config["trainer.save_freq"]).toBe(5);
    expect(config["actor_rollout_ref.rollout.temperature"], "of grpo-demo").toBe(0.7);
    expect((await settingsOf({}, false))["actor_rollout_ref.model.lora_rank"], "of grpo-own").toBe(32);
    expect((await settingsOf({ preset: "cispo" }, false))["actor_rollout_ref.model.lora_rank"]).toBe(32);
    expect((await settingsOf({ preset: "cispo" }, true))["actor_rollout_ref.model.lora_rank"]).toBe(0);
  });

  test("of a run that goes on are its own, unless a preset is named", async () => {
    const own = configWith({ "trainer.save_freq": 3 });
    expect(await settingsOf({ steps: "70" }, true, own)).toEqual({
      ...own,
      "trainer.total_training_steps": 70,
    });
    expect((await settingsOf({ preset: "sft-demo" }, true, own))["gradus.mode"]).toBe("sft");
  });

  test("take a person's reward function from a file, which judges alone unless weights are set", async () => {
    const folder = await temporaryFolder();
    const reward = path.join(folder, "own.js");
    const code = "function computeScore() {\n  return 1;\n}\n";
    await writeFile(reward, code);
    const weightsOf = (config: RunConfig): number[] => [
      config["gradus.reward_weight.gsm8k"],
      config["gradus.reward_weight.custom"],
    ];
    const alone = await settingsOf({ reward }, true);
    expect(alone["gradus.reward_function"]).toBe(code);
    expect(weightsOf(alone)).toEqual([0, 1]);
    const beside = ["gradus.reward_weight.gsm8k=0.5"];
    expect(weightsOf(await settingsOf({ reward, set: beside }, true))).toEqual([0.5, 1]);
    // Of a run that goes on, or of a file, the weights are chosen already; the file's function is not the newer one.
    const kept = await settingsOf({ reward, set: ["gradus.reward_weight.custom=3"] }, true);
    expect(weightsOf(await settingsOf({ reward }, true, kept))).toEqual([1, 3]);
    const file = path.join(folder, "settings.yaml");
    await writeFile(file, configYaml({ ...kept, "gradus.reward_function": "an older one" }).bytes);
    const read = await settingsOf({ reward, config: file }, true);
    expect(weightsOf(read)).toEqual([1, 3]);
    expect(read["gradus.reward_function"]).toBe(code);
    await expect(settingsOf({ reward: path.join(folder, "none.js") }, true)).rejects.toThrow(
      /There is no file/,
    );
  });
});

test("the metrics of a folder grow by a line when the step is over, an evaluation included", async () => {
  const out = await temporaryFolder();
  const folder = await RunFolder.open(out);
  await folder.writeHistory([
    { "training/global_step": 1, a: 1 },
    { "training/global_step": 2, a: 2 },
  ]);
  folder.addMetrics({ "training/global_step": 2, b: 3 });
  folder.addMetrics({ "training/global_step": 3, a: 4 });
  const read = async () => fromJsonLines(await readFile(path.join(out, "metrics.jsonl"), "utf8"));
  await vi.waitFor(async () => expect((await read()).map(({ step }) => step)).toEqual([1, 2]));
  expect((await read())[1]).toMatchObject({ a: 2, b: 3 });
  await folder.writeHistory([
    { "training/global_step": 1, a: 1 },
    { "training/global_step": 2, a: 5 },
  ]);
  expect(
    (await read()).map(({ step }) => step),
    "a run that goes on from step 2",
  ).toEqual([1]);
});

async function tinyFolder(): Promise<string> {
  const folder = await temporaryFolder();
  for (const file of tinyFiles())
    await writeFile(path.join(folder, file.name), await file.read(0, file.size));
  return folder;
}

test("what a run was started with is found from any folder", async () => {
  const folder = await RunFolder.open(await temporaryFolder());
  const { place } = await placedModel(path.relative(".", await tinyFolder()));
  expect(place).toBe(path.resolve(place!));
  await folder.writeStart({ model: place!, data: ["a.jsonl"] }, DEFAULTS);
  expect(await folder.startedWith()).toEqual({ model: place, data: [path.resolve("a.jsonl")] });
});

test("durations are told in the two largest units", () => {
  expect([0.4, 59, 59.6, 200, 3600, 7290].map(duration)).toEqual([
    "0 s",
    "59 s",
    "1 min 0 s",
    "3 min 20 s",
    "1 h 0 min",
    "2 h 1 min",
  ]);
});

test("a terminal shows a line a step, an evaluation, a notice and a checkpoint", () => {
  const lines: string[] = [];
  vi.spyOn(console, "log").mockImplementation((text: string) => void lines.push(text));
  const terminal = new Terminal(20);
  terminal.hear({ type: "notice", message: "Something." });
  terminal.hear({
    type: "metrics",
    row: {
      "training/global_step": 3,
      "critic/score/mean": 0.25,
      "response_length/mean": 12,
      "timing_s/step": 1.26,
    },
  });
  terminal.hear({
    type: "metrics",
    row: { "training/global_step": 4, "train/loss": 0.5, "timing_s/step": 1 },
  });
  terminal.hear({
    type: "metrics",
    row: {
      "training/global_step": 10,
      "val-core/openai/gsm8k/acc/mean@1": 0.5,
      "val-core/openai/gsm8k/acc/low@1": 0.4,
      "val-core/openai/gsm8k/acc/high@1": 0.6,
      "val-aux/openai/gsm8k/acc_flexible/mean@1": 0.75,
      "val-aux/n": 200,
    },
  });
  terminal.hear({ type: "checkpoint", step: 10, bytes: 2_500_000 });
  expect(lines).toEqual([
    "Something.",
    "step  3  reward 0.250  length 12.0  entropy NaN  gradient NaN  1.3 s",
    "step  4  loss 0.5000  gradient NaN  1.0 s",
    "step 10  held-out accuracy 50.0 % (40.0 % to 60.0 %), flexible 75.0 %, 200 problems",
    "checkpoint of step 10: 2.5 MB",
  ]);
});
