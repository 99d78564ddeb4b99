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

/** Drops the files of an export, of which `change` may make others. */
async function drop(
  family: string,
  folder: string,
  change = (_name: string, bytes: Uint8Array): Uint8Array => bytes,
): Promise<void> {
  const files = await Promise.all(
    exportFiles(family, folder).map(async ({ name, size, read }) => ({
      name,
      mimeType: "application/octet-stream",
      buffer: Buffer.from(change(name, await read(0, size))),
    })),
  );
  await page.getByLabel("Model files").setInputFiles(files);
}

const train = () => page.getByRole("button", { name: "Train", exact: true });

describe("the demo", () => {
  test("is not compared by itself, and can be trained", async () => {
    await train().waitFor();
    await expect.poll(() => train().isEnabled()).toBe(true);
    expect(fetched).toEqual([]);
  });
});

describe("a model of one's own", () => {
  test("waits for the comparison, agrees, and can be trained then", async () => {
    await drop(`${FIXTURES}/qwen2-tied`, `${FIXTURES}/onnx/tjs-fp16`);
    await page.getByRole("button", { name: "Skip" }).waitFor();
    expect(await train().isDisabled()).toBe(true);
    // Halves need a device that has them; without one, the processor runs the file.
    await page.getByText(AGREES).waitFor();
    await expect.poll(() => train().isEnabled()).toBe(true);
    expect(fetched.length).toBe(1);
    expect(await accessibilityFaults(page)).toEqual([]);
  });

  test("can be trained without the comparison, which is told and can be made up for", async () => {
    await drop(`${FIXTURES}/qwen2-tied`, `${FIXTURES}/onnx/v0.15.2-webgpu-fp16`);
    await page.getByRole("button", { name: "Skip" }).click();
    await page.getByText(/Not compared with ONNX Runtime: whether this file is read rightly/).waitFor();
    await expect.poll(() => train().isEnabled()).toBe(true);
    await page.getByLabel("Train anyway").uncheck();
    await expect.poll(() => train().isDisabled()).toBe(true);
    await page.getByRole("button", { name: "Change model" }).click();
    await page.getByRole("button", { name: "Check with ONNX Runtime" }).click();
    await page.getByText(AGREES).waitFor();
    await expect.poll(() => train().isEnabled()).toBe(true);
  });

  test.skipIf(!existsSync(SHARED)).each(["v0.15.2-webgpu-fp32", "v0.15.2-webgpu-int4-fp32acc1", "tjs-q4"])(
    "../shared/data/models/qwen2-tied: %s agrees on WebGPU",
    async (entry) => {
      await drop(`${SHARED}/qwen2-tied`, `${SHARED}/qwen2-tied/exports/${entry}`);
      await page.getByRole("button", { name: "Skip" }).waitFor();
      await page.getByText(/^ONNX Runtime agrees: .* over 32 tokens \(WebGPU\)\.$/).waitFor();
      console.log(await page.getByText(AGREES).textContent());
    },
  );
});

test("nothing went wrong unseen", () => {
  expect(site.faults).toEqual([]);
});
