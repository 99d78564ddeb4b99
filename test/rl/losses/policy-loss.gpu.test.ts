// The loss kernels against the reference: ragged batches of odd sizes with everything switched on, verl's golden numbers, cut
// batches, and numbers that are not finite.

import { describe, expect, test } from "vitest";

import { GpuAllocator } from "../../../src/gpu/index.ts";
import { KINDS, placeOf } from "../../../src/node/verify/algorithms-cases.ts";
import type { GoldenCase } from "../../../src/node/verify/algorithms-golden.ts";
import { parseCases } from "../../../src/node/verify/algorithms-golden.ts";
import { reportLines, runAlgorithms } from "../../../src/node/verify/algorithms.ts";
import { KL_TYPES } from "../../../src/rl/losses/kl.ts";
import {
  allocateLossMemory,
  clearLossStats,
  keepReference,
  policyLoss,
  readLossStats,
  uploadReference,
} from "../../../src/rl/losses/launch.ts";
import { LOSS_STATS } from "../../../src/rl/losses/stats.ts";
import { expectClose, sharedRecorder, upload, zeros } from "../../harness.ts";
import { eachWorkgroupSize } from "../../variants.ts";
import { objective, part, sample, sequenceLoss } from "./batches.ts";
import { expectReference, run } from "./device.ts";

describe.each([1, 63, 65, 257])("%i tokens", (rows) => {
  test("agree with the reference, KL and entropy included", () => expectReference(sample(rows), objective));

  test("agree with the reference for a loss over sequences", () =>
    expectReference(sample(rows), { ...objective, loss: sequenceLoss, params: { scale: 0.5 } }));
});

test("every workgroup size gives the same", async () =>
  eachWorkgroupSize(await sharedRecorder(), () =>
    expectReference(sample(257, 9), { ...objective, loss: sequenceLoss, params: { scale: 1 } }),
  ));

test.each(KL_TYPES)("the KL penalty %s is the reference's", (type) =>
  expectReference(sample(63, 5), { ...objective, kl: { type, coef: 0.5 } }),
);

test("a policy that is its own old policy has the ratio 1 to the bit", async () => {
  const { policy, batch } = sample(65);
  const { recorder, memory, dLogProb } = await run(
    await sharedRecorder(),
    policy,
    { ...batch, samplerWeight: Array.from(policy.logProb, () => 1), oldLogProb: "current" },
    { ...objective, kl: undefined!, entropyCoef: 0 },
  );
  const stats = await readLossStats(recorder, memory);
  expect(stats.ratioDeviation).toBe(0);
  expect(stats.importanceRatio).toBe(65);
  expect([...dLogProb]).toEqual(Array.from(batch.advantage, (a, r) => Math.fround(-a * batch.weight[r]!)));
});

test("cutting a batch between sequences changes nothing but rounding", async () => {
  const recorder = await sharedRecorder();
  const all = sample(257, 3);
  const whole = await run(recorder, all.policy, all.batch, objective);
  const sequences = all.batch.sequenceStarts.length - 1;
  const at = Math.floor(sequences / 2);
  const memory = allocateLossMemory(new GpuAllocator(recorder.gpu), 257);
  const dLogProb: number[] = [];
  for (const { policy, batch } of [part(all, 0, at), part(all, at, sequences)])
    dLogProb.push(...(await run(recorder, policy, batch, objective, memory)).dLogProb);
  expect(dLogProb).toEqual([...whole.dLogProb]);
  const [cut, one] = [await readLossStats(recorder, memory), await readLossStats(recorder, whole.memory)];
  for (const { id } of LOSS_STATS) expectClose([cut[id]], [one[id]], { rtol: 1e-5, atol: 1e-5 }, id);
  clearLossStats(recorder, memory);
  expect(Object.values(await readLossStats(recorder, memory))).toEqual(LOSS_STATS.map(() => 0));
});

test.each([
  ["a log-probability", "logProb", NaN],
  ["a log-probability", "logProb", -Infinity],
  ["an old log-probability", "oldLogProb", NaN],
  ["an advantage", "advantage", Infinity],
  ["a weight", "weight", NaN],
  ["an entropy", "entropy", NaN],
  ["a reference log-probability", "refLogProb", NaN],
] as const)("%s (%s) that is %f is counted and spoils the gradient", async (_, name, value) => {
  const { policy, batch } = sample(65);
  const list = { ...policy, ...batch }[name] as Float32Array;
  list[40] = value;
  const { recorder, memory, dLogProb } = await run(await sharedRecorder(), policy, batch, objective);
  expect((await readLossStats(recorder, memory)).notFinite).toBe(1);
  expect(Array.from(dLogProb, Number.isFinite).indexOf(false)).toBe(40);
});

test("log-probabilities of a pass without adapter can be kept as the reference on the device", async () => {
  const recorder = await sharedRecorder();
  const { policy, batch } = sample(63);
  const memory = allocateLossMemory(new GpuAllocator(recorder.gpu), 80);
  keepReference(recorder, memory, upload(recorder, policy.refLogProb), 63);
  const { refLogProb: _, ...rest } = policy;
  const kept = await run(recorder, rest, batch, objective, memory);
  const given = await run(recorder, policy, batch, objective);
  expect([...kept.dLogProb]).toEqual([...given.dLogProb]);
});

test("the same batch gives the same to the bit, and no buffer is made for it", async () => {
  const recorder = await sharedRecorder();
  const { policy, batch } = sample(257, 11);
  const memory = allocateLossMemory(new GpuAllocator(recorder.gpu), 257);
  const head = {
    logProb: upload(recorder, policy.logProb),
    entropy: upload(recorder, policy.entropy),
    dLogProb: zeros(recorder, [257]),
    dEntropy: zeros(recorder, [257]),
  };
  const once = async (): Promise<number[]> => {
    clearLossStats(recorder, memory);
    uploadReference(recorder, memory, policy.refLogProb);
    policyLoss(recorder, { memory, head, batch, objective });
    return [...(await recorder.readF32(head.dLogProb)), ...(await recorder.readF32(memory.stats))];
  };
  const first = await once();
  const buffers = recorder.gpu.usage.buffersCreated;
  expect(await once()).toEqual(first);
  expect(recorder.gpu.usage.buffersCreated).toBe(buffers);
});

test("lists of different lengths are refused", async () => {
  const { policy, batch } = sample(5);
  const recorder = await sharedRecorder();
  await expect(run(recorder, policy, { ...batch, weight: [1] }, objective)).rejects.toThrow(
    "differ in length",
  );
});

describe("verl's golden numbers", () => {
  const texts = import.meta.glob<string>("../../fixtures/algorithms/golden*.json", {
    query: "?raw",
    import: "default",
    eager: true,
  });
  const onDevice = (golden: GoldenCase): boolean => placeOf(golden, KINDS[golden.kind]!) === "GPU float32";

  test.each([
    ["golden.json", 70],
    ["golden_losses.json", 68],
  ])("in %s are met on this device in single precision", async (name, count) => {
    const text = texts[`../../fixtures/algorithms/${name}`]!;
    const report = await runAlgorithms(parseCases(name, text).filter(onDevice), await sharedRecorder());
    const { rows } = report;
    expect(
      rows.flatMap(({ failed }) => failed),
      reportLines(report).join("\n"),
    ).toEqual([]);
    const compared = rows.filter(({ place }) => place === "GPU float32");
    expect(compared.reduce((sum, { cases }) => sum + cases, 0)).toBe(count);
    expect([...report.notCovered]).toEqual([]);
  });
});
