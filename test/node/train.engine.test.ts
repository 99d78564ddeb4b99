// The train command from its arguments to the files of its folder: begins, refuses, stops on Ctrl-C and goes on.

import { spawn } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { afterEach, describe, expect, test, vi } from "vitest";

import { configYaml } from "../../src/app/exports.ts";
import { fromJsonLines } from "../../src/formats/metrics-table.ts";
import { bytesSource, openSafetensors } from "../../src/formats/safetensors.ts";
import { parseDecoderConfig } from "../../src/model/config.ts";
import { parameterShapes } from "../../src/model/weights.ts";
import { main } from "../../src/node/cli.ts";
import { DEFAULTS } from "../../src/rl/config.ts";
import { importVerlText } from "../../src/rl/verl/import-text.ts";
import { demoFile, TINY_JSON, tinyConfig, tinyFiles } from "../rl/tiny-run.ts";
import { temporaryFolder } from "../storage/stores.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Settings that only a cluster understands. */
const KEPT = { "actor_rollout_ref.actor.fsdp_config.param_offload": true, "trainer.nnodes": 2 };

/** A folder with the tiny model, problems and settings, and the arguments that name them. */
async function workplace(): Promise<{ out: string; args: string[] }> {
  const folder = await temporaryFolder();
  const model = path.join(folder, "tiny");
  await mkdir(model);
  for (const file of tinyFiles()) await writeFile(path.join(model, file.name), await file.read(0, file.size));
  for (const name of ["train.jsonl", "test.jsonl"]) {
    const source = demoFile(name);
    const text = new TextDecoder().decode(await source.read(0, source.size));
    await writeFile(path.join(folder, name), text.split("\n").slice(0, 8).join("\n"));
  }
  await writeFile(path.join(folder, "settings.yaml"), configYaml(tinyConfig(), KEPT).bytes);
  const args = ["--model", model, "--config", path.join(folder, "settings.yaml")];
  for (const name of ["train.jsonl", "test.jsonl"]) args.push("--data", path.join(folder, name));
  const out = path.join(folder, "out");
  return { out, args: ["train", ...args, "--out", out] };
}

/** Runs a command in this process; what it printed and its exit code. */
async function run(...args: string[]): Promise<{ code: number; printed: string; complained: string }> {
  const printed: string[] = [];
  const complained: string[] = [];
  vi.spyOn(console, "log").mockImplementation((text: string) => void printed.push(text));
  vi.spyOn(console, "error").mockImplementation((text: string) => void complained.push(text));
  const code = await main(args, () => {});
  return { code, printed: printed.join("\n"), complained: complained.join("\n") };
}
afterEach(() => void vi.restoreAllMocks());

const metrics = async (out: string) => fromJsonLines(await readFile(path.join(out, "metrics.jsonl"), "utf8"));
const steps = async (out: string): Promise<number[]> => (await metrics(out)).map(({ step }) => step!);

async function expectWeights(out: string): Promise<void> {
  const file = await openSafetensors(
    bytesSource("model.safetensors", await readFile(path.join(out, "model.safetensors"))),
  );
  const shapes = parameterShapes(parseDecoderConfig(TINY_JSON));
  expect([...file.entries.keys()]).toEqual([...shapes.keys()].toSorted());
  for (const [name, shape] of shapes) {
    expect(file.entry(name).shape).toEqual(shape);
    expect((await file.readF32(name)).every(Number.isFinite)).toBe(true);
  }
}

