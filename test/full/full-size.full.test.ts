// A model of Qwen2.5-0.5B's size on the page, as a person would take it: drop its files, train one step with an adapter,
// download it. Says what every phase took in seconds and memory. `npm run test:full`; not a part of `npm test`, because a
// software adapter needs many minutes for it.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { unzipSync } from "fflate";
import type { Page } from "playwright-core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { bytesSource, openSafetensors } from "../../src/formats/safetensors.ts";
import { parseDecoderConfig } from "../../src/model/config.ts";
import { adapterShapes } from "../../src/model/lora.ts";
import { MODEL_CONFIGS } from "../../src/node/make-model/shapes.ts";
import { exists, read } from "../files.ts";
import type { PageUnderTest } from "../page/browser.ts";
import { servePage } from "../page/browser.ts";
import { gpuProcessSeconds, HeapWatch } from "./heap-watch.ts";
import { fullSizeModel } from "./models.ts";

const CONFIG = parseDecoderConfig(MODEL_CONFIGS["qwen2.5-0.5b"]);
const LORA = {
  rank: 16,
  alpha: 32,
  seed: 0,
  targets: ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
} as const;
/** An hour a phase: nobody waits for it, and a busy processor plays the graphics card. */
const PATIENCE_MS = 3_600_000;
/** What the load may take of JavaScript's heap beyond the largest tensor. */
const HEAP_ALLOWANCE = 256 * 2 ** 20;

/** One GRPO step of two prompts with two responses each, of eight tokens; memory for 2,048 tokens a micro-batch. */
const settings = (baseType: string): string =>
  `python3 -m verl.trainer.main_ppo
    algorithm.adv_estimator=grpo
    trainer.total_training_steps=1 trainer.val_before_train=false trainer.test_freq=-1
    data.train_batch_size=2 data.max_prompt_length=128 data.max_response_length=8
    actor_rollout_ref.actor.ppo_mini_batch_size=2 actor_rollout_ref.actor.entropy_coeff=0.01
    actor_rollout_ref.rollout.n=2 actor_rollout_ref.rollout.max_num_seqs=4
    actor_rollout_ref.model.lora_rank=${LORA.rank} actor_rollout_ref.model.lora_alpha=${LORA.alpha}
    actor_rollout_ref.actor.ppo_max_token_len_per_gpu=2048
    actor_rollout_ref.model.enable_gradient_checkpointing=true
    +gradus.prompt_slots=2 +gradus.rollout_engine=wgsl +gradus.base_type=${baseType}`.replaceAll(
    "\n",
    " \\\n",
  );

/** The shortest questions of GSM8K, without the words that verl adds: a software adapter takes seconds for a token. */
function shortProblems(folder: string): string {
  const source = "../shared/data/gsm8k/train.jsonl";
  const lines = read(exists(source) ? source : "test/fixtures/datasets/gsm8k-20.jsonl")
    .trim()
    .split("\n");
  const rows = lines.map((line) => JSON.parse(line) as { question: string; answer: string });
  const shortest = rows.toSorted((a, b) => a.question.length - b.question.length).slice(0, 5);
  const problems = shortest.map(({ question, answer }) => ({
    data_source: "openai/gsm8k",
    prompt: question,
    ground_truth: answer.split("####")[1]!.trim(),
  }));
  const file = join(folder, "gsm8k.jsonl");
  writeFileSync(file, problems.map((problem) => JSON.stringify(problem)).join("\n"));
  return file;
}

let site: PageUnderTest;
let folder: string;

// What a browser gives a profile is too little for the files of both models.
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "gradus-full-"));
  site = await servePage();
});

afterEach(async () => {
  await site?.close();
  rmSync(folder, { recursive: true, force: true });
});

describe("a model of half a billion weights", () => {
  test.each([
    { format: "onnx-q4", baseType: "q4", planBytes: 1.6e9, largestBytes: (4 * 151_936 * 896) / 8 },
    { format: "safetensors", baseType: "f16", planBytes: 2.5e9, largestBytes: 2 * 151_936 * 896 },
  ])(
    "as $format trains a step and hands out its adapter",
    async ({ format, baseType, planBytes, largestBytes }) => {
      const files = fullSizeModel(format);
      const page = await site.open();
      await page.evaluate(() => {
        Object.defineProperty(window, "showSaveFilePicker", { value: undefined, writable: true });
      });
      await page.getByRole("button", { name: "Train", exact: true }).waitFor();
      const browser = site.context.browser()!;
      const watch = await HeapWatch.open(page, browser);
      const rows: string[] = [];
      const phase = async <T>(name: string, run: () => Promise<T>): Promise<T> => {
        watch.phase(name);
        const [begin, busy] = [performance.now(), await gpuProcessSeconds(browser)];
        const result = await run();
        const seconds = [(performance.now() - begin) / 1000, (await gpuProcessSeconds(browser)) - busy];
        const { heapBytes, residentBytes } = watch.peaks.get(name)!;
        const times = seconds.map((time) => time.toFixed(1));
        rows.push(`| ${[name, ...times, mib(heapBytes), mib(residentBytes)].join(" | ")} |`);
        console.log(rows.at(-1));
        return result;
      };

      await phase("open files", () => openModel(page, files));
      await page.getByLabel("Problem files").setInputFiles(shortProblems(folder));
      await page.getByText("gsm8k.jsonl").first().waitFor();
      await skipJudge(page);
      const plan = await phase("plan", () => applySettings(page, settings(baseType)));
      await phase("load", async () => {
        await page.getByRole("button", { name: "Train", exact: true }).click();
        await page.locator("h1", { hasText: /^(Training|Finished), step/ }).waitFor({ timeout: PATIENCE_MS });
      });
      await expect.poll(() => deviceBytes(page), { timeout: PATIENCE_MS }).toMatch(/GiB$|[5-9]\d\d MiB$/);
      const held = await deviceBytes(page);
      await phase("step", () =>
        page.locator("h1", { hasText: /^Finished, step 1 of 1/ }).waitFor({ timeout: PATIENCE_MS }),
      );
      await page.getByRole("button", { name: "Download trained weights" }).first().click();
      await phase("adapter, checked", async () => {
        await page.getByRole("button", { name: "Make Adapter" }).click({ timeout: PATIENCE_MS });
        await page.getByRole("button", { name: "Save Adapter" }).waitFor({ timeout: PATIENCE_MS });
      });
      console.log(await page.locator("gradus-exports li").first().innerText());
      const adapter = await download(page, "Save Adapter");
      const metrics = JSON.parse(
        (await download(page, "Download metrics")).toString().split("\n")[0]!,
      ) as Metrics;
      await watch.close();
      await page.close();

      report(`${format}: plan ${plan}, held ${held}`, rows, metrics);
      await expectAdapter(adapter);
      expect(bytesOf(plan), plan).toBeLessThan(planBytes);
      const { heapBytes } = watch.peaks.get("load")!;
      expect(heapBytes).toBeGreaterThan(0);
      expect(heapBytes, "heap of the load").toBeLessThan(largestBytes + HEAP_ALLOWANCE);
      expect(site.faults).toEqual([]);
    },
  );
});

