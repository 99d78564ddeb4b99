// The bundle for verl: its files name each other, are read back to the same run, problems and adapter, and what verl's trainer
// does not take is refused by name.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { afterAll, describe, expect, test } from "vitest";

import { UserError } from "../../src/common/errors.ts";
import type { BundledRun } from "../../src/app/verl-bundle.ts";
import { verlBundle } from "../../src/app/verl-bundle.ts";
import { readDataset } from "../../src/formats/dataset.ts";
import { bytesOfAll } from "../../src/formats/encoded-file.ts";
import { peftAdapterFiles } from "../../src/formats/peft.ts";
import { bytesSource } from "../../src/formats/safetensors.ts";
import type { NamedFile } from "../../src/formats/zip.ts";
import { parseDecoderConfig } from "../../src/model/config.ts";
import { adapterShapes } from "../../src/model/lora.ts";
import { openAdapter } from "../../src/model/open-adapter.ts";
import type { RunConfig } from "../../src/rl/config.ts";
import { configWith } from "../../src/rl/config.ts";
import { adapterSettings, policyOptions, trainsAdapter } from "../../src/rl/options/index.ts";
import { importVerlText } from "../../src/rl/verl/import-text.ts";
import { pairFile } from "../rl/preference/given-pairs.ts";
import { demoFile, TINY_JSON, tinyConfig } from "../rl/tiny-run.ts";

const model = { name: "Qwen/Qwen2.5-0.5B-Instruct", config: parseDecoderConfig(TINY_JSON) };
const LORA = tinyConfig({
  "actor_rollout_ref.model.lora_rank": 2,
  "actor_rollout_ref.model.target_modules": ["q_proj", "v_proj"],
});
const train = (await readDataset(demoFile("train.jsonl"))).problems.slice(0, 30);
const heldOut = (await readDataset(demoFile("test.jsonl"))).problems.slice(0, 5);

/** PEFT's files of an adapter as `config` has it. */
async function adapterOf(config: RunConfig): Promise<readonly NamedFile[]> {
  const { lora } = policyOptions(config);
  if (!lora) return [];
  const shapes = [...adapterShapes(model.config, lora)];
  const tensors = shapes.map(([name, shape]) => {
    const values = new Float32Array(shape[0]! * shape[1]!).map((_, i) => i / 7);
    return [name, { shape, values: () => Promise.resolve(values) }] as const;
  });
  return bytesOfAll(
    peftAdapterFiles({ lora, baseModelName: model.name, tensors: new Map(tensors), step: 3 }),
  );
}

const adapter = await adapterOf(LORA);

const bundle = (config: RunConfig, changes: Partial<BundledRun> = {}): readonly NamedFile[] =>
  verlBundle({
    step: 3,
    modelName: model.name,
    adapter: trainsAdapter(config) ? adapter : [],
    config,
    kept: { "trainer.nnodes": 2 },
    problems: { train, heldOut },
    ...changes,
  });
const bytesOf = (files: readonly NamedFile[], name: string): Uint8Array =>
  files.find((file) => file.name === name)!.bytes;
const textOf = (files: readonly NamedFile[], name: string): string =>
  new TextDecoder().decode(bytesOf(files, name));

