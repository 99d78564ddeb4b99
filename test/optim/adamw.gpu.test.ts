// adamw: GPU and CPU reference against PyTorch, GPU against the reference at odd sizes and on ranges, and the step that
// must not happen.

import { describe, expect, test } from "vitest";
import type { Recorder, Tensor } from "../../src/gpu/index.ts";
import { adamw, adamwReference } from "../../src/optim/adamw.ts";
import { gradNorm, gradNormReference } from "../../src/optim/grad-norm.ts";
import { expectClose, noise, openRecorder, sharedRecorder, upload, zeros } from "../harness.ts";
import { eachWorkgroupSize, inChunksOf } from "../variants.ts";

/**
 * Per element a dozen roundings, a root of at most 4.5 units in the last place and a division of 2.5. m may be what two
 * terms of up to 0.2 left.
 */
const TOLERANCE = {
  params: { rtol: 1e-6, atol: 2e-9 },
  m: { rtol: 1e-6, atol: 2e-8 },
  v: { rtol: 1e-6, atol: 0 },
};

const SETTINGS = { lr: 1e-3, beta1: 0.9, beta2: 0.98, eps: 1e-8, weightDecay: 0.1 };

/**
 * torch 2.13.0, AdamW(betas=(0.9, 0.98), eps=1e-8, weight_decay=0.1) after clip_grad_norm_([p], 1.0); foreach and single
 * tensor agree to the last digit.
 */
const TORCH_START = [0.5, -1.25, 3.0, 1e-3, 0.0, -0.75, 2.0];
const TORCH_STEPS = [
  {
    lr: 1e-3,
    grads: [0.3, -2.0, 0.01, 1e-4, 0.0, 5.0, 0.0],
    norm: 5.39352369,
    params: [0.498950005, -1.2488749, 2.99870014, 4.39118594e-7, 0.0, -0.750925004, 1.99979997],
    m: [0.00556222582, -0.0370815061, 0.000185407509, 1.85407521e-6, 0.0, 0.0927037597, 0.0],
    v: [6.18767081e-5, 0.00275007566, 6.87518948e-8, 6.87518922e-12, 0.0, 0.0171879735, 0.0],
  },
  {
    lr: 2e-3,
    grads: [-0.1, -1.5, 0.02, -1e-4, 0.0, 0.5, 1e-6],
    norm: 1.58442426,
    params: [0.499081075, -1.24675739, 2.99644089, 0.00104644895, 0.0, -0.752529919, 1.99795115],
    m: [-0.00130543334, -0.128044918, 0.00142915407, -4.64276945e-6, 0.0, 0.11499057, 6.31143706e-8],
    v: [0.000140307646, 0.0206204783, 3.2541152e-6, 8.640616e-11, 0.0, 0.0188359264, 7.96684716e-15],
  },
  {
    lr: 5e-4,
    grads: [0.2, 0.25, -0.03, 3e-4, 0.0, -1.0, 0.0],
    norm: 1.05042851,
    params: [0.498783976, -1.24641502, 2.99644995, 0.00078307197, 0.0, -0.75251168, 1.99757135],
    m: [0.0178649426, -0.0914406404, -0.00156973593, 2.43812556e-5, 0.0, 0.00829235278, 5.68029321e-8],
    v: [0.000862531888, 0.0213409308, 1.95022149e-5, 1.71599646e-9, 0.0, 0.0365849659, 7.8075101e-15],
  },
];
/** Two sequences of f32 roundings over three steps; m near zero is what two terms left. */
const TORCH_TOLERANCE = {
  params: { rtol: 5e-7, atol: 2e-9 },
  m: { rtol: 1e-6, atol: 1e-9 },
  v: { rtol: 1e-6, atol: 0 },
};

const POOLS = ["params", "m", "v"] as const;
type Pools = Record<"params" | "grads" | "m" | "v", Float32Array>;

/** Pools of a run under way: v is not negative, and some of it is zero where m is. */
function somePools(count: number, seed: number): Pools {
  const touched = noise(count, seed).map((value) => (value > -0.8 ? 1 : 0));
  return {
    params: noise(count, seed + 1),
    grads: noise(count, seed + 2).map((value, i) => value * touched[i]!),
    m: noise(count, seed + 3).map((value, i) => 0.1 * value * touched[i]!),
    v: noise(count, seed + 4).map((value, i) => 0.1 * value * value * touched[i]!),
  };
}

const uploadPools = (recorder: Recorder, pools: Pools): Record<keyof Pools, Tensor> => ({
  params: upload(recorder, pools.params),
  grads: upload(recorder, pools.grads),
  m: upload(recorder, pools.m),
  v: upload(recorder, pools.v),
});

const copy = (pools: Pools): Pools => ({
  params: pools.params.slice(),
  grads: pools.grads,
  m: pools.m.slice(),
  v: pools.v.slice(),
});

/** The reference on elements [start, start + count). */
function referenceRange(pools: Pools, scale: number, step: number, start: number, count: number): Pools {
  const after = copy(pools);
  const part = (values: Float32Array): Float32Array => values.subarray(start, start + count);
  const range = { params: part(after.params), grads: part(after.grads), m: part(after.m), v: part(after.v) };
  adamwReference(range, scale, { ...SETTINGS, step });
  return after;
}

