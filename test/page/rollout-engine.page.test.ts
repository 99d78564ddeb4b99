// ONNX Runtime as a person meets it on the page: chosen in the recipe, in the plan, training on the device, and measured
// against our own decoder where that is left to the page.

import type { Locator, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import type { PageUnderTest } from "./browser.ts";
import { servePage } from "./browser.ts";

/** ONNX Runtime compiles for a minute where a busy processor plays the graphics card. */
const PATIENCE_MS = 240_000;

/** Small enough for the slowest driver; everything else is the recipe's. */
const SETTINGS = {
  Steps: 1,
  "Prompts per step": 2,
  "Group size": 2,
  "Longest response": 8,
} as const;

let site: PageUnderTest;
let page: Page;

beforeAll(async () => {
  site = await servePage();
  page = await site.open();
  await page.getByText("2,000 to train on").waitFor();
  await page.getByRole("radio", { name: "Adapter (LoRA)", exact: true }).check();
  for (const [label, value] of Object.entries(SETTINGS)) await enter(label, value);
  const evaluates = await find("Evaluate before training");
  await evaluates.uncheck();
  const every = await find("Evaluate every");
  await every.fill("-1");
  await every.press("Tab");
});

afterAll(() => site?.close());

async function enter(label: string, value: number): Promise<void> {
  const field = page.getByLabel(label, { exact: true });
  await field.fill(String(value));
  await field.press("Tab");
}

/** Enters a setting that is folded away. */
async function find(label: string): Promise<Locator> {
  const search = page.getByLabel("Search settings");
  if (!(await search.isVisible()))
    await page.getByRole("button", { name: /^All \d+ settings of this recipe/ }).click();
  await search.fill(label);
  return page.locator("gradus-settings").getByLabel(label, { exact: true });
}

const choose = async (engine: string) => (await find("Rollout engine")).selectOption(engine);

test("a run on ONNX Runtime trains on the device, with its memory in the plan", async () => {
  await choose("onnxruntime");
  const shares = page.getByRole("list", { name: "GPU memory by owner" });
  await shares.getByText("ONNX Runtime").waitFor();
  expect(await shares.getByText("Key-value cache").count()).toBe(0);
  await page.getByRole("button", { name: "Train", exact: true }).click();
  await page.locator("h1", { hasText: /^Finished/ }).waitFor({ timeout: PATIENCE_MS });
  expect(site.faults).toEqual([]);
});

test("where it is left to the page, both speeds are told", async () => {
  await page.getByRole("button", { name: "Setup", exact: true }).click();
  await choose("auto");
  await page.getByRole("button", { name: "Train", exact: true }).click();
  await page
    .getByText(/writes the responses of this run: .* tokens\/s here, .* tokens\/s\./)
    .waitFor({ timeout: PATIENCE_MS });
  await page.locator("h1", { hasText: /^Finished/ }).waitFor({ timeout: PATIENCE_MS });
  expect(site.faults).toEqual([]);
});
