// A person's own reward on the page: write it, try it, see where it is wrong, drop a file, train by it, and correct it in a run that
// waits. The function runs in a thread of its own, which ends it whatever it does.

import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

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

const editor = () => page.getByLabel("Your reward function", { exact: true });
const button = (name: string) => page.getByRole("button", { name, exact: true });
const scores = async (): Promise<string[]> =>
  (await page.locator("gradus-reward-editor td.score").allTextContents()).map((score) => score.trim());

async function tryOut(code: string): Promise<void> {
  await editor().fill(code);
  await button("Test").click();
}

const enter = async (label: string, value: number): Promise<void> => {
  const field = page.getByLabel(label, { exact: true });
  await field.fill(String(value));
  await field.press("Tab");
};

const OWN =
  "function computeScore(source, solution, truth) {\n  return solution.includes(truth) ? 0.75 : 0.25;\n}\n";

describe("a reward function", () => {
  test("is tried on worked and wrong answers, without the interpreter being loaded before", async () => {
    const asked: string[] = [];
    page.on("request", (request) => asked.push(request.url()));
    const loaded = () =>
      page.evaluate(() => performance.getEntriesByType("resource").map(({ name }) => name));
    expect((await loaded()).filter((name) => name.includes("emscripten"))).toEqual([]);
    await button("Your own reward").click();
    expect(await editor().inputValue()).toContain("function computeScore(");
    await button("Test").click();
    await page.getByText("5 responses judged").waitFor();
    expect(await scores()).toEqual(["1", "1", "1", "0.1", "0"]);
    await tryOut(OWN);
    await page.getByText("5 responses judged").waitFor();
    expect(await scores()).toEqual(["0.75", "0.75", "0.75", "0.25", "0.25"]);
  });

  test("that is wrong is told with its line, which is marked", async () => {
    await tryOut(OWN.replace("solution.includes", "solution.missing.includes"));
    await page
      .getByText(/^Line 2, column \d+: TypeError: cannot read property 'includes' of undefined/)
      .first()
      .waitFor();
    expect(await page.locator("gradus-code .gutter .marked").textContent()).toBe("2");
    await tryOut("function computeScore() {\n  return 1;\n\n  let = ;\n}");
    await page
      .getByText(/^Line 4, column \d+: SyntaxError/)
      .first()
      .waitFor();
    expect(await page.locator("gradus-code .gutter .marked").textContent()).toBe("4");
  });

  test("that never ends is ended, also inside one built-in function, and the page lives on", async () => {
    await page.getByRole("button", { name: /^All \d+ settings/ }).click();
    await page.getByLabel("Search settings").fill("reward_function_ms");
    await enter("Time of your own reward", 100);
    await tryOut("function computeScore() {\n  while (true);\n}");
    await page
      .getByText(/took longer than 100 ms and was stopped/)
      .first()
      .waitFor();
    await tryOut("function computeScore() {\n  return [].indexOf.call({ length: 2 ** 53 - 1 }, 1);\n}");
    await page
      .getByText(/took longer than 100 ms and was stopped/)
      .first()
      .waitFor();
    await enter("Time of your own reward", 1000);
    await tryOut(OWN);
    await page.getByText("5 responses judged").waitFor();
  });

  test("has neither network nor storage nor page", async () => {
    const names = [
      "fetch",
      "XMLHttpRequest",
      "indexedDB",
      "caches",
      "postMessage",
      "self",
      "importScripts",
      "Worker",
    ];
    await tryOut(
      `function computeScore() {\n  return ${JSON.stringify(names)}.filter((name) => name in globalThis).length;\n}`,
    );
    await page.getByText("5 responses judged").waitFor();
    expect(await scores()).toEqual(["0", "0", "0", "0", "0"]);
  });

  test("Tab indents in it, and after Escape leaves it", async () => {
    await editor().fill("");
    await editor().pressSequentially("function computeScore() {");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    await editor().pressSequentially("x");
    expect(await editor().inputValue()).toBe("function computeScore() {\n    x");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Tab");
    expect(
      await button("Test").evaluate(
        (element) =>
          element.getRootNode() instanceof ShadowRoot &&
          (element.getRootNode() as ShadowRoot).activeElement === element,
      ),
    ).toBe(true);
  });

  test("breaks no rule of accessibility", async () => {
    await tryOut("function computeScore() {\n  return missing;\n}");
    await page
      .getByText(/^Line 2, column/)
      .first()
      .waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
  });
});

test("a run that trains by it waits where it fails, and goes on with a corrected one", async () => {
  const file = {
    name: "own.js",
    mimeType: "text/javascript",
    buffer: Buffer.from(OWN.replace("solution.", "solution.missing.")),
  };
  await page.getByLabel("Reward function file").setInputFiles(file);
  await page.getByText(/Weight 1, added to GSM8K strict/).waitFor();
  await button("Let it judge alone").click();
  await page.getByText("It judges alone, with weight 1.").waitFor();
  const settings = {
    Steps: 1,
    "Prompts per step": 1,
    "Group size": 2,
    "Longest response": 8,
    "Evaluate every": -1,
  };
  for (const [label, value] of Object.entries(settings)) await enter(label, value);
  await page.getByLabel("Search settings").fill("val_before_train");
  await page.getByLabel("Evaluate before training", { exact: true }).uncheck();
  await button("Train").click();
  await page.locator("h1", { hasText: /^(Training|Paused), step 0 of 1/ }).waitFor();
  await page.locator("h1", { hasText: "Paused, step 0 of 1" }).waitFor();
  await page
    .getByText(/Your reward function failed at the response ".*": line 2, column \d+: TypeError/)
    .waitFor();
  await button("Go to Setup").click();
  await editor().fill(OWN);
  await button("Go on with this version").click();
  await page.locator("h1", { hasText: "Finished, step 1 of 1" }).waitFor();
  expect(site.faults).toEqual([]);
});
