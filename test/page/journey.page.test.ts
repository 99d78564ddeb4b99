// The whole journey as a person takes it: open the page, drop problems, train, lose the page, resume, download.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { unzipSync } from "fflate";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { openSafetensors } from "../../src/formats/safetensors.ts";
import { bytesSource } from "../../src/formats/safetensors.ts";
import { read } from "../files.ts";
import type { PageUnderTest } from "./browser.ts";
import { servePage } from "./browser.ts";

/** Twenty of the demo's problems in GSM8K's form. */
function gsm8kFile(folder: string): string {
  const rows = read("public/demo/train.jsonl")
    .split("\n", 20)
    .map((line) => JSON.parse(line) as { extra_info: { question: string; answer: string } })
    .map(({ extra_info: { question, answer } }) => ({ question, answer }));
  const file = join(folder, "problems.json");
  writeFileSync(file, JSON.stringify(rows));
  return file;
}

/** Small enough for the slowest driver; everything else is the recipe's. */
const SETTINGS = {
  Steps: 40,
  "Prompts per step": 2,
  "Group size": 4,
  "Longest response": 12,
} as const;

async function enter(page: Page, label: string, value: number): Promise<void> {
  const field = page.getByLabel(label, { exact: true });
  await field.fill(String(value));
  await field.press("Tab");
}

/** Points that each chart shows, by the title of the chart. */
const chartPoints = (page: Page): Promise<number[]> =>
  page
    .locator("gradus-chart")
    .evaluateAll((charts) => charts.map((chart) => Number(chart.getAttribute("points"))));

/** Steps taken, as the page says. */
const stepOf = async (page: Page): Promise<number> =>
  Number(/step (\d+)/.exec((await page.locator("h1").first().textContent()) ?? "")?.[1]);

let site: PageUnderTest;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "gradus-journey-"));
  site = await servePage();
});

afterAll(async () => {
  await site?.close();
  rmSync(folder, { recursive: true, force: true });
});

describe("the page", () => {
  test("trains on dropped problems, resumes after a reload, and hands out the trained weights", async () => {
    // A browser under test has nobody to answer the dialog of the system.
    await site.context.addInitScript(() =>
      Object.defineProperty(window, "showSaveFilePicker", { value: undefined }),
    );
    const page = await site.open();
    await page.getByRole("button", { name: "Train", exact: true }).waitFor();
    await page.getByLabel("Problem files").setInputFiles(gsm8kFile(folder));
    await page.getByText("problems.json").first().waitFor();
    for (const [label, value] of Object.entries(SETTINGS)) await enter(page, label, value);
    await page.getByRole("button", { name: "Train", exact: true }).click();

    await page.locator("h1", { hasText: /^Training, step 2 of 40/ }).waitFor();
    expect(Math.max(...(await chartPoints(page)))).toBeGreaterThanOrEqual(2);

    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByRole("button", { name: "Continue" }).waitFor();
    const paused = await stepOf(page);
    await page.getByText(`Saved at step ${paused}`).waitFor();
    await page.reload();
    await page.getByRole("button", { name: "Resume" }).first().click();
    await page.locator("h1", { hasText: new RegExp(`step ${paused + 1} of 40`) }).waitFor();
    expect(Math.max(...(await chartPoints(page)))).toBeGreaterThan(paused);

    await page.getByRole("button", { name: "Stop" }).click();
    await page.getByRole("button", { name: "Download trained weights" }).first().click();
    await page.getByRole("button", { name: "Make safetensors, float32" }).click();
    await page.getByText(/ONNX Runtime against the checkpoint: worst log-probability difference/).waitFor();
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "Save safetensors, float32" }).click();
    const file = unzipSync(readFileSync(await (await download).path()));
    const weights = await openSafetensors(bytesSource("model.safetensors", file["model.safetensors"]!));
    const config = JSON.parse(read("public/demo/config.json")) as { vocab_size: number; hidden_size: number };
    expect(weights.entry("model.embed_tokens.weight").shape).toEqual([config.vocab_size, config.hidden_size]);
    expect((await weights.readF32("model.norm.weight")).every(Number.isFinite)).toBe(true);
    expect(site.faults).toEqual([]);
  });
});
