// Sampling: the generator in WGSL, tokens against the CPU reference, frequencies against probabilities, and what a row's
// result may not depend on.

import { describe, expect, test } from "vitest";
import { SeededRandom, threefry2x32, uniformOf } from "../../src/common/random.ts";
import type { Recorder } from "../../src/gpu/index.ts";
import type { SamplingOptions } from "../../src/ops/sampling.ts";
import { sample, sampleReference } from "../../src/ops/sampling.ts";
import { expectClose, noise, sharedRecorder, upload, zeros } from "../harness.ts";

const NONE = 0xffffffff;
const SEED = [0x1234, 0xabcd] as const;
const PLAIN: SamplingOptions = { temperature: 1, topK: 0, topP: 1 };
// The sums of 5,003 weights in f32 and in f64 differ by less than this share; a draw nearer to an edge may go either way.
const EDGE = 2e-6;
// Half a unit in the last place of values up to 32, the driver's exp and log: a few 1e-6.
const LOG_PROB = { rtol: 1e-6, atol: 4e-6 };

interface Row {
  readonly key: number;
  readonly cached: number;
  readonly active: number;
  readonly remaining: number;
}

const rowOf = (key: number, change: Partial<Row> = {}): Row => ({
  key,
  cached: 10 + (key % 7),
  active: 1,
  remaining: 5,
  ...change,
});
const uniformFor = ({ key, cached }: Row): number => uniformOf(threefry2x32(SEED, [key, cached])[0]);

/** Samples once for `rows` with logits [R,V]; what the device then holds. */
async function run(
  recorder: Recorder,
  logits: Float32Array,
  rows: readonly Row[],
  options: SamplingOptions,
  stop: readonly number[] = [],
) {
  const stateWords = rows.flatMap(({ key, cached, active, remaining }, r) => [
    1,
    20 + r,
    2,
    3,
    cached,
    key,
    active,
    remaining,
  ]);
  const state = upload(recorder, stateWords, [rows.length, 8], "u32");
  const [step, steps] = [1, 3];
  const tokens = zeros(recorder, [steps, rows.length], "u32");
  const logProbs = zeros(recorder, [steps, rows.length]);
  const stopTokens = upload(
    recorder,
    Array.from({ length: 8 }, (_, i) => stop[i] ?? NONE),
    [8],
    "u32",
  );
  const vocab = logits.length / rows.length;
  const tensors = {
    logits: upload(recorder, logits, [rows.length, vocab]),
    state,
    stopTokens,
    tokens,
    logProbs,
  };
  sample(recorder, { ...tensors, ...options, rows: rows.length, vocab, step, seed: SEED });
  const history = await recorder.readU32(tokens);
  expect(
    [...history.slice(0, rows.length), ...history.slice(2 * rows.length)].every((word) => word === 0),
  ).toBe(true);
  return {
    tokens: history.slice(rows.length, 2 * rows.length),
    logProbs: await recorder.readF32(logProbs, rows.length, rows.length),
    state: await recorder.readU32(state),
  };
}

/** Logits [count,V] with a few strong entries, as a model's. */
function peaked(count: number, vocab: number, seed: number): Float32Array {
  return noise(count * vocab, seed).map((x) => 6 * x + 8 * x ** 15);
}

test("threefry in WGSL gives the words of threefry2x32", async () => {
  const code = `
    struct Params { count: u32 }
    @group(0) @binding(0) var<uniform> params: Params;
    @group(0) @binding(1) var<storage, read> inputs: array<vec4u>;
    @group(0) @binding(2) var<storage, read_write> outputs: array<vec2u>;
    @compute @workgroup_size(64)
    fn main(@builtin(global_invocation_id) id: vec3u) {
      if (id.x < params.count) { outputs[id.x] = threefry(inputs[id.x].xy, inputs[id.x].zw); }
    }`;
  const recorder = await sharedRecorder();
  const random = new SeededRandom(4);
  const words = Uint32Array.from({ length: 400 }, (_, i) => (i < 4 ? 0 : i < 8 ? NONE : random.nextU32()));
  const outputs = zeros(recorder, [100, 2], "u32");
  recorder.dispatch({
    kernel: recorder.gpu.compiler.kernel({ name: "threefry_test", code }, "main", { libs: ["threefry"] }),
    params: { count: 100 },
    tensors: { inputs: upload(recorder, words, [100, 4], "u32"), outputs },
    workgroups: [2],
    work: 1,
  });
  const expected = Array.from({ length: 100 }, (_, i) => {
    const [a, b, c, d] = words.subarray(4 * i, 4 * i + 4) as unknown as [number, number, number, number];
    return threefry2x32([a, b], [c, d]);
  });
  expect([...(await recorder.readU32(outputs))]).toEqual(expected.flat());
});

