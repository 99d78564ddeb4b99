// What the engine trained, exported and loaded again, is the same adapter to the bit.

import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

import { tryJson } from "../../src/formats/json.ts";
import { peftAdapterFiles } from "../../src/formats/peft.ts";
import { bytesSource, openSafetensors } from "../../src/formats/safetensors.ts";
import { parsePeftConfig } from "../../src/model/lora.ts";
import { readParameter } from "../../src/model/parameters.ts";
import { Policy } from "../../src/model/policy.ts";
import { openGolden } from "../../src/node/verify/golden.ts";
import { defaultOptions } from "../../src/node/verify/run.ts";
import { sharedRecorder } from "../harness.ts";
import { collected } from "./fixtures.ts";

const golden = await openGolden(fileURLToPath(new URL("../fixtures/qwen2-tied", import.meta.url)));
const recorder = await sharedRecorder();

const policyWithAdapter = (): Promise<Policy> =>
  Policy.create(recorder, golden.config, defaultOptions(golden, true), golden.weights);

async function valuesOf({ trainable }: Policy) {
  const tensors = new Map<string, Float32Array>();
  for (const parameter of trainable) tensors.set(parameter.name, await readParameter(recorder, parameter));
  return tensors;
}

test("an adapter out of the engine loads into the engine", async () => {
  const trained = await policyWithAdapter();
  await trained.loadAdapter(golden.adapter);
  const shapes = new Map(trained.trainable.map(({ name, shape }) => [name, shape]));
  const tensors = await valuesOf(trained);
  trained.destroy();
  const streams = [...tensors].map(
    ([name, values]) => [name, { shape: shapes.get(name)!, values: () => Promise.resolve(values) }] as const,
  );
  const files = peftAdapterFiles({
    lora: golden.lora,
    baseModelName: golden.name,
    tensors: new Map(streams),
  });
  const [config, weights] = files as [(typeof files)[0], (typeof files)[0]];

  const json = tryJson(new TextDecoder().decode(await collected(config)))!.value as Record<string, unknown>;
  expect({ ...parsePeftConfig(json, config.name), seed: 0 }).toEqual(golden.lora);
  const file = await openSafetensors(bytesSource(weights.name, await collected(weights)));
  const policy = await policyWithAdapter();
  await policy.loadAdapter({
    name: file.name,
    names: [...file.entries.keys()],
    shape: (name) => file.entries.get(name)?.shape,
    read: (name) => file.readF32(name),
  });
  expect(await valuesOf(policy)).toEqual(tensors);
  policy.destroy();
});