describe("train", () => {
  test("refuses a run that takes more than the GPU is said to have, with what would make it fit", async () => {
    const { out, args } = await workplace();
    const refused = await run(...args, "--gpu-memory", "0.001");
    expect(refused.code).toBe(1);
    expect(refused.complained).toMatch(
      /^The run takes [\d.]+ GiB of GPU memory, and 0\.001 GiB are there for it\./,
    );
    expect(await readdir(path.dirname(out))).not.toContain(path.basename(out));
  });

  test("writes metrics, weights and settings, refuses the folder afterwards, and goes on with --resume", async () => {
    const { out, args } = await workplace();
    const first = await run(...args, "--steps", "2");
    expect(first.complained).toBe("");
    expect(first.code).toBe(0);
    expect(first.printed).toMatch(/tiny, train\.jsonl and test\.jsonl: 8 problems, 8 held out/);
    expect(first.printed).toMatch(/step 0 {2}held-out accuracy .* %, .*problems/);
    expect(first.printed).toMatch(/step 2 {2}reward /);
    const files = [
      "checkpoints",
      "config.json",
      "config.yaml",
      "metrics.csv",
      "metrics.jsonl",
      "model.safetensors",
      "run.json",
      "run_verl.sh",
      "tokenizer.json",
      "tokenizer_config.json",
    ];
    expect((await readdir(out)).toSorted()).toEqual(files);
    expect(await steps(out)).toEqual([0, 1, 2]);
    await expectWeights(out);

    const again = await run(...args, "--steps", "2");
    expect(again.code).toBe(1);
    expect(again.complained).toBe(
      `${out} holds a run already. Add --resume to go on with it, or name another folder with --out.`,
    );
    const before = await metrics(out);
    const more = await run("train", "--out", out, "--resume", "--steps", "3");
    expect(more.complained).toBe("");
    expect(more.code).toBe(0);
    expect(await steps(out)).toEqual([0, 1, 2, 3]);
    expect((await metrics(out)).slice(0, 3)).toEqual(before);
    // The settings are written without --config this time, and a cluster's are still there.
    for (const file of ["config.yaml", "run_verl.sh"]) {
      const { kept, config } = importVerlText(await readFile(path.join(out, file), "utf8"), DEFAULTS);
      expect(kept, file).toMatchObject(KEPT);
      expect(config, file).toEqual({ ...tinyConfig(), "trainer.total_training_steps": 3 });
    }

    const ended = await run("train", "--out", out, "--resume");
    expect(ended.printed).toMatch(/at its last step, 3 of 3: nothing is left to train\. .* --steps 6\./);

    const evaluated = await run("eval", "--run", out, "--show", "1");
    expect(evaluated.code).toBe(0);
    expect(evaluated.printed).toMatch(/step 3 {2}held-out accuracy .*\n.*####/s);
  });

  test("that is refused for a setting leaves a folder that can be used", async () => {
    const { out, args } = await workplace();
    const refused = await run(...args, "--set", "data.max_prompt_length=5");
    expect(refused.code).toBe(1);
    expect(refused.complained).toMatch(/^Every problem is longer than the longest prompt of 5 tokens; .*\.$/);
    const lora = await run(...args, "--steps", "1", "--set", "actor_rollout_ref.model.lora_rank=2");
    expect(lora.complained).toBe("");
    expect(lora.code).toBe(0);
    expect(await readdir(out)).toEqual(
      expect.arrayContaining(["adapter_config.json", "adapter_model.safetensors"]),
    );

    const again = await run("train", "--out", out, "--resume", "--adapter", out);
    expect(again.complained).toMatch(/goes on from its own checkpoint, and --adapter begins one/);
    const changed = await run("train", "--out", out, "--resume", "--set", "actor_rollout_ref.rollout.n=2");
    expect(changed.code).toBe(1);
    expect(changed.complained).toMatch(/^Group size .* is 4 in this run and cannot become 2/);
  });

  test("goes on from an adapter that another run exported, and says so to verl", async () => {
    const { out, args } = await workplace();
    const lora = ["--set", "actor_rollout_ref.model.lora_rank=2", "--steps", "1"];
    expect((await run(...args, ...lora)).complained).toBe("");
    const next = path.join(path.dirname(out), "next");
    const onward = [...args, "--out", next, "--adapter", out, "--steps", "1"];

    const other = await run(...onward, "--set", "actor_rollout_ref.model.lora_rank=3");
    expect(other.complained).toMatch(/^actor_rollout_ref\.model\.lora_rank is 3, and the adapter .* has 2\./);
    const done = await run(...onward);
    expect(done.complained).toBe("");
    const model = path.join(path.dirname(out), "tiny");
    const over = await run("export", next, "--as", "safetensors", "--out", model);
    expect(over.complained).toMatch(/is the model that the run began with, and the export would take/);
    expect(done.printed).toMatch(
      /^going on from an adapter: rank 2, alpha 16, q_proj .* down_proj, step 1$/m,
    );
    const [, row] = await metrics(next);
    expect(row!["training/global_step"]).toBe(1);
    for (const file of ["config.yaml", "run_verl.sh"])
      expect(await readFile(path.join(next, file), "utf8")).toMatch(
        new RegExp(`lora_adapter_path[:=] ?${out.replaceAll(".", "\\.")}\n`),
      );
    const bundled = await run("export-verl", "--run", next, "--out", path.join(next, "cluster"));
    expect(bundled.complained).toBe("");
    expect(await readdir(path.join(next, "cluster"))).toEqual(
      expect.arrayContaining(["README.md", "adapter", "config.yaml", "data", "reward.py", "run_verl.sh"]),
    );
    expect(await readdir(path.join(next, "cluster", "adapter"))).toHaveLength(2);
    const resumed = await run("train", "--out", next, "--resume", "--steps", "2");
    expect(resumed.complained).toBe("");
    expect(await steps(next)).toEqual([0, 1, 2]);
  });

  test("by a person's function says where it fails, and goes on when it is corrected", async () => {
    const { out, args } = await workplace();
    const reward = path.join(path.dirname(out), "own.js");
    const code = 'function computeScore(source, solution) {\n  return solution.split("3").length;\n}\n';
    await writeFile(reward, code.replace(".length", ".missing.length"));
    const failed = await run(...args, "--steps", "1", "--reward", reward);
    expect(failed.code).toBe(130);
    expect(failed.printed).toMatch(
      /Your reward function failed at the response ".*": line 2, column \d+: TypeError/,
    );
    await writeFile(reward, code);
    const more = await run("train", "--out", out, "--resume", "--reward", reward);
    expect(more.complained).toBe("");
    expect(more.code).toBe(0);
    expect(await steps(out)).toEqual([0, 1]);
    const [, row] = await metrics(out);
    expect(row!["reward/custom/mean"]).toBeGreaterThanOrEqual(1);
    expect(row!["critic/score/mean"]).toBe(row!["reward/custom/mean"]);
    expect(await readFile(path.join(out, "config.yaml"), "utf8")).toContain("reward_function: |\n");
  });

  test("keeps what was learnt on Ctrl-C, says how to go on, and goes on from there", async () => {
    const { out, args } = await workplace();
    // The launcher has found the adapter already: that of this process.
    const child = spawn(process.execPath, ["src/node/gradus.mjs", ...args, "--steps", "1000"], {
      cwd: ROOT,
      env: { ...process.env, GRADUS_CHILD: "1" },
    });
    let printed = "";
    let complained = "";
    child.stdout.on("data", (data: Buffer) => {
      const had = printed.includes("step    3");
      printed += data.toString();
      if (!had && printed.includes("step    3")) child.kill("SIGINT");
    });
    child.stderr.on("data", (data: Buffer) => (complained += data.toString()));
    const code = await new Promise((resolve) => child.on("close", resolve));
    expect(code, complained).toBe(130);
    const stopped = Number(
      /Stopped at step (\d+)\. Go on with: npm run gradus -- train --out /.exec(printed)![1],
    );
    expect(stopped).toBeGreaterThanOrEqual(3);
    expect(printed).toContain(`--out ${out} --resume`);
    expect(await steps(out)).toEqual(Array.from({ length: stopped + 1 }, (_, i) => i));
    await expectWeights(out);

    const more = await run("train", "--out", out, "--resume", "--steps", String(stopped + 1));
    expect(more.complained).toBe("");
    expect((await steps(out)).at(-1)).toBe(stopped + 1);
  });
});