describe("tokens and log-probabilities equal the reference", () => {
  const variants: Record<string, SamplingOptions> = {
    plain: PLAIN,
    "temperature 0.7": { temperature: 0.7, topK: 0, topP: 1 },
    "top-k 1": { temperature: 1, topK: 1, topP: 1 },
    "top-k 5": { temperature: 1.3, topK: 5, topP: 1 },
    "top-p 0.9": { temperature: 0.7, topK: 0, topP: 0.9 },
    "top-p tiny": { temperature: 1, topK: 0, topP: 1e-9 },
    "top-p almost 1": { temperature: 1, topK: 0, topP: 1 - 2 ** -24 },
    "top-k 40, then top-p 0.5": { temperature: 1, topK: 40, topP: 0.5 },
    greedy: { temperature: 0, topK: 3, topP: 0.5 },
  };
  for (const [name, options] of Object.entries(variants)) {
    test(name, async () => {
      const recorder = await sharedRecorder();
      for (const vocab of [1, 63, 257, 1000, 5003]) {
        const rows = Array.from({ length: 65 }, (_, r) => rowOf(1000 + 31 * r));
        const logits = peaked(rows.length, vocab, vocab);
        const result = await run(recorder, logits, rows, options);
        const expected = rows.map((row, r) =>
          sampleReference(logits.slice(r * vocab, (r + 1) * vocab), uniformFor(row), options),
        );
        const clear = expected.map(({ margin }, r) => ({ margin, r })).filter(({ margin }) => margin > EDGE);
        // The cut of a top-p next to 1 is always near an edge.
        if (vocab > 1 && options.topP !== variants["top-p almost 1"]!.topP)
          expect(clear.length).toBeGreaterThan(60);
        expect(clear.map(({ r }) => result.tokens[r])).toEqual(clear.map(({ r }) => expected[r]!.token));
        const pick = (values: ArrayLike<number>): number[] => clear.map(({ r }) => values[r]!);
        expectClose(
          pick(result.logProbs),
          pick(expected.map(({ logProb }) => logProb)),
          LOG_PROB,
          `V ${vocab}`,
        );
      }
    });
  }

  test("of equal largest logits, greedy takes the first, and zeros of both signs are equal", async () => {
    const recorder = await sharedRecorder();
    const vocab = 600;
    const logits = new Float32Array(3 * vocab).fill(-2);
    for (const v of [300, 299, 555]) logits[v] = 7;
    for (const v of [44, 500]) logits[vocab + v] = v === 44 ? -0 : 0;
    const result = await run(recorder, logits, [rowOf(1), rowOf(2), rowOf(3)], {
      temperature: 0,
      topK: 0,
      topP: 1,
    });
    expect([...result.tokens]).toEqual([299, 44, 0]);
    expectClose(result.logProbs.slice(2), [-Math.log(vocab)], LOG_PROB);
  });

  test("entries equal to the k-th largest all stay", async () => {
    const recorder = await sharedRecorder();
    const vocab = 300;
    const one = new Float32Array(vocab).fill(-1);
    [7, 100, 180, 299].forEach((v, i) => (one[v] = i === 0 ? 3 : 2));
    const rows = Array.from({ length: 60 }, (_, r) => rowOf(r));
    const logits = Float32Array.from({ length: 60 * vocab }, (_, i) => one[i % vocab]!);
    const { tokens } = await run(recorder, logits, rows, { temperature: 1, topK: 2, topP: 1 });
    expect([...new Set(tokens)].toSorted((a, b) => a - b)).toEqual([7, 100, 180, 299]);
  });
});