type Metrics = Readonly<Record<string, number>>;

async function openModel(page: Page, files: readonly string[]): Promise<void> {
  await page.getByText("Demo model").first().waitFor();
  await page.getByRole("button", { name: "Change model" }).click();
  await page.getByLabel("Model files").setInputFiles(files);
  await page.locator("gradus-model-card").getByText("494 M").first().waitFor();
}

/** Comparing a model of this size with ONNX Runtime takes longer than the step, and has tests of its own. */
async function skipJudge(page: Page): Promise<void> {
  const skip = page.getByRole("button", { name: "Skip", exact: true });
  const train = page.getByRole("button", { name: "Train", exact: true, disabled: false });
  await skip.or(train).first().waitFor();
  if (await skip.isVisible()) await skip.click();
}

/** What the plan says then. */
async function applySettings(page: Page, command: string): Promise<string> {
  await page.getByRole("button", { name: "Paste a verl command or YAML" }).click();
  await page.getByLabel("verl command or YAML").fill(command);
  await page.getByRole("button", { name: "Apply" }).click();
  const report = page.locator("gradus-import-report");
  await report.getByText(/settings applied/).waitFor();
  expect(await report.getByLabel("Unknown").count()).toBe(0);
  return page.getByRole("region", { name: "Plan" }).locator(".total .number").first().innerText();
}

async function download(page: Page, name: string): Promise<Buffer> {
  const downloaded = page.waitForEvent("download");
  await page.getByRole("button", { name, exact: true }).first().click();
  return readFileSync(await (await downloaded).path());
}

/** PEFT's files, with every adapter of the model under its name and in its shape, and its numbers finite. */
async function expectAdapter(zip: Buffer): Promise<void> {
  const entries = new Map(
    Object.entries(unzipSync(zip)).map(([name, bytes]) => [name.split("/").at(-1), bytes]),
  );
  const config = JSON.parse(new TextDecoder().decode(entries.get("adapter_config.json"))) as Record<
    string,
    unknown
  >;
  expect(config).toMatchObject({ peft_type: "LORA", r: LORA.rank, lora_alpha: LORA.alpha });
  const weights = await openSafetensors(bytesSource("adapter", entries.get("adapter_model.safetensors")!));
  const shapes = new Map([...weights.entries].map(([name, { shape }]) => [name, shape]));
  expect(shapes).toEqual(new Map(adapterShapes(CONFIG, LORA)));
  let moved = 0;
  for (const name of shapes.keys()) {
    const values = await weights.readF32(name);
    expect(values.every(Number.isFinite), name).toBe(true);
    if (name.includes("lora_B") && values.some((value) => value !== 0)) moved++;
  }
  // Rewards are equal with weights that know nothing: the entropy term moves them.
  expect(moved).toBe(shapes.size / 2);
}

const mib = (bytes: number | undefined): string =>
  bytes === undefined ? "?" : `${Math.round(bytes / 2 ** 20)} MiB`;
const UNITS: Readonly<Record<string, number>> = {
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
};

/** "1.52 GB" as bytes. */
function bytesOf(text: string): number {
  const [number, unit] = text.split(/\s+/);
  return Number(number) * UNITS[unit!]!;
}

/** What the device chip says is held. */
async function deviceBytes(page: Page): Promise<string> {
  const name = await page.locator("gradus-device-chip button").first().getAttribute("aria-label");
  return /[\d.]+ [KMG]i?B/.exec(name ?? "")?.[0] ?? "0";
}

function report(what: string, rows: readonly string[], metrics: Metrics): void {
  const timing = Object.entries(metrics).filter(([key]) => key.startsWith("timing_s/"));
  console.log(
    [
      `\n${what}; ${timing.map(([key, value]) => `${key} ${value.toFixed(1)} s`).join(", ")}`,
      "| phase | seconds | of the adapter's processor time | JavaScript heap | page's process, beyond its start |",
      "| --- | ---: | ---: | ---: | ---: |",
      ...rows,
    ].join("\n"),
  );
}
