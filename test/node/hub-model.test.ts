// A model of a hub on the command line: which commit and form are taken, that a run's own are found again without a network,
// and that a newer commit does not slip under a run.

import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { isHubName } from "../../src/node/train/hub-model.ts";
import { placedModel } from "../../src/node/train/inputs.ts";
import type { HubServer } from "../hub/server.ts";
import { REVISION, startHub } from "../hub/server.ts";
import { tinyFiles } from "../rl/tiny-run.ts";
import { temporaryFolder } from "../storage/stores.ts";

const ID = "owner/tiny-model";
const NEWER = "89abcdef0123456789abcdef0123456789abcdef";

let hub: HubServer;
let printed: string[];
beforeEach(async () => {
  hub = await startHub({ [ID]: await repository() });
  vi.stubEnv("HF_ENDPOINT", hub.url);
  vi.stubEnv("XDG_CACHE_HOME", await temporaryFolder());
  printed = [];
  vi.spyOn(console, "log").mockImplementation((text: string) => void printed.push(text));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  await hub.close();
});

async function repository(config: object = {}): Promise<Record<string, Uint8Array>> {
  const files = await Promise.all(
    tinyFiles(config).map(async (file) => [file.name, await file.read(0, file.size)] as const),
  );
  return { ...Object.fromEntries(files), "onnx/model_int8.onnx": new Uint8Array(10) };
}

test.each([
  [ID, true],
  [`${ID}:onnx/model_q4.onnx`, true],
  [`${ID}@v1.0`, true],
  [`${ID}@refs/pr/3:model.safetensors`, true],
  ["owner", false],
  ["./owner/name", false],
  ["a/b/c", false],
  [`${ID}@`, false],
])("%j is a name at the hub: %j", (text, is) => expect(isHubName(text)).toBe(is));

test("a run's model is that of its commit, although the hub has a newer one, and needs no network", async () => {
  const { model, place } = await placedModel(ID);
  expect(place).toBe(`${ID}@${REVISION}:model.safetensors`);
  expect(model.config.rmsEps).toBe(1e-6);

  hub.publish(NEWER, { [ID]: await repository({ rms_norm_eps: 1e-5 }) });
  expect((await placedModel(place)).model.config.rmsEps).toBe(1e-6);
  const newest = await placedModel(ID);
  expect(newest.place).toBe(`${ID}@${NEWER}:model.safetensors`);
  expect(newest.model.config.rmsEps).toBe(1e-5);

  await hub.close();
  const again = await placedModel(place);
  expect(again.place).toBe(place);
  expect(again.model.config.rmsEps).toBe(1e-6);
  expect((await placedModel(`${ID}@${NEWER}`)).model.config.rmsEps, "a commit without its form").toBe(1e-5);
});

test("a commit that is not in the cache is fetched as it is named", async () => {
  hub.publish(NEWER, { [ID]: await repository({ rms_norm_eps: 1e-5 }) });
  const { model, place } = await placedModel(`${ID}@${REVISION}`);
  expect(model.config.rmsEps).toBe(1e-6);
  expect(place).toContain(REVISION);
  await expect(placedModel(`${ID}@v9`)).rejects.toThrow(
    /has no public repository owner\/tiny-model with a revision v9/,
  );
});

test("a form that is not read says why, and names the others", async () => {
  await expect(placedModel(`${ID}:onnx/model_int8.onnx`)).rejects.toThrow(
    /has "onnx\/model_int8.onnx", and 8-bit weights are not read here. Take one of model.safetensors \(safetensors\)/,
  );
  await expect(placedModel(`${ID}:other`)).rejects.toThrow(/has no "other" that can be read. Take one of/);
});

test("what is taken is printed with its commit", async () => {
  await placedModel(ID);
  expect(printed).toContain(`${ID}@${REVISION}, safetensors`);
});
