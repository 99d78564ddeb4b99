// The kernels of the value loss against the reference, verl's golden numbers, cut batches, and numbers that are not finite.

import { describe, expect, test } from "vitest";

import { GpuAllocator } from "../../../src/gpu/index.ts";
import { parseCases } from "../../../src/node/verify/algorithms-golden.ts";
import { reportLines, runAlgorithms } from "../../../src/node/verify/algorithms.ts";
import type { ValueLossMemory } from "../../../src/rl/critic/launch.ts";
import {
  allocateValueLoss,
  clearValueStats,
  readValueStats,
  valueLoss,
} from "../../../src/rl/critic/launch.ts";
import type { ValueBatch } from "../../../src/rl/critic/value-loss.ts";
import { VALUE_STATS, valueLossReference } from "../../../src/rl/critic/value-loss.ts";
import { expectClose, noise, sharedRecorder, upload, zeros } from "../../harness.ts";
import { eachWorkgroupSize } from "../../variants.ts";

const GOLDEN = import.meta.glob<string>("../../fixtures/algorithms/value*.json", {
  query: "?raw",
  import: "default",
  eager: true,
});
const CLIP = 0.3;
const recorder = await sharedRecorder();
const newMemory = (): ValueLossMemory => allocateValueLoss(new GpuAllocator(recorder.gpu), 300);

interface Sample {
  readonly values: Float32Array;
  readonly batch: ValueBatch & Record<"oldValue" | "returns" | "weight", Float32Array>;
}

const sample = (rows: number): Sample => ({
  values: noise(rows, 1),
  batch: { oldValue: noise(rows, 2), returns: noise(rows, 3), weight: noise(rows, 4).map(Math.abs) },
});

async function run({ values, batch }: Sample, memory = newMemory()): Promise<Float32Array> {
  const critic = { value: upload(recorder, values), dValue: zeros(recorder, [values.length]) };
  valueLoss(recorder, { memory, critic, batch, clip: CLIP });
  return recorder.readF32(critic.dValue);
}

async function expectReference(given: Sample): Promise<void> {
  const memory = newMemory();
  const dValue = await run(given, memory);
  const wanted = valueLossReference(given.values, given.batch, CLIP);
  // A few roundings of numbers up to 2, and of their sum.
  expectClose(dValue, wanted.dValue, { rtol: 1e-5, atol: 1e-6 }, "dValue");
  const stats = await readValueStats(recorder, memory);
  for (const { id } of VALUE_STATS)
    expectClose([stats[id]], [wanted.stats[id]], { rtol: 1e-5, atol: 1e-5 }, id);
}

test.each([1, 63, 65, 257])("%i tokens agree with the reference, in every workgroup size", async (rows) => {
  await eachWorkgroupSize(recorder, () => expectReference(sample(rows)));
});

test("tokens that are not trained on have no gradient and are not counted", async () => {
  const { values, batch } = sample(65);
  const mask = Array.from({ length: 65 }, (_, r) => (r % 3 === 0 ? 0 : 1));
  const given = {
    values,
    batch: { ...batch, mask, weight: batch.weight.map((weight, r) => weight * mask[r]!) },
  };
  await expectReference(given);
  const memory = newMemory();
  const dValue = await run(given, memory);
  expect(dValue.every((d, r) => mask[r] === 1 || d === 0)).toBe(true);
  expect((await readValueStats(recorder, memory)).tokens).toBe(43);
});

test("verl's numbers are met in single precision", async () => {
  const [[file, text]] = Object.entries(GOLDEN) as [[string, string]];
  const all = parseCases(file, text);
  const report = await runAlgorithms(
    all.filter(({ dtype }) => dtype === "float32"),
    recorder,
  );
  expect(
    report.rows.flatMap(({ failed }) => failed),
    reportLines(report).join("\n"),
  ).toEqual([]);
  expect(report.rows.map(({ place }) => place)).toEqual(Array(5).fill("GPU float32"));
});

test("cutting a batch changes no gradient, adds up to the same counts, and repeats to the bit", async () => {
  const { values, batch } = sample(257);
  const part = (from: number, to?: number): Sample => ({
    values: values.slice(from, to),
    batch: {
      oldValue: batch.oldValue.slice(from, to),
      returns: batch.returns.slice(from, to),
      weight: batch.weight.slice(from, to),
    },
  });
  const [whole, cut] = [newMemory(), newMemory()];
  const dValue = await run({ values, batch }, whole);
  expect([...(await run(part(0, 100), cut)), ...(await run(part(100), cut))]).toEqual([...dValue]);
  const [one, two] = [await readValueStats(recorder, whole), await readValueStats(recorder, cut)];
  for (const { id } of VALUE_STATS) expectClose([two[id]], [one[id]], { rtol: 1e-5, atol: 1e-5 }, id);
  clearValueStats(recorder, whole);
  expect([...(await run({ values, batch }, whole))]).toEqual([...dValue]);
  expect(await readValueStats(recorder, whole)).toEqual(one);
});

describe.each([NaN, Infinity])("%f", (value) => {
  test.each(["values", "oldValue", "returns", "weight"] as const)(
    "in %s is counted and spoils the gradient of its token",
    async (name) => {
      const given = sample(65);
      ({ ...given.batch, values: given.values })[name][40] = value;
      const memory = newMemory();
      const dValue = await run(given, memory);
      expect((await readValueStats(recorder, memory)).notFinite).toBe(1);
      expect(Array.from(dValue, Number.isFinite).indexOf(false)).toBe(40);
    },
  );
});
