// A model of the person's own in ONNX, compared with ONNX Runtime on the page's own device before training is offered.

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { sharedPath } from "../formats/fixtures.ts";
import { exportFiles } from "../model/open-export.ts";
import type { PageUnderTest } from "./browser.ts";
import { accessibilityFaults, servePage } from "./browser.ts";

const FIXTURES = fileURLToPath(new URL("../fixtures", import.meta.url));
const SHARED = sharedPath("models");
const AGREES =
  /^ONNX Runtime agrees: worst log-probability difference \d\.\de-\d over 32 tokens \((WebGPU|WebAssembly)\)\.$/;
const RUNTIME = /ort-wasm-.*\.wasm$/;

let site: PageUnderTest;
let page: Page;
/** Addresses of ONNX Runtime's WebAssembly that were fetched. */
const fetched: string[] = [];

beforeAll(async () => {
  site = await servePage();
  site.context.on("request", (request) => {
    if (RUNTIME.test(request.url())) fetched.push(request.url());
  });
  page = await site.open();
  await page.getByText("2,000 to train on").waitFor();
});

afterAll(() => site?.close());

/** Drops the files of an export. */
async function drop(into: Page, family: string, folder: string): Promise<void> {
  const files = await Promise.all(
    exportFiles(family, folder).map(async (file) => ({
      name: file.name,
      mimeType: "application/octet-stream",
      buffer: Buffer.from(await file.read(0, file.size)),
    })),
  );
  await into.getByLabel("Model files").setInputFiles(files);
}

/** Waits until training is offered, or is not. */
const training = (isOffered: boolean, on = page): Promise<void> =>
  on.getByRole("button", { name: "Train", exact: true, disabled: !isOffered }).waitFor();

describe("the demo", () => {
  test("is not compared by itself, and can be trained", async () => {
    await training(true);
    expect(fetched).toEqual([]);
  });
});

describe("a model of one's own", () => {
  test("waits for the comparison, agrees, and can be trained then", async () => {
    await drop(page, `${FIXTURES}/qwen2-tied`, `${FIXTURES}/onnx/tjs-fp16`);
    await page.getByRole("button", { name: "Skip" }).waitFor();
    await training(false);
    // Halves need a device that has them; without one, the processor runs the file.
    await page.getByText(AGREES).waitFor();
    await training(true);
    expect(fetched.length).toBe(1);
    expect(await accessibilityFaults(page)).toEqual([]);
  });

  test.skipIf(!existsSync(SHARED)).each(["v0.15.2-webgpu-fp32", "v0.15.2-webgpu-int4-fp32acc1", "tjs-q4"])(
    "../shared/data/models/qwen2-tied: %s agrees on WebGPU",
    async (entry) => {
      await drop(page, `${SHARED}/qwen2-tied`, `${SHARED}/qwen2-tied/exports/${entry}`);
      await page.getByRole("button", { name: "Skip" }).waitFor();
      await page.getByText(/^ONNX Runtime agrees: .* over 32 tokens \(WebGPU\)\.$/).waitFor();
    },
  );
});

test("a model can be trained without the comparison, which is told and can be made up for", async () => {
  const other = await site.open();
  let goOn = (): void => {};
  const held = new Promise<void>((resolve) => (goOn = resolve));
  await other.route(RUNTIME, async (route) => {
    await held;
    await route.continue();
  });
  await other.getByText("2,000 to train on").waitFor();
  await drop(other, `${FIXTURES}/qwen2-tied`, `${FIXTURES}/onnx/tjs-fp16`);
  await other.getByRole("button", { name: "Skip" }).click();
  await other.getByText(/Not compared with ONNX Runtime: whether this file is read rightly/).waitFor();
  await training(true, other);
  await other.getByLabel("Train anyway").uncheck();
  await training(false, other);
  expect(await accessibilityFaults(other)).toEqual([]);
  goOn();
  await other.getByRole("button", { name: "Change model" }).click();
  await other.getByRole("button", { name: "Check with ONNX Runtime" }).click();
  await other.getByText(AGREES).waitFor();
  await training(true, other);
  await other.close();
});

test("nothing went wrong unseen", () => {
  expect(site.faults).toEqual([]);
});

test("without ONNX Runtime's files, what is missing is said, and the person decides", async () => {
  const other = await site.open();
  await other.route(RUNTIME, (route) => route.abort());
  await other.getByText("2,000 to train on").waitFor();
  await drop(other, `${FIXTURES}/qwen2-tied`, `${FIXTURES}/onnx/tjs-fp16`);
  await other.getByText(/Not compared: ONNX Runtime could not be loaded .* reload the page/).waitFor();
  await training(false, other);
  await other.getByLabel("Train anyway").check();
  await training(true, other);
  await other.close();
});