describe("frequencies", () => {
  const vocab = 12;
  const one = Float32Array.from([0.3, -1, 2, 2, -30, 1.1, 0, -2, 1.7, 0.3, -0.5, 1]);
  // Chi-square with 10 degrees of freedom (one of twelve never occurs) exceeds 35.6 with probability 1e-4; with fewer
  // degrees, more rarely. The keys are fixed, so a pass stays a pass.
  const BOUND = 35.6;
  const variants: Record<string, SamplingOptions> = {
    plain: PLAIN,
    "temperature 0.7": { ...PLAIN, temperature: 0.7 },
    "top-k 4": { ...PLAIN, topK: 4 },
    "top-p 0.85": { ...PLAIN, topP: 0.85 },
  };
  /** Chi-square of the counts against the probabilities; fails where something was counted that cannot occur. */
  function chiSquareOf(drawn: Iterable<number>, options: SamplingOptions): number {
    const counts = Array.from(one, () => 0);
    let draws = 0;
    for (const token of drawn) {
      counts[token]!++;
      draws++;
    }
    const kept = keptByHand(options);
    const weights = Array.from(one, (x, v) => (kept.has(v) ? Math.exp(x / options.temperature) : 0));
    const total = weights.reduce((a, b) => a + b, 0);
    return weights.reduce((sum, w, v) => {
      const expected = (draws * w) / total;
      if (expected > 1) return sum + (counts[v]! - expected) ** 2 / expected;
      expect(counts[v]).toBe(0);
      return sum;
    }, 0);
  }

  for (const [name, options] of Object.entries(variants)) {
    // A software adapter in a browser takes 2 ms a row, so the device draws fewer, and the reference what it would draw.
    test(`of 20,000 draws follow the probabilities, and the device draws the same: ${name}`, async () => {
      const recorder = await sharedRecorder();
      const rows = Array.from({ length: 20_000 }, (_, key) => rowOf(key, { cached: 3 }));
      const expected = rows.map((row) => sampleReference(one, uniformFor(row), options));
      expect(
        chiSquareOf(
          expected.map(({ token }) => token),
          options,
        ),
      ).toBeLessThan(BOUND);
      const count = options.topK + options.topP === 1 ? 2000 : 500;
      const logits = Float32Array.from({ length: count * vocab }, (_, i) => one[i % vocab]!);
      const { tokens } = await run(recorder, logits, rows.slice(0, count), options);
      expect(chiSquareOf(tokens, options)).toBeLessThan(BOUND);
      const differing = expected
        .slice(0, count)
        .filter(({ token, margin }, r) => margin > EDGE && token !== tokens[r]);
      expect(differing).toEqual([]);
    });
  }

  /** On paper: 2, 2, 1.7, 1.1 and 1 hold 0.844 of the mass; one 0.3 more makes 0.888, and the other equals it. */
  function keptByHand({ topK, topP }: SamplingOptions): Set<number> {
    if (topK === 4) return new Set([2, 3, 8, 5]);
    if (topP === 0.85) return new Set([2, 3, 8, 5, 11, 0, 9]);
    return new Set(one.keys());
  }
});

describe("rows", () => {
  test("an active row among inactive ones advances alone", async () => {
    const recorder = await sharedRecorder();
    const vocab = 257;
    const rows = Array.from({ length: 5 }, (_, r) => rowOf(50 + r, { active: r === 3 ? 1 : 0 }));
    const logits = peaked(5, vocab, 9);
    const { tokens, logProbs, state } = await run(recorder, logits, rows, PLAIN);
    const expected = sampleReference(logits.slice(3 * vocab, 4 * vocab), uniformFor(rows[3]!), PLAIN);
    expect([...tokens]).toEqual([NONE, NONE, NONE, expected.token, NONE]);
    expect([...logProbs].map((x) => x === 0)).toEqual([true, true, true, false, true]);
    const { cached } = rows[3]!;
    expect(Array.from(state.slice(24, 32))).toEqual([expected.token, 24, 2, 3, cached + 1, 53, 1, 4]);
    expect(Array.from(state.slice(0, 8))).toEqual([1, 20, 2, 3, rows[0]!.cached, 50, 0, 5]);
  });

  test("a row ends with a stop token or with its last token, and not otherwise", async () => {
    const recorder = await sharedRecorder();
    const logits = Float32Array.from([0, 9, 0, 0, 0, 9, 9, 0, 0]);
    const rows = [rowOf(1), rowOf(2), rowOf(3, { remaining: 1 })];
    const { tokens, state } = await run(recorder, logits, rows, { ...PLAIN, temperature: 0 }, [7, 2]);
    expect([...tokens]).toEqual([1, 2, 0]);
    expect([6, 14, 22].map((i) => state[i])).toEqual([1, 0, 0]);
    expect([7, 15, 23].map((i) => state[i])).toEqual([4, 4, 0]);
  });

  test("the same row in another slot gives the same token and the same bits", async () => {
    const recorder = await sharedRecorder();
    const [count, vocab] = [9, 1000];
    const logits = peaked(count, vocab, 77);
    const rows = Array.from({ length: count }, (_, r) => rowOf(400 + r, { cached: 5 * r }));
    const options = { temperature: 0.8, topK: 50, topP: 0.95 };
    const straight = await run(recorder, logits, rows, options);
    const order = [4, 0, 8, 2, 6, 1, 7, 3, 5];
    const moved = Float32Array.from(
      order.flatMap((r) => Array.from(logits.slice(r * vocab, (r + 1) * vocab))),
    );
    const shuffled = await run(
      recorder,
      moved,
      order.map((r) => rows[r]!),
      options,
    );
    expect([...shuffled.tokens]).toEqual(order.map((r) => straight.tokens[r]));
    expect([...shuffled.logProbs]).toEqual(order.map((r) => straight.logProbs[r]));
  });

  test("a row that holds NaN still gives a token of the vocabulary", async () => {
    const recorder = await sharedRecorder();
    const logits = peaked(1, 300, 5);
    logits[123] = NaN;
    const { tokens } = await run(recorder, logits, [rowOf(1)], { temperature: 1, topK: 20, topP: 0.9 });
    expect(tokens[0]).toBeLessThan(300);
  });
});
