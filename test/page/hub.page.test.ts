// A model from a hub, as a person takes it: its name, its forms with what they take of the GPU, fetching with a pause over a
// reload, a run that goes on when the hub is gone, and deleting what that run needs. The hub is a server of the test's own.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { SeededRandom } from "../../src/common/random.ts";
import { writeSafetensors } from "../../src/formats/safetensors.ts";
import { parseDecoderConfig } from "../../src/model/config.ts";
import { parameterShapes } from "../../src/model/weights.ts";
import type { HubServer } from "../hub/server.ts";
import { REVISION, startHub } from "../hub/server.ts";
import type { PageUnderTest } from "./browser.ts";
import { accessibilityFaults, servePage } from "./browser.ts";

const ID = "owner/small-model";
const DEMO = fileURLToPath(new URL("../../public/demo", import.meta.url));
const file = (name: string): Uint8Array => new Uint8Array(readFileSync(join(DEMO, name)));

/** Its vocabulary makes it large enough for a place of its own, and not for a slow step. */
const CONFIG = {
  model_type: "qwen2",
  hidden_act: "silu",
  hidden_size: 128,
  num_hidden_layers: 1,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  intermediate_size: 64,
  vocab_size: 6144,
  max_position_embeddings: 512,
  rms_norm_eps: 1e-6,
  rope_theta: 10000,
  tie_word_embeddings: false,
  eos_token_id: 427,
};

function weights(): Uint8Array {
  const random = new SeededRandom(1);
  const shapes = parameterShapes(parseDecoderConfig(CONFIG));
  return writeSafetensors(
    [...shapes].map(([name, shape]) => {
      const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
      return [name, shape, values.map(() => (name.endsWith("norm.weight") ? 1 : 0.05 * random.normal()))];
    }),
  );
}

/** Few, so that hardly one is held out. */
const PROBLEMS = {
  name: "problems.json",
  mimeType: "application/json",
  buffer: Buffer.from(
    JSON.stringify(
      Array.from({ length: 10 }, (_, i) => ({ question: `${i} + 1?`, answer: `#### ${i + 1}` })),
    ),
  ),
};

/** Two runs each, in the slowest driver. */
const TIMEOUT_MS = 900_000;

const SIZES = { Steps: 20, "Prompts per step": 2, "Group size": 2, "Longest response": 8 };

const files = (model: Uint8Array): Record<string, Uint8Array> => ({
  "config.json": new TextEncoder().encode(JSON.stringify(CONFIG)),
  "tokenizer.json": file("tokenizer.json"),
  "tokenizer_config.json": file("tokenizer_config.json"),
  "model.safetensors": model,
});

let site: PageUnderTest;
let hub: HubServer;

beforeAll(async () => {
  hub = await startHub({
    [ID]: { ...files(weights()), "onnx/model_int8.onnx": new Uint8Array(5000) },
  });
  site = await servePage();
});

afterAll(async () => {
  await site?.close();
  await hub?.close();
});

/** Kernels are compiled and measured before the first step. */
const PATIENCE_MS = 300_000;

/** Opens what is folded away once a model is loaded. */
async function changeModel(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Setup", exact: true }).click();
  await page.getByText("Demo model").first().waitFor();
  await page.getByRole("button", { name: "Change model" }).click();
}

async function lookUp(page: Page, name: string): Promise<void> {
  await page.getByLabel("Hugging Face repository").fill(name);
  await page.getByRole("button", { name: "Look up" }).click();
}

async function enter(page: Page, label: string, value: number): Promise<void> {
  const field = page.getByLabel(label, { exact: true });
  await field.fill(String(value));
  await field.press("Tab");
}

