// What the page says when something does not fit: a sentence where it happened, and nothing lost.

import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { SeededRandom } from "../../src/common/random.ts";
import { read, readBytes } from "../files.ts";
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

interface Dropped {
  readonly name: string;
  readonly text: string;
}

const drop = (label: string, ...files: readonly Dropped[]): Promise<void> =>
  page.getByLabel(label).setInputFiles(
    files.map(({ name, text }) => ({
      name,
      mimeType: "application/octet-stream",
      buffer: Buffer.from(text),
    })),
  );

/** Waits for an error with these words and for the summary line that must have stayed. */
async function expectRefusal(words: RegExp, kept: string): Promise<void> {
  await page.getByText(words).first().waitFor();
  expect(await page.getByText(kept).first().isVisible()).toBe(true);
}

function randomText(bytes: number): string {
  const random = new SeededRandom(7);
  return Array.from({ length: bytes }, () => String.fromCharCode(random.integer(256))).join("");
}

describe("a file that does not fit is refused in a sentence, and the former problems stay", () => {
  const cases: readonly (readonly [string, Dropped, RegExp])[] = [
    ["a truncated list", { name: "cut.json", text: '[{"question": "1+1?", "ans' }, /cut\.json/],
    [
      "a list without questions",
      { name: "other.json", text: '[{"title": "x"}]' },
      /neither question and answer/,
    ],
    ["an empty file", { name: "empty.json", text: "" }, /empty\.json is empty/],
    ["random bytes", { name: "noise.json", text: randomText(100_000) }, /noise\.json is neither JSON/],
  ];
  test.each(cases)("%s", async (_, file, words) => {
    await drop("Problem files", file);
    await expectRefusal(words, "2,000 to train on");
  });

  test("one malformed row among good ones is named and left out", async () => {
    const good = '{"question": "What is 1+1?", "answer": "#### 2"}';
    await drop("Problem files", {
      name: "mixed.jsonl",
      text: [good, "{oops", good.replace("1+1", "1+2")].join("\n"),
    });
    await page.getByText("mixed.jsonl").first().waitFor();
    await page
      .locator("gradus-problems-card")
      .getByRole("button", { name: /Change/ })
      .click();
    await page.getByText("1 row left out", { exact: true }).click();
    await page.getByText("line 2", { exact: true }).waitFor();
  });
});

test("a file of preference pairs is recognised, and the recipe that learns from it is offered", async () => {
  const pair = { prompt: "What is 2+3?", chosen: "2+3=5\n#### 5", rejected: "#### 5" };
  const rows = Array.from({ length: 40 }, (_, i) =>
    JSON.stringify({ ...pair, prompt: `${i}: ${pair.prompt}` }),
  );
  await drop("Problem files", { name: "pairs.jsonl", text: rows.join("\n") });
  await page.getByText("38 preference pairs to train on, 2 held out").waitFor();
  const card = page.locator("gradus-problems-card");
  if (await card.getByRole("button", { name: /Change/ }).isVisible())
    await card.getByRole("button", { name: /Change/ }).click();
  for (const [word, text] of [
    ["Chosen", "2+3=5"],
    ["Rejected", "#### 5"],
  ] as const) {
    await card.getByText(word, { exact: true }).first().waitFor();
    await card.getByText(text).first().waitFor();
  }
  await page.getByText("Reinforcement learning judges sampled responses").waitFor();
  const trainButton = page.getByRole("button", { name: "Train", exact: true });
  expect(await trainButton.isDisabled()).toBe(true);
  await page.getByRole("button", { name: "Take DPO" }).click();
  await page.getByText("30 steps of 16 preference pairs").waitFor();
  expect(await trainButton.isDisabled()).toBe(false);
});

describe("a model that does not fit is refused in a sentence, and the former model stays", () => {
  const config: Dropped = { name: "config.json", text: read("public/demo/config.json") };
  const tokenizer: Dropped = { name: "tokenizer.json", text: read("public/demo/tokenizer.json") };

  test("without a tokenizer", async () => {
    await drop("Model files", config, { name: "model.onnx", text: "x" });
    await expectRefusal(/no tokenizer\.json/, "230 k parameters");
  });

  test("of another architecture", async () => {
    const bert = { name: "config.json", text: '{"model_type": "bert"}' };
    await drop("Model files", bert, tokenizer, { name: "model.onnx", text: "x" });
    await expectRefusal(/model_type is "bert"/, "230 k parameters");
  });

  test("with an ONNX file that was cut off", async () => {
    const chat = { name: "tokenizer_config.json", text: read("public/demo/tokenizer_config.json") };
    await page.getByLabel("Model files").setInputFiles([
      ...[config, tokenizer, chat].map(({ name, text }) => ({
        name,
        mimeType: "",
        buffer: Buffer.from(text),
      })),
      {
        name: "model.onnx",
        mimeType: "",
        buffer: readBytes("public/demo/model.onnx").subarray(0, 500_000),
      },
    ]);
    await expectRefusal(/model\.onnx/, "230 k parameters");
  });
});

test("a second tab sees the run of the first as busy", async () => {
  await page.getByRole("button", { name: "Train", exact: true }).click();
  await page.locator("h1", { hasText: "Training" }).waitFor();
  const second = await site.open();
  await second.getByRole("button", { name: "Checkpoints", exact: true }).click();
  await second
    .getByText(/open in another tab/i)
    .first()
    .waitFor();
  await second.close();
  await page.getByRole("button", { name: "Stop" }).click();
});

test("no rule of accessibility is broken on any of the places", async () => {
  const first = await site.open();
  for (const place of ["Setup", "Run", "Checkpoints"]) {
    await first.getByRole("button", { name: place, exact: true }).click();
    await first.locator("h1").first().waitFor();
    expect(await accessibilityFaults(first), place).toEqual([]);
  }
  await first.close();
});

test("without a graphics adapter the page says why and what to do, and fetches no model", async () => {
  const bare = await servePage({ withoutGpu: true });
  const asked: string[] = [];
  bare.context.on("request", (request) => asked.push(request.url()));
  const tab = await bare.open();
  await tab
    .getByText(/found no graphics adapter|WebGPU is not available/)
    .first()
    .waitFor();
  expect(asked.filter((url) => url.includes("/demo/"))).toEqual([]);
  await bare.close();
});
