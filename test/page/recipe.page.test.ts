// The choice of a recipe as a person makes it: by keyboard, with what it reads and what was scaled, and there again after a
// reload.

import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import type { PageUnderTest } from "./browser.ts";
import { accessibilityFaults, servePage } from "./browser.ts";

let site: PageUnderTest;
let page: Page;

beforeAll(async () => {
  site = await servePage();
  page = await site.open();
  await page.getByText("2,000 to train on").waitFor();
});

afterAll(() => site?.close());

const recipe = (name: string) => page.getByRole("radio", { name, exact: true });
/** A setting of those that are always shown. */
const field = (label: string) =>
  page.locator("gradus-recipe-card .common").getByLabel(label, { exact: true });
/** Chosen recipes and variants. */
const chosen = () =>
  page
    .getByRole("radio", { checked: true })
    .evaluateAll((inputs) => inputs.map((input) => input.parentElement!.textContent!.trim()));

test("the arrow keys go through the recipes, and the form shows what the chosen one reads", async () => {
  await recipe("GRPO").focus();
  await page.keyboard.press("ArrowRight");
  await page.getByText("Proximal Policy Optimization").waitFor();
  expect(await chosen()).toEqual(["PPO", "All weights"]);
  await recipe("SAPO").check();
  await field("SAPO tau, good responses").waitFor();
  expect(await field("Clip low").count()).toBe(0);
  await page.getByRole("button", { name: /^All \d+ settings of this recipe/ }).click();
  await page.getByLabel("Search settings").fill("clip low");
  await page.getByText("Not read by this recipe.").first().waitFor();
});

test("what a guide says wrongly and what was scaled can be read, without a rule of accessibility broken", async () => {
  await page.getByText("Where a common guide to SAPO is wrong").click();
  await page.getByText("It is the other way round.").waitFor();
  await page.getByText("Scaled for a tab").click();
  await page.getByRole("row", { name: /Prompts per step 16 256/ }).waitFor();
  expect(await accessibilityFaults(page)).toEqual([]);
});

test("what the keyboard comes to is never under the foot", async () => {
  await page.evaluate(() => scrollTo(0, 0));
  await page.setViewportSize({ width: 1280, height: 800 });
  const foot = (await page.getByRole("region", { name: "Plan" }).boundingBox())!;
  await page.getByText("Scaled for a tab").focus();
  for (let press = 0; press < 30; press++) {
    await page.keyboard.press("Tab");
    const [name, bottom] = await page.evaluate(() => {
      let focused = document.activeElement!;
      while (focused.shadowRoot?.activeElement) focused = focused.shadowRoot.activeElement;
      return [focused.textContent.trim(), focused.getBoundingClientRect().bottom] as const;
    });
    if (name === "Train") return;
    expect(bottom).toBeLessThanOrEqual(foot.y);
  }
  throw new Error("Tab does not come to Train");
});

test("recipe, variant and settings are there again after a reload", async () => {
  await recipe("Fades soon, 1.5 / 1.8").check();
  await field("Prompts per step").fill("4");
  await field("Prompts per step").press("Tab");
  await page.getByText("Reset 1 changed setting", { exact: true }).waitFor();
  expect(await field("Prompts per update").inputValue(), "follows").toBe("2");
  await page.reload();
  await page.getByText("2,000 to train on").waitFor();
  await page.getByText("Reset 1 changed setting", { exact: true }).waitFor();
  expect(await chosen()).toEqual(["SAPO", "Fades soon, 1.5 / 1.8", "All weights"]);
  expect(await field("Prompts per step").inputValue()).toBe("4");
  expect(await field("SAPO tau, good responses").inputValue()).toBe("1.5");
  await page.getByText("Reset 1 changed setting", { exact: true }).click();
  await expect.poll(() => field("Prompts per step").inputValue()).toBe("16");
  expect(site.faults).toEqual([]);
});