test(
  "a model is looked up, paused, resumed after a reload, trained, and needed by its run without the hub",
  async () => {
    const page = await site.open();
    page.setDefaultTimeout(PATIENCE_MS);
    await changeModel(page);
    await page.locator("summary", { hasText: "Hub" }).click();
    await page.getByLabel("Address of the hub").fill(hub.url);
    await page.getByLabel("Address of the hub").press("Tab");

    await lookUp(page, "owner/other");
    await page.getByText(/has no public repository owner\/other/).waitFor();
    await lookUp(page, ID);
    await page.getByText("8-bit weights are not read here").waitFor();
    await page.getByText(/Takes about [\d.]+ MiB of GPU memory/).waitFor();
    await enter(page, "GPU memory for runs", 0.06);
    await page.getByText(/With Token budget \d+ it takes/).waitFor();
    await enter(page, "GPU memory for runs", 4);
    await page.getByText(/Fits: about [\d.]+ MiB of 4 GiB/).waitFor();
    // Its shape was asked for once, for all that was set.
    expect(hub.requests.filter(({ path }) => path.endsWith("/config.json"))).toHaveLength(1);
    expect(await accessibilityFaults(page)).toEqual([]);

    hub.faults.stallsAt = 5e6;
    await page.getByRole("button", { name: "Fetch and load: safetensors" }).click();
    await page.getByText(/^4[\d.]* MiB of 6[\d.]* MiB/).waitFor();
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByText(/Paused at 4[\d.]* MiB of 6[\d.]* MiB/).waitFor();
    expect(hub.requests.filter(({ path }) => path.endsWith("model.safetensors"))).toHaveLength(1);

    hub.faults.stallsAt = undefined;
    await page.reload();
    await changeModel(page);
    await page.getByText(/Paused at 4[\d.]* MiB of 6[\d.]* MiB/).waitFor();
    await page.getByText("Fits: about").waitFor();
    hub.faults.status = 500;
    await page.getByRole("button", { name: "Resume: safetensors" }).click();
    await page.getByText(/answered with status 500 for owner\/small-model/).waitFor();
    await page.getByText(/Paused at 4[\d.]* MiB of 6[\d.]* MiB/).waitFor();
    hub.faults.status = undefined;
    await page.getByRole("button", { name: "Resume: safetensors" }).click();
    await page.getByText(`${ID}, Qwen2`).first().waitFor();
    const ranges = hub.requests.filter(({ path }) => path.endsWith("model.safetensors"));
    expect(ranges.at(-1)!.range).toMatch(/^bytes=\d{7,}-$/);

    await page.getByRole("button", { name: `Delete ${ID}` }).click();
    await page.getByText(`${ID} is loaded, and its weights are read when a run begins`).waitFor();
    await page.getByLabel("Problem files").setInputFiles(PROBLEMS);
    await page.getByText("problems.json").first().waitFor();
    for (const [label, value] of Object.entries(SIZES)) await enter(page, label, value);
    await page.getByRole("button", { name: "Train", exact: true }).click();
    await page.locator("h1", { hasText: /^Training, step 1 of 20/ }).waitFor();
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByText(/Saved at step \d/).waitFor();

    // The run needs neither the hub nor a copy of its own.
    await hub.close();
    await page.reload();
    await page.getByRole("button", { name: "Resume" }).first().click();
    await page.locator("h1", { hasText: /^Training, step [2-9] of 20/ }).waitFor();
    await page.getByRole("button", { name: "Stop" }).click();
    await page.getByRole("button", { name: "Download trained weights" }).first().waitFor();

    await page.reload();
    await changeModel(page);
    await page.getByText("1 run can go on with it").waitFor();
    await page.getByRole("button", { name: `Delete ${ID}` }).click();
    await page.getByText("Without it 1 run cannot go on").waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.getByRole("button", { name: "Keep" }).click();
    await page.getByRole("button", { name: "Load safetensors" }).waitFor();
    await page.getByRole("button", { name: `Delete ${ID}` }).click();
    await page.getByRole("button", { name: "Delete all the same" }).click();
    await page.getByRole("button", { name: `Delete ${ID}` }).waitFor({ state: "detached" });

    await page.getByRole("button", { name: "Checkpoints", exact: true }).click();
    await page.getByRole("button", { name: "Resume", exact: true }).click();
    await page.getByText(`Look up ${ID}@${REVISION} under Model, fetch the form`).first().waitFor();
    await page.getByRole("button", { name: "Checkpoints", exact: true }).click();
    await page.getByRole("button", { name: "Delete run" }).click();
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await page.getByText("Nothing is kept yet").waitFor();
    // The browser says itself that a repository is not there, and that the hub is gone.
    expect(site.faults.filter((fault) => !fault.startsWith("Failed to load resource"))).toEqual([]);
    await page.close();
  },
  TIMEOUT_MS,
);

/** Bytes of dropped files that lie in the browser's own file system. */
const droppedBytes = (page: Page): Promise<number> =>
  page.evaluate(async () => {
    const bytesBelow = async (folder: FileSystemDirectoryHandle): Promise<number> => {
      let bytes = 0;
      for await (const handle of folder.values())
        bytes +=
          handle.kind === "directory"
            ? await bytesBelow(handle as FileSystemDirectoryHandle)
            : (await (handle as FileSystemFileHandle).getFile()).size;
      return bytes;
    };
    const root = await navigator.storage.getDirectory();
    return bytesBelow(await root.getDirectoryHandle("dropped", { create: true }));
  });

test(
  "a dropped model is kept once for two runs, serves a resumed one, and goes with the last",
  async () => {
    const page = await site.open();
    page.setDefaultTimeout(PATIENCE_MS);
    await changeModel(page);
    const model = weights();
    await page.getByLabel("Model files").setInputFiles(
      Object.entries(files(model)).map(([name, bytes]) => ({
        name,
        mimeType: "application/octet-stream",
        buffer: Buffer.from(bytes),
      })),
    );
    await page.getByText("model, Qwen2").first().waitFor();
    await page.getByLabel("Problem files").setInputFiles(PROBLEMS);
    await page.getByText("problems.json").first().waitFor();
    for (const [label, value] of Object.entries(SIZES)) await enter(page, label, value);
    for (let run = 0; run < 2; run++) {
      await page.getByRole("button", { name: "Train", exact: true }).click();
      await page.locator("h1", { hasText: /^Training, step 1 of 20/ }).waitFor();
      await page.getByRole("button", { name: "Stop" }).click();
      await page.getByRole("button", { name: "Download trained weights" }).first().waitFor();
      await expect.poll(() => droppedBytes(page), { timeout: 60_000 }).toBeGreaterThan(model.length);
      await page.getByRole("button", { name: "Setup", exact: true }).click();
    }
    // The mark beside it is some digits.
    expect(await droppedBytes(page)).toBeLessThan(model.length + 20);

    await page.reload();
    await page.getByRole("button", { name: "Checkpoints", exact: true }).click();
    const remove = page.getByRole("button", { name: "Delete run" });
    for (const isLast of [false, true]) {
      if (isLast) {
        await page.getByRole("button", { name: "Resume", exact: true }).click();
        await page.locator("h1", { hasText: /^Training, step [2-9] of 20/ }).waitFor();
        await page.getByRole("button", { name: "Stop" }).click();
        await page.getByRole("button", { name: "Download trained weights" }).first().waitFor();
        await page.getByRole("button", { name: "Checkpoints", exact: true }).click();
      }
      await remove.first().click();
      await page.getByRole("button", { name: "Delete", exact: true }).click();
      await expect.poll(() => remove.count()).toBe(isLast ? 0 : 1);
      if (!isLast) expect(await droppedBytes(page)).toBeGreaterThan(model.length);
    }
    await expect.poll(() => droppedBytes(page)).toBe(0);
  },
  TIMEOUT_MS,
);