const folder = mkdtempSync(path.join(tmpdir(), "gradus-bundle-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the bundle of a run with an adapter", () => {
  const files = bundle(LORA);

  test("has everything under the names by which settings call it", () => {
    expect(files.map(({ name }) => name)).toEqual([
      "README.md",
      "config.yaml",
      "run_verl.sh",
      "data/train.parquet",
      "data/test.parquet",
      "reward.py",
      "adapter/adapter_config.json",
      "adapter/adapter_model.safetensors",
    ]);
    const there = new Set(files.flatMap(({ name }) => [name, name.split("/")[0]]));
    for (const name of ["config.yaml", "run_verl.sh"]) {
      const { kept, config } = importVerlText(textOf(files, name), LORA, {
        adapter: adapterSettings(policyOptions(LORA).lora!),
      });
      expect(config, name).toEqual(LORA);
      expect(kept, name).toMatchObject({
        "trainer.nnodes": 2,
        "actor_rollout_ref.model.path": "Qwen/Qwen2.5-0.5B-Instruct",
        "actor_rollout_ref.model.lora_adapter_path": "adapter",
        "reward.custom_reward_function.name": "compute_score",
      });
      for (const key of ["data.train_files", "data.val_files", "reward.custom_reward_function.path"])
        expect(there.has(kept[key] as string), `${name}: ${key}`).toBe(true);
    }
  });

  test("has problems that read back as they were", async () => {
    for (const [name, problems] of [
      ["data/train.parquet", train],
      ["data/test.parquet", heldOut],
    ] as const) {
      const read = await readDataset(bytesSource(name, bytesOf(files, name)));
      const split = name.includes("test") ? "test" : "train";
      const expected = problems.map((problem, index) => ({
        ...problem,
        extraInfo: { index, ...problem.extraInfo, split },
      }));
      expect(read.problems).toEqual(expected);
      expect(read.refused).toEqual([]);
    }
  });

  test("has the adapter of the checkpoint, with its step", async () => {
    const sources = files
      .filter(({ name }) => name.startsWith("adapter/"))
      .map(({ name, bytes }) => bytesSource(name, bytes));
    const opened = await openAdapter(sources, model.config, model.name);
    expect(opened).toMatchObject({ lora: { rank: 2, targets: ["q_proj", "v_proj"] }, step: 3, notices: [] });
  });

  test("says in three lines how to begin", () => {
    const lines = textOf(files, "README.md").trimEnd().split("\n");
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(/the model is Qwen\/Qwen2\.5-0\.5B-Instruct/);
    expect(lines[1]).toMatch(
      /^`bash run_verl\.sh` trains .*begins from the adapter of step 3 in adapter\/\.$/,
    );
  });

  test("starts where it lies, from wherever it is called", () => {
    for (const { name, bytes } of files) {
      const file = path.join(folder, name);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, bytes);
    }
    const fake = path.join(folder, "bin");
    mkdirSync(fake);
    writeFileSync(path.join(fake, "python3"), '#!/bin/sh\npwd\nprintf "%s\\n" "$@"\n', { mode: 0o755 });
    const { stdout, stderr } = spawnSync("bash", [path.join(folder, "run_verl.sh")], {
      cwd: tmpdir(),
      env: { ...process.env, PATH: `${fake}:${process.env["PATH"]}` },
    });
    expect(stderr.toString()).toBe("");
    const [place, ...args] = stdout.toString().trim().split("\n");
    const paths = args.flatMap((arg) => /(?:files|function\.path|adapter_path)=(.+)$/.exec(arg)?.[1] ?? []);
    expect(paths).toHaveLength(4);
    expect(paths.filter((name) => !existsSync(path.join(place!, name)))).toEqual([]);
  });
});

describe("the bundle of other runs", () => {
  test("keeps the model's name where all weights were trained, and says where those go", () => {
    const files = bundle(tinyConfig());
    expect(files.map(({ name }) => name).filter((name) => name.startsWith("adapter"))).toEqual([]);
    expect(textOf(files, "run_verl.sh")).not.toContain("lora_adapter_path");
    expect(textOf(files, "README.md")).toMatch(
      /to go on from step 3, put the run's trained weights .* into model\//,
    );
  });

  test("leaves the model's place open where nobody knows it, and takes it from an import", () => {
    const unnamed = { modelName: "demo" };
    expect(textOf(bundle(LORA, unnamed), "config.yaml")).toContain("path: path/to/model");
    expect(textOf(bundle(LORA, unnamed), "README.md")).toMatch(
      /set actor_rollout_ref\.model\.path .* demo in/,
    );
    const kept = {
      "actor_rollout_ref.model.path": "/data/qwen",
      "custom_reward_function.path": "/old.py",
      "reward.custom_reward_function.path": "/new.py",
    };
    const script = textOf(bundle(LORA, { ...unnamed, kept }), "run_verl.sh");
    expect(script).toContain("model.path=/data/qwen");
    expect(script).not.toMatch(/old\.py|new\.py/);
  });

  test("tests on what is trained on where nothing is held out, since verl needs a file", () => {
    const files = bundle(LORA, { problems: { train, heldOut: [] } });
    expect(files.some(({ name }) => name === "data/test.parquet")).toBe(false);
    expect(textOf(files, "run_verl.sh")).toContain("data.val_files=data/train.parquet");
    expect(textOf(files, "README.md")).toMatch(/has no problems held out/);
  });

  test("has a person's function, and says what it needs", () => {
    const own = {
      "gradus.reward_weight.custom": 1,
      "gradus.reward_function": "const computeScore = () => 1;",
    };
    const files = bundle(configWith(own, LORA));
    expect(textOf(files, "reward.py")).toContain("const computeScore = () => 1;");
    expect(textOf(files, "README.md")).toMatch(/reward\.py, which needs the Python package quickjs/);
  });

  test.each([
    ["preference", /method is "Group preference", and verl's main_ppo/],
    ["dpo", /method is ".*", and verl's main_ppo/],
    ["sft", /method is "Supervised/],
  ])("with the method %s is refused", (mode, message) => {
    const refused = (): unknown => bundle(configWith({ "gradus.mode": mode }, LORA));
    expect(refused).toThrow(UserError);
    expect(refused).toThrow(message);
  });

  test("with preference pairs is refused", async () => {
    const pairs = (await readDataset(await pairFile("train.jsonl", 4))).problems;
    expect(() => bundle(LORA, { problems: { train: pairs, heldOut } })).toThrow(
      /data are preference pairs, and verl's main_ppo takes problems/,
    );
  });
});
