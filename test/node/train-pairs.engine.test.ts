// The train command on a file of preference pairs with questions to test with, and on from there with --resume.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";

import { afterEach, expect, test, vi } from "vitest";

import { configYaml } from "../../src/app/exports.ts";
import { fromJsonLines } from "../../src/formats/metrics-table.ts";
import type { ByteSource } from "../../src/formats/safetensors.ts";
import { main } from "../../src/node/cli.ts";
import { pairFile } from "../rl/preference/given-pairs.ts";
import { demoFile, tinyConfig, tinyFiles } from "../rl/tiny-run.ts";
import { temporaryFolder } from "../storage/stores.ts";

/** Runs a command in this process; what it printed. Fails on a complaint. */
async function run(...args: string[]): Promise<string> {
  const printed: string[] = [];
  const complained: string[] = [];
  vi.spyOn(console, "log").mockImplementation((text: string) => void printed.push(text));
  vi.spyOn(console, "error").mockImplementation((text: string) => void complained.push(text));
  const code = await main(args, () => {});
  expect([code, complained]).toEqual([0, []]);
  return printed.join("\n");
}
afterEach(() => void vi.restoreAllMocks());

test("train learns from preference pairs, tests on questions, and goes on with --resume", async () => {
  const folder = await temporaryFolder();
  const [model, out] = [path.join(folder, "tiny"), path.join(folder, "out")];
  await mkdir(model);
  const write = async (file: ByteSource, at = folder): Promise<string> => {
    const name = path.join(at, file.name);
    await writeFile(name, await file.read(0, file.size));
    return name;
  };
  for (const file of tinyFiles()) await write(file, model);
  const pairs = await write(await pairFile("train.jsonl", 12));
  const questions = await write(demoFile("test.jsonl"));
  const settings = path.join(folder, "settings.yaml");
  const values = { "gradus.mode": "dpo", "gradus.held_out_ratio": 0.3, "data.max_response_length": 40 };
  await writeFile(settings, configYaml(tinyConfig(values)).bytes);
  const args = ["--model", model, "--config", settings, "--data", pairs, "--data", questions, "--out", out];

  const printed = await run("train", ...args, "--steps", "2");
  expect(printed).toMatch(/train\.jsonl and test\.jsonl: \d+ preference pairs, \d+ held out/);
  expect(printed).toMatch(
    /step 0 {2}held-out accuracy .*; held-out preference 50\.0 % .*, loss 0\.6931, \d+ pairs/,
  );
  expect(printed).toMatch(/step 1 {2}loss 0\.6931 {2}pairs right 0\.0 % {2}margin 0\.000 {2}gradient /);
  await run("train", "--out", out, "--resume", "--steps", "3");
  const rows = fromJsonLines(await readFile(path.join(out, "metrics.jsonl"), "utf8"));
  expect(rows.map(({ step }) => step)).toEqual([0, 1, 2, 3]);
});
