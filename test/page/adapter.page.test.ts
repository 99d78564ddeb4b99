// Going on from an adapter on the page: the zip file that a run hands out is dropped again, seen, decides its settings, and is
// what the next run begins with; one that does not fit is told, and removing it gives the recipe's settings back.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { unzipSync, zipSync } from "fflate";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { bytesSource } from "../../src/formats/safetensors.ts";
import { unzipFiles } from "../../src/formats/unzip.ts";
import { isAdapterFile } from "../../src/model/open-adapter.ts";
import { read } from "../files.ts";
import { accessibilityFaults, servePage } from "./browser.ts";
import type { PageUnderTest } from "./browser.ts";

/** Small enough for the slowest driver. */
const SETTINGS = {
  Steps: 1,
  "Prompts per step": 2,
  "Group size": 4,
  "Longest response": 12,
  "LoRA rank": 4,
} as const;

/** A run, most of which goes into choosing and compiling kernels, in the slowest driver. */
const RUN_MS = 300_000;

let site: PageUnderTest;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "gradus-adapter-"));
  site = await servePage();
});

afterAll(async () => {
  await site?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Twenty of the demo's problems: few are held out, and evaluation is short. */
function problemFile(inside: string): string {
  const file = join(inside, "problems.jsonl");
  writeFileSync(file, read("public/demo/train.jsonl").split("\n", 20).join("\n"));
  return file;
}

async function enter(page: Page, label: string, value: number): Promise<void> {
  const field = page.getByLabel(label, { exact: true });
  await field.fill(String(value));
  await field.press("Tab");
}

/** The file that a button hands out. */
async function downloaded(page: Page, button: string, name: string): Promise<string> {
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: button }).first().click();
  const file = join(folder, name);
  await (await download).saveAs(file);
  return file;
}

/** Trains to the end of the run; what its weights download as. */
async function trainedZip(page: Page, name: string): Promise<string> {
  await page.getByRole("button", { name: "Train", exact: true }).click();
  await page.locator("h1", { hasText: /^Finished/ }).waitFor({ timeout: RUN_MS });
  await page.getByRole("button", { name: "Download trained weights" }).first().click();
  await page.getByRole("button", { name: "Make Adapter" }).first().click();
  return downloaded(page, "Save Adapter", name);
}

const adapterIn = (file: string) => unzipFiles(bytesSource(file, readFileSync(file)), isAdapterFile);

test(
  "an adapter that a run handed out begins the next run",
  async () => {
    // A browser under test has nobody to answer the dialog of the system.
    await site.context.addInitScript(() =>
      Object.defineProperty(window, "showSaveFilePicker", { value: undefined }),
    );
    const page = await site.open();
    await page.getByRole("button", { name: "Train", exact: true }).waitFor();
    await page.getByLabel("Problem files").setInputFiles(problemFile(folder));
    await page.getByText("problems.jsonl").first().waitFor();
    for (const [label, value] of Object.entries(SETTINGS)) await enter(page, label, value);
    const first = await trainedZip(page, "first.zip");

    await page.getByRole("button", { name: "Setup", exact: true }).click();
    await enter(page, "LoRA rank", 8);
    await page.getByLabel("Model files").setInputFiles(first);
    await page.getByText("going on from an adapter of rank 4").waitFor();
    const rank = page.getByLabel("LoRA rank", { exact: true });
    expect(await rank.inputValue()).toBe("4");
    expect(await rank.isDisabled()).toBe(true);
    expect(await page.getByRole("radio", { name: "All weights" }).count()).toBe(0);
    await page.getByRole("button", { name: "Change model" }).click();
    await page.getByText(/Goes on from step 1, rank 4, alpha 16, q_proj .* down_proj, F32/).waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);

    const files = await adapterIn(first);
    const [config] = files.filter(({ name }) => name.endsWith(".json"));
    const json = JSON.parse(new TextDecoder().decode(await config!.read(0, config!.size))) as object;
    const wrong = join(folder, "wrong.zip");
    const bytes = new TextEncoder().encode(JSON.stringify({ ...json, r: 5 }));
    const weights = files.find(({ name }) => !name.endsWith(".json"))!;
    writeFileSync(
      wrong,
      zipSync({ "adapter_config.json": bytes, [weights.name]: await weights.read(0, weights.size) }),
    );
    await page.getByLabel("Model files").setInputFiles(wrong);
    await page.getByText(/so its rank is 4, and adapter_config\.json says r is 5/).waitFor();
    await page.getByText("going on from an adapter of rank 4").waitFor();

    const second = await trainedZip(page, "second.zip");
    const [before, after] = [await adapterIn(first), await adapterIn(second)];
    const bytesOf = async ([, file]: typeof before): Promise<Uint8Array> => file!.read(0, file!.size);
    expect(after.map(({ name, size }) => [name, size])).toEqual(before.map(({ name, size }) => [name, size]));
    expect(await bytesOf(after)).not.toEqual(await bytesOf(before));

    const bundle = unzipSync(readFileSync(await downloaded(page, "Download verl bundle", "bundle.zip")));
    expect(Object.keys(bundle)).toEqual(
      expect.arrayContaining([
        "README.md",
        "data/train.parquet",
        "reward.py",
        "adapter/adapter_model.safetensors",
      ]),
    );

    await page.getByRole("button", { name: "Setup", exact: true }).click();
    await page.getByRole("button", { name: "Remove the adapter" }).click();
    await page.getByText("going on from an adapter").waitFor({ state: "detached" });
    expect(await rank.isDisabled()).toBe(false);
    expect(await rank.inputValue()).toBe("8");
    expect(site.faults).toEqual([]);
  },
  3 * RUN_MS,
);
