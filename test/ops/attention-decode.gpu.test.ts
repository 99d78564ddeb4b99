// attention_decode and kv_cache: against the CPU references, against the last row of packed attention, and bit-identity
// of a row wherever it lies.

import { describe, expect, test } from "vitest";
import type { Recorder } from "../../src/gpu/index.ts";
import type { AttentionSizes } from "../../src/ops/attention.ts";
import { attentionReference } from "../../src/ops/attention.ts";
import { attentionDecode, attentionDecodeReference, groupHeads } from "../../src/ops/attention-decode.ts";
import {
  kvAppend,
  kvAppendReference,
  kvStorePrompt,
  kvStorePromptReference,
  NO_SLOT,
} from "../../src/ops/kv-cache.ts";
import { expectClose, noise, openRecorder, sharedRecorder, upload, zeros } from "../harness.ts";

// Up to 500 products of numbers below 1, and exp2 of a software adapter (a few 1e-7).
const TOLERANCE = { rtol: 2e-5, atol: 3e-6 };

const sizesOf = (heads: number, kvHeads: number, headSize: number): AttentionSizes => ({
  heads,
  kvHeads,
  headSize,
  scale: 1 / Math.sqrt(headSize),
});
const columns = ({ heads, kvHeads, headSize }: AttentionSizes): number => (heads + 2 * kvHeads) * headSize;

interface Row {
  readonly slot: number;
  readonly promptLength: number;
  readonly cached: number;
  readonly active?: number;
}

const stateOf = (rows: readonly Row[]): Uint32Array =>
  Uint32Array.from(
    rows.flatMap(({ slot, promptLength, cached, active = 1 }) => [
      5,
      promptLength + cached,
      slot,
      promptLength,
      cached,
      9,
      active,
      3,
    ]),
  );

interface Case extends AttentionSizes {
  readonly rows: readonly Row[];
  readonly slots: number;
  readonly maxPrompt: number;
  readonly maxNew: number;
}

const inputs = (c: Case) => ({
  qkv: noise(c.rows.length * columns(c), 1).map((x) => 2 * x),
  state: stateOf(c.rows),
  promptCache: noise(c.slots * c.maxPrompt * 2 * c.kvHeads * c.headSize, 2),
  rowCache: noise(c.rows.length * c.maxNew * 2 * c.kvHeads * c.headSize, 3),
});

/** Appends, then attends; what both leave behind. `UNTOUCHED` stands in rows that were not written. */
async function run(
  c: Case,
  data: ReturnType<typeof inputs>,
  given?: Recorder,
): Promise<{ out: Float32Array; rowCache: Float32Array }> {
  const recorder = given ?? (await sharedRecorder());
  const width = 2 * c.kvHeads * c.headSize;
  const args = {
    ...c,
    rows: c.rows.length,
    qkv: upload(recorder, data.qkv),
    state: upload(recorder, data.state, [c.rows.length, 8], "u32"),
    promptCache: upload(recorder, data.promptCache, [c.slots, c.maxPrompt, width]),
    rowCache: upload(recorder, data.rowCache, [c.rows.length, c.maxNew, width]),
    out: upload(recorder, Array<number>(c.rows.length * c.heads * c.headSize).fill(UNTOUCHED)),
  };
  const { qkv, state, rowCache, rows, maxNew, heads, kvHeads, headSize } = args;
  kvAppend(recorder, { qkv, state, rowCache, rows, maxNew, heads, kvHeads, headSize });
  attentionDecode(recorder, args);
  return { out: await recorder.readF32(args.out), rowCache: await recorder.readF32(rowCache) };
}
const UNTOUCHED = 77;

