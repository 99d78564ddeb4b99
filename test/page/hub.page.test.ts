// A model from a hub, as a person takes it: its name, its forms with their sizes, fetching, and loading it again when the hub
// is gone. The hub is a server of the test's own with the same layout.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

import type { HubServer } from "../hub/server.ts";
import { startHub } from "../hub/server.ts";
import type { PageUnderTest } from "./browser.ts";
import { servePage } from "./browser.ts";

const ID = "owner/tiny-model";
const DEMO = fileURLToPath(new URL("../../public/demo", import.meta.url));
const file = (name: string): Uint8Array => new Uint8Array(readFileSync(join(DEMO, name)));

let site: PageUnderTest;
let hub: HubServer;

beforeAll(async () => {
  hub = await startHub({
    [ID]: {
      "config.json": file("config.json"),
      "tokenizer.json": file("tokenizer.json"),
      "tokenizer_config.json": file("tokenizer_config.json"),
      "onnx/model.onnx": file("model.onnx"),
      "onnx/model_int8.onnx": new Uint8Array(5000),
    },
  });
  site = await servePage();
});

afterAll(async () => {
  await site?.close();
  await hub?.close();
});

test("a model is fetched by its name, and is there again without the hub", async () => {
  const page = await site.open();
  await page.getByText("Demo model").first().waitFor();
  await page.getByRole("button", { name: "Change model" }).click();
  await page.locator("summary", { hasText: "Hub" }).click();
  await page.getByLabel("Address of the hub").fill(hub.url);
  await page.getByLabel("Address of the hub").press("Tab");

  const name = page.getByLabel("Hugging Face repository");
  await name.fill("owner/other");
  await page.getByRole("button", { name: "Look up" }).click();
  await page.getByText(/has no public repository owner\/other/).waitFor();

  await name.fill(ID);
  await page.getByRole("button", { name: "Look up" }).click();
  await page.getByText("ONNX, float32").first().waitFor();
  await page.getByRole("button", { name: "Fetch and load" }).click();
  await page.getByText("Fetched before, in this browser").waitFor();
  await page.getByText(`${ID}, Qwen2`).first().waitFor();

  await hub.close();
  await page.reload();
  await page.getByText("Demo model").first().waitFor();
  await page.getByRole("button", { name: "Change model" }).click();
  await page.getByRole("button", { name: "Load ONNX, float32" }).click();
  await page.getByText(`${ID}, Qwen2`).first().waitFor();
  await page.getByRole("button", { name: `Remove ${ID}` }).click();
  await page.getByRole("button", { name: `Remove ${ID}` }).waitFor({ state: "detached" });
  // The browser says itself that a repository is not there, and that the hub is gone.
  expect(site.faults.filter((fault) => !fault.startsWith("Failed to load resource"))).toEqual([]);
});