async function expectPools(
  recorder: Recorder,
  tensors: Record<keyof Pools, Tensor>,
  reference: Pools,
): Promise<void> {
  for (const name of POOLS)
    expectClose(await recorder.readF32(tensors[name]), reference[name], TOLERANCE[name], name);
}

describe("adamw", () => {
  test("three clipped steps equal PyTorch's, on the device and in the reference", async () => {
    const recorder = await sharedRecorder();
    const state = { params: Float32Array.from(TORCH_START), m: new Float32Array(7), v: new Float32Array(7) };
    const tensors = {
      params: upload(recorder, TORCH_START),
      m: zeros(recorder, [7]),
      v: zeros(recorder, [7]),
    };
    const [partial, norm] = [zeros(recorder, [1]), zeros(recorder, [4])];
    for (const [k, expected] of TORCH_STEPS.entries()) {
      const settings = { ...SETTINGS, lr: expected.lr, step: k + 1 };
      const grads = upload(recorder, expected.grads);
      gradNorm(recorder, { grads: [grads], partial, result: norm, maxNorm: 1 });
      adamw(recorder, { ...tensors, grads, norm, ...settings });
      const clipping = gradNormReference([Float32Array.from(expected.grads)], 1);
      adamwReference({ ...state, grads: Float32Array.from(expected.grads) }, clipping.scale, settings);
      expect(clipping.norm).toBeCloseTo(expected.norm, 6);
      expect((await recorder.readF32(norm))[0]).toBeCloseTo(expected.norm, 6);
      for (const name of POOLS) {
        expectClose(state[name], expected[name], TORCH_TOLERANCE[name], `reference ${name}, step ${k + 1}`);
        expectClose(
          await recorder.readF32(tensors[name]),
          expected[name],
          TORCH_TOLERANCE[name],
          `${name}, step ${k + 1}`,
        );
      }
    }
  });

  for (const count of [1, 63, 65, 257, 4097, 100_003]) {
    test(`a step on ${count} elements equals the reference`, async () => {
      const recorder = await sharedRecorder();
      const pools = somePools(count, 1);
      const norm = upload(recorder, [2, 0.5, 1, 0]);
      const expected = referenceRange(pools, 0.5, 7, 0, count);
      await eachWorkgroupSize(recorder, async () => {
        const tensors = uploadPools(recorder, pools);
        adamw(recorder, { ...tensors, norm, ...SETTINGS, step: 7 });
        await expectPools(recorder, tensors, expected);
      });
    });
  }

  test("a step on a range leaves the rest, in small chunks and where a pool exceeds a binding", async () => {
    const [total, start, count] = [40_001, 4_711, 30_000];
    const pools = somePools(total, 10);
    const expected = referenceRange(pools, 1, 3, start, count);
    const small = await openRecorder({ maxBindingBytes: 16384 * 2 + 100 });
    for (const recorder of [await sharedRecorder(), small]) {
      const tensors = uploadPools(recorder, pools);
      const norm = upload(recorder, [1, 1, 1, 0]);
      await inChunksOf(recorder, 40 * 3000, async () => {
        adamw(recorder, { ...tensors, norm, start, count, ...SETTINGS, step: 3 });
        await expectPools(recorder, tensors, expected);
      });
    }
    small.gpu.destroy();
  });

  test("ranges that begin and end anywhere leave their neighbours", async () => {
    const recorder = await sharedRecorder();
    const pools = somePools(13, 40);
    const norm = upload(recorder, [1, 1, 1, 0]);
    for (const [start, count] of [
      [0, 1],
      [1, 2],
      [3, 1],
      [2, 3],
      [1, 12],
      [4, 4],
      [5, 0],
      [12, 1],
    ] as const) {
      const tensors = uploadPools(recorder, pools);
      adamw(recorder, { ...tensors, norm, start, count, ...SETTINGS, step: 3 });
      await expectPools(recorder, tensors, referenceRange(pools, 1, 3, start, count));
    }
  });

  test("nothing changes, to the bit, when a gradient is not finite", async () => {
    const recorder = await sharedRecorder();
    const pools = somePools(301, 20);
    pools.grads[123] = NaN;
    const tensors = uploadPools(recorder, pools);
    const norm = zeros(recorder, [4]);
    gradNorm(recorder, { grads: [tensors.grads], partial: zeros(recorder, [1]), result: norm, maxNorm: 1 });
    adamw(recorder, { ...tensors, norm, ...SETTINGS, step: 2 });
    for (const name of POOLS)
      expect([...(await recorder.readF32(tensors[name]))], name).toEqual([...pools[name]]);
  });

  test("refuses a step before the first, pools of different sizes and a range outside", async () => {
    const recorder = await sharedRecorder();
    const tensors = uploadPools(recorder, somePools(10, 30));
    const args = { ...tensors, norm: zeros(recorder, [4]), ...SETTINGS, step: 1 };
    expect(() => adamw(recorder, { ...args, step: 0 })).toThrow("from 1");
    expect(() => adamw(recorder, { ...args, v: zeros(recorder, [11]) })).toThrow("10 elements needed");
    expect(() => adamw(recorder, { ...args, start: 5, count: 6 })).toThrow("not 5 to 11");
  });
});
