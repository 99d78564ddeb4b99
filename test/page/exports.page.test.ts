// Trained weights on their way out of the page: each form is written, checked in ONNX Runtime and saved, and what was saved
// opens and runs again.

import { readFileSync } from "node:fs";
import { unzipSync } from "fflate";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { openSafetensors } from "../../src/formats/safetensors.ts";
import { bytesSource } from "../../src/formats/safetensors.ts";
import { openModel } from "../../src/model/open-model.ts";
import { OrtDecoder } from "../formats/onnx/ort.ts";
import type { PageUnderTest } from "./browser.ts";
import { accessibilityFaults, servePage } from "./browser.ts";

const COMMAND = `python3 -m verl.trainer.main_ppo
  actor_rollout_ref.model.lora_rank=4 actor_rollout_ref.rollout.n=2 data.train_batch_size=2
  actor_rollout_ref.actor.ppo_mini_batch_size=2 data.max_response_length=8
  trainer.total_training_steps=1 trainer.test_freq=-1 trainer.val_before_train=False`.replaceAll(
  "\n",
  " \\\n",
);

/** For a step of the demo. */
const RUN_MS = 400_000;

/** For a worker to start on a busy machine. */
const PATIENCE_MS = 120_000;

let site: PageUnderTest;
let page: Page;

beforeAll(async () => {
  site = await servePage();
  // A browser under test has nobody to answer the dialog of the system.
  await site.context.addInitScript(() => {
    Object.defineProperty(window, "showSaveFilePicker", { value: undefined, writable: true });
  });
  page = await site.open();
  await page.getByText("2,000 to train on").waitFor();
  await page.getByRole("button", { name: "Paste a verl command or YAML" }).click();
  await page.getByLabel("verl command or YAML").fill(COMMAND);
  await page.getByRole("button", { name: "Apply" }).click();
  await page.getByRole("button", { name: "Train", exact: true }).click();
  // Most of the time goes into choosing kernels, in the slowest driver.
  const weights = page.getByRole("button", { name: "Download trained weights" }).first();
  await weights.click({ timeout: RUN_MS });
  await page.getByRole("button", { name: "Make Adapter" }).waitFor();
}, RUN_MS + 60_000);

afterAll(() => site?.close());

const CHECKED =
  /every tensor is as it was trained[^.]*\. ONNX Runtime against the checkpoint: worst log-probability difference (\S+) over 32 tokens/;

/** Makes a form, and returns how far ONNX Runtime is from the checkpoint. */
async function make(label: string): Promise<number> {
  await page.getByRole("button", { name: `Make ${label}` }).click();
  const found = page.getByText(CHECKED);
  await found.waitFor();
  return Number(CHECKED.exec((await found.textContent())!)![1]);
}

/** The files of the archive that is saved by the button of `label`. */
async function saved(label: string): Promise<Record<string, Uint8Array>> {
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: `Save ${label}` }).click();
  const file = await download;
  expect(file.suggestedFilename()).toMatch(/^Demo.*-step-1\.zip$/i);
  return unzipSync(readFileSync(await file.path()));
}

const sourcesOf = (files: Record<string, Uint8Array>) =>
  Object.entries(files).map(([name, bytes]) => bytesSource(name, bytes));

test("merged ONNX is checked on the page, and what was saved runs in ONNX Runtime", async () => {
  expect(await make("ONNX, float16")).toBeLessThan(5e-2);
  const save = page.getByRole("button", { name: "Save ONNX, float16" });
  expect(await save.evaluate((button) => button.matches(":focus"))).toBe(true);
  expect(await accessibilityFaults(page)).toEqual([]);
  const files = await saved("ONNX, float16");
  expect(Object.keys(files).toSorted()).toEqual(
    ["config.json", "onnx/model_fp16.onnx", "tokenizer.json", "tokenizer_config.json"].toSorted(),
  );
  const { config } = await openModel(sourcesOf(files));
  const logits = await OrtDecoder.run(files["onnx/model_fp16.onnx"]!, config, [[10, 20, 30]]);
  expect(logits.length).toBe(3 * config.vocab);
  expect(logits.every(Number.isFinite)).toBe(true);
});

test("an export goes on where its place is left, and is offered wherever its checkpoint is", async () => {
  await page.getByRole("button", { name: "Make Adapter" }).click();
  await page.getByRole("button", { name: "Checkpoints", exact: true }).click();
  await page.getByText(CHECKED).waitFor();
  expect(Object.keys(await saved("Adapter"))).toContain("adapter_model.safetensors");
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.getByRole("button", { name: "Save Adapter" }).waitFor();
  await page.getByRole("button", { name: "Download trained weights" }).click();
  await page.getByRole("button", { name: "Save Adapter" }).waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Download trained weights" }).click();
  await page.getByRole("button", { name: "Save Adapter" }).waitFor();
});

test("an adapter and merged safetensors are saved as archives that open", async () => {
  expect(await make("safetensors, float32")).toBeLessThan(1e-3);
  const model = await openModel(sourcesOf(await saved("safetensors, float32")));
  expect(model.source).toBe("safetensors, F32");

  expect(await make("Adapter")).toBeLessThan(1e-3);
  const adapter = await saved("Adapter");
  expect(Object.keys(adapter)).toEqual(["adapter_config.json", "adapter_model.safetensors"]);
  const tensors = await openSafetensors(bytesSource("adapter", adapter["adapter_model.safetensors"]!));
  expect([...tensors.entries.keys()].every((name) => /lora_[AB]\.weight$/.test(name))).toBe(true);
});

test("where the browser can ask for a place, the file goes there as a stream, and is forgotten here", async () => {
  await page.evaluate(() => {
    Object.assign(window, {
      showSaveFilePicker: async () => {
        const root = await navigator.storage.getDirectory();
        return root.getFileHandle("chosen.zip", { create: true });
      },
    });
  });
  await make("ONNX, 4-bit");
  await page.getByRole("button", { name: "Save ONNX, 4-bit" }).click();
  await page.getByText(/^Saved\. /).waitFor();
  const { bytes, left } = await page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const file = await (await root.getFileHandle("chosen.zip")).getFile();
    const folder = await root.getDirectoryHandle("gradus-exports");
    const sizes: number[] = [];
    // Others may lie there, which were handed to the browser a moment ago.
    for await (const handle of folder.values())
      sizes.push((await (handle as FileSystemFileHandle).getFile()).size);
    return { bytes: [...new Uint8Array(await file.arrayBuffer())], left: sizes };
  });
  expect(left).not.toContain(bytes.length);
  expect(Object.keys(unzipSync(Uint8Array.from(bytes)))).toContain("onnx/model_q4.onnx");
});

test("what a closed tab left behind is cleared away by the next", async () => {
  const names = (): Promise<string[]> =>
    page.evaluate(async () => {
      const root = await navigator.storage.getDirectory();
      const found: string[] = [];
      for await (const name of (await root.getDirectoryHandle("gradus-exports")).keys()) found.push(name);
      return found;
    });
  await page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle("gradus-exports");
    await folder.getFileHandle("left-by-a-crash", { create: true });
  });
  expect(await names()).toContain("left-by-a-crash");
  await page.reload();
  await expect.poll(names, { timeout: PATIENCE_MS }).toEqual([]);
  expect(site.faults).toEqual([]);
});
