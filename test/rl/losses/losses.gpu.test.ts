// Every loss of the list against its reference on the device: ragged batches of odd sizes, settings under which each does all
// it can. A new loss is tested here as soon as it is in the list.

import { describe, expect, test } from "vitest";

import { GpuAllocator } from "../../../src/gpu/index.ts";
import { POLICY_LOSSES } from "../../../src/rl/losses/index.ts";
import { allocateLossMemory, readLossStats } from "../../../src/rl/losses/launch.ts";
import { randomPerToken } from "../../../src/rl/losses/selection.ts";
import { sharedRecorder } from "../../harness.ts";
import { eachWorkgroupSize } from "../../variants.ts";
import { objective, paramsOf, part, sample, sampleBySequence } from "./batches.ts";
import { expectReference, run } from "./device.ts";

describe.each(POLICY_LOSSES)("$id", (loss) => {
  const what = { ...objective, loss, params: paramsOf(loss) };

  test.each([1, 63, 257])("agrees with its reference over %i tokens", (rows) =>
    expectReference(sample(rows, rows), what),
  );

  test("agrees with its reference on one advantage per response", () =>
    expectReference(sampleBySequence(65, 7), what));

  test("agrees with its reference where tokens are masked, also on spoilt numbers of theirs", async () => {
    const { policy, batch } = sample(65, 9);
    const mask = Array.from(batch.advantage, (_, r) => (r % 3 === 2 || (r > 0 && r < 9) ? 0 : 1));
    const logProb = policy.logProb.map((value, r) => (mask[r] === 1 ? value : 400));
    const penaltyWeight = Array.from(batch.penaltyWeight!, (weight, r) => weight * mask[r]!);
    await expectReference({ policy: { ...policy, logProb }, batch: { ...batch, mask, penaltyWeight } }, what);
  });

  // clip_cov and kl_cov choose within a micro-batch, as in verl.
  test.skipIf(loss.selection)("one micro-batch is eight of them, gradient by gradient", async () => {
    const recorder = await sharedRecorder();
    const all = sample(63, 4);
    const sequences = all.batch.sequenceStarts.length - 1;
    const whole = await run(recorder, all.policy, all.batch, what);
    const memory = allocateLossMemory(new GpuAllocator(recorder.gpu), 63);
    const parts: number[] = [];
    for (let s = 0; s < sequences; s++) {
      const { policy, batch } = part(all, s, s + 1);
      parts.push(...(await run(recorder, policy, batch, what, memory)).dLogProb);
    }
    const scale = Math.max(...whole.dLogProb.map(Math.abs));
    parts.forEach((d, r) => expect(Math.abs(d - whole.dLogProb[r]!) / scale).toBeLessThan(1e-5));
    const [one, many] = [await readLossStats(recorder, whole.memory), await readLossStats(recorder, memory)];
    for (const key of ["pgLoss", "klLoss", "clippedHigh", "tokens"] as const)
      expect(many[key], key).toBeCloseTo(one[key], 4);
  });

  test("is the plain policy gradient to the bit where the policy is its own old policy", async () => {
    const { policy, batch } = sampleBySequence(65, 3);
    const ones = Array.from(policy.logProb, () => 1);
    const plain = { ...what, kl: { ...what.kl!, coef: 0 }, entropyCoef: 0 };
    const { dLogProb } = await run(
      await sharedRecorder(),
      policy,
      { ...batch, samplerWeight: ones, oldLogProb: "current" },
      // A token that clip_cov leaves out has no gradient; the penalty of kl_cov has none where nothing has moved.
      loss.id === "clip_cov" ? { ...plain, params: { ...plain.params, low: 1e9, high: 2e9 } } : plain,
    );
    const atOne = loss.id === "geo_mean" ? 2e-7 : 0;
    dLogProb.forEach((d, r) => {
      const wanted = Math.fround(-batch.advantage[r]! * batch.weight[r]!);
      expect(Math.abs(d - wanted)).toBeLessThanOrEqual(atOne * Math.abs(wanted));
    });
  });
});

describe("a loss that selects tokens", () => {
  const losses = POLICY_LOSSES.filter(({ selection }) => selection);

  test.each(losses)("$id selects the same with every workgroup size", async (loss) =>
    eachWorkgroupSize(await sharedRecorder(), () =>
      expectReference(sample(257, 21), { ...objective, loss, params: paramsOf(loss) }),
    ),
  );

  test.each(losses)("$id gives the same to the bit for the same numbers", async (loss) => {
    const recorder = await sharedRecorder();
    const memory = allocateLossMemory(new GpuAllocator(recorder.gpu), 257);
    const once = async (seed: number): Promise<number[]> => {
      const { policy, batch } = sample(257, 5);
      const drawn = { ...batch, random: randomPerToken([seed, 1], 257) };
      const what = { ...objective, loss, params: paramsOf(loss) };
      return [...(await run(recorder, policy, drawn, what, memory)).dLogProb];
    };
    const first = await once(1);
    expect(await once(1)).toEqual(first);
    const isSame = (await once(2)).every((d, r) => d === first[r]);
    expect(isSame).toBe(!loss.selection!.isRandom);
  });
});