describe("attention_decode", () => {
  const rows: readonly Row[] = [
    { slot: 2, promptLength: 63, cached: 0 },
    { slot: 0, promptLength: 1, cached: 64 },
    { slot: 1, promptLength: 257, cached: 130 },
    { slot: 1, promptLength: 257, cached: 3, active: 0 },
    { slot: 0, promptLength: 0, cached: 0 },
    { slot: 0, promptLength: 128, cached: 127 },
  ];
  for (const [heads, kvHeads, headSize] of [
    [1, 1, 16],
    [4, 2, 32],
    [7, 1, 64],
    [14, 2, 64],
    [2, 2, 80],
    [2, 1, 128],
    [16, 1, 128],
    [3, 1, 36],
  ] as const) {
    test(`with ${heads}/${kvHeads} heads of ${headSize} equals the reference`, async () => {
      const c = { ...sizesOf(heads, kvHeads, headSize), rows, slots: 3, maxPrompt: 257, maxNew: 131 };
      const data = inputs(c);
      const { out, rowCache } = await run(c, data);
      kvAppendReference(data.qkv, data.state, data.rowCache, c.maxNew, c);
      expectClose(rowCache, data.rowCache, { rtol: 0, atol: 0 }, "row cache");
      const reference = attentionDecodeReference(data.qkv, data.state, data.promptCache, data.rowCache, c);
      reference.fill(UNTOUCHED, 3 * heads * headSize, 4 * heads * headSize);
      expectClose(out, reference, TOLERANCE, "out");
    });
  }

  test("equals the reference in workgroups of 64", async () => {
    const { compiler } = (await sharedRecorder()).gpu;
    const before = compiler.workgroupSize;
    compiler.workgroupSize = 64;
    try {
      const c = { ...sizesOf(4, 2, 128), rows, slots: 3, maxPrompt: 257, maxNew: 131 };
      const data = inputs(c);
      const { out, rowCache } = await run(c, data);
      const reference = attentionDecodeReference(data.qkv, data.state, data.promptCache, rowCache, c);
      reference.fill(UNTOUCHED, 3 * c.heads * c.headSize, 4 * c.heads * c.headSize);
      expectClose(out, reference, TOLERANCE, "out");
    } finally {
      compiler.workgroupSize = before;
    }
  });

  test("gives a row the same bits in another slot, with another prompt slot and other rows", async () => {
    const sizes = sizesOf(4, 2, 32);
    const width = 2 * sizes.kvHeads * sizes.headSize;
    const [maxPrompt, maxNew] = [200, 140];
    const one = {
      ...sizes,
      rows: [{ slot: 0, promptLength: 150, cached: 135 }],
      slots: 1,
      maxPrompt,
      maxNew,
    };
    const many = {
      ...one,
      rows: [rows[4]!, { ...rows[1]!, slot: 3 }, { ...one.rows[0]!, slot: 2 }],
      slots: 4,
    };
    const alone = inputs(one);
    const among = inputs(many);
    among.qkv.set(alone.qkv, 2 * columns(sizes));
    among.promptCache.set(alone.promptCache, 2 * maxPrompt * width);
    among.rowCache.set(alone.rowCache, 2 * maxNew * width);
    const a = (await run(one, alone)).out;
    const b = (await run(many, among)).out.slice(2 * sizes.heads * sizes.headSize);
    expect(new Uint32Array(b.buffer)).toEqual(new Uint32Array(a.buffer));
  });

  test("gives the same bits cut into dispatches of one workgroup", async () => {
    const c = { ...sizesOf(4, 2, 32), rows, slots: 3, maxPrompt: 257, maxNew: 131 };
    const data = inputs(c);
    const recorder = await openRecorder();
    const whole = await run(c, data, recorder);
    Object.defineProperty(recorder.pace, "chunkWork", { value: 1 });
    expect(await run(c, data, recorder)).toEqual(whole);
  });

  test("after a stored prompt equals the last row of packed attention", async () => {
    const sizes = sizesOf(4, 2, 32);
    const [prompt, response, slot, slots] = [37, 30, 1, 2];
    const [maxPrompt, maxNew] = [40, 33];
    const [stride, width] = [columns(sizes), 2 * sizes.kvHeads * sizes.headSize];
    const length = prompt + response;
    const qkv = noise(length * stride, 4);
    const sequence = { start: 0, end: length, promptStart: 0, promptEnd: 0, visibleEnd: length };
    const full = attentionReference(qkv, [sequence], sizes).out;
    const recorder = await sharedRecorder();
    const promptCache = zeros(recorder, [slots, maxPrompt, width]);
    const slotOf = Uint32Array.from({ length }, (_, n) => (n < prompt ? slot : NO_SLOT));
    const positionOf = Uint32Array.from({ length }, (_, n) => n);
    kvStorePrompt(recorder, {
      ...sizes,
      qkv: upload(recorder, qkv),
      slotOf: upload(recorder, slotOf, [length], "u32"),
      positionOf: upload(recorder, positionOf, [length], "u32"),
      promptCache,
      rows: length,
      maxPrompt,
    });
    const stored = new Float32Array(slots * maxPrompt * width);
    kvStorePromptReference(qkv, slotOf, positionOf, stored, maxPrompt, sizes);
    expectClose(await recorder.readF32(promptCache), stored, { rtol: 0, atol: 0 }, "prompt cache");
    const rowCache = zeros(recorder, [1, maxNew, width]);
    const out = zeros(recorder, [1, sizes.heads * sizes.headSize]);
    for (let t = 0; t < response; t++) {
      const args = {
        ...sizes,
        qkv: upload(recorder, qkv.subarray((prompt + t) * stride, (prompt + t + 1) * stride)),
        state: upload(recorder, stateOf([{ slot, promptLength: prompt, cached: t }]), [1, 8], "u32"),
        rowCache,
        rows: 1,
        maxNew,
      };
      kvAppend(recorder, args);
      attentionDecode(recorder, { ...args, promptCache, maxPrompt, out });
    }
    expectClose(
      await recorder.readF32(out),
      full.subarray((length - 1) * sizes.heads * sizes.headSize),
      TOLERANCE,
      "last row",
    );
  });

  test("serves up to eight heads in one workgroup", () => {
    expect(
      [
        [1, 1],
        [4, 2],
        [14, 2],
        [16, 1],
        [12, 1],
        [11, 1],
      ].map(([h, k]) => groupHeads(h!, k!)),
    ).toEqual([1, 2, 7, 8, 6, 1]);
  });
});
