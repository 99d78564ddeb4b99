// Start-up measurement that picks a matrix-product kernel per form and storage of B. A kernel that computes wrongly on
// this device is never picked. Every candidate is compiled, which takes seconds on a software adapter; products work
// without this, by the defaults of matmul-variants.ts.

import { packF16 } from "../common/f16.ts";
import type { Blocks4 } from "../common/q4.ts";
import { packQ4, Q4_BLOCK } from "../common/q4.ts";
import type { Recorder, Tensor } from "../gpu/index.ts";
import { GpuAllocator } from "../gpu/index.ts";
import type { MatmulChoice, MatmulForm, MatmulVariant, SkinnyVariant } from "./matmul-variants.ts";
import {
  choiceKey,
  FAST_VARIANTS,
  MATMUL_FORMS,
  matmulChoice,
  setMatmulChoice,
  SKINNY_VARIANTS,
  supportsVariant,
} from "./matmul-variants.ts";
import type { MatmulArgs } from "./matmul.ts";
import { matmulSkinnyWith, matmulWith } from "./matmul.ts";

/** 4-bit blocks with zero points are read like those without. */
const STORAGES = ["f32", "f16", "q4"] as const;
export type MeasuredStorage = (typeof STORAGES)[number];
/** A gradient of weights, tn, multiplies activations, which are f32. */
const formsOf = (storage: MeasuredStorage): readonly MatmulForm[] =>
  storage === "f32" ? MATMUL_FORMS : MATMUL_FORMS.filter((form) => form !== "tn");

/**
 * Rows, columns and depth of what is timed; how often in a sample, to see past the cost of a submit; and the number of
 * rounds in which every candidate is timed once, of which its fastest counts.
 */
const SLOW = { m: 128, n: 256, k: 256, repeats: 1, rounds: 3 } as const;
const FAST = { m: 512, n: 1024, k: 1024, repeats: 8, rounds: 5 } as const;
/** A device that takes less for one SLOW product, milliseconds (34 GFLOP/s), is timed with FAST ones. */
const FAST_MS = 0.5;
/** Rows when decoding: a batch of rollouts. */
const DECODE_ROWS = 16;
/** Anything but the default must be this much faster: noise should not change what a device computes with. */
const MARGIN = 1.15;
/** Largest relative distance from the naive kernel, which adds up to 1024 products in another order. */
const TOLERANCE = 1e-5;

/** Something to compute in several ways. */
interface Probe<Name extends string> {
  readonly c: Tensor;
  /** In the order of preference. */
  readonly candidates: readonly Name[];
  readonly record: (name: Name | "naive") => void;
  readonly repeats: number;
  readonly rounds: number;
}

/** Measures products with weights in `storages`, makes later ones on this device use the result, and returns all that is chosen. */
export async function chooseMatmul(
  recorder: Recorder,
  storages: readonly MeasuredStorage[] = STORAGES,
): Promise<MatmulChoice> {
  const { gpu } = recorder;
  const allocator = new GpuAllocator(gpu);
  const before = matmulChoice(gpu);
  const products: Record<string, MatmulVariant> = { ...before.products };
  const skinny: Record<string, SkinnyVariant> = { ...before.skinny };
  try {
    const operands = makeOperands(recorder, allocator);
    const size = (await isFast(recorder, operands)) ? FAST : SLOW;
    const { repeats, rounds } = size;
    for (const type of storages) {
      for (const form of formsOf(type)) {
        const candidates = FAST_VARIANTS.filter((name) => supportsVariant(gpu, name));
        const args = productOf(operands, form, type, size);
        const record = (name: MatmulVariant): void => matmulWith(recorder, name, args);
        products[choiceKey(form, type)] =
          (await best<MatmulVariant>(recorder, { c: args.c, candidates, record, repeats, rounds })) ??
          "naive";
      }
      const candidates = SKINNY_VARIANTS.filter((name) => supportsVariant(gpu, name));
      const args = productOf(operands, "nt", type, { ...size, m: DECODE_ROWS });
      const record = (name: SkinnyVariant | "naive"): void => matmulSkinnyWith(recorder, name, args);
      const winner = await best(recorder, { c: args.c, candidates, record, repeats, rounds });
      if (winner) skinny[type] = winner;
    }
  } finally {
    allocator.destroy();
  }
  setMatmulChoice(gpu, { products, skinny });
  return { products, skinny };
}

type Operands = Readonly<Record<"a" | "c" | MeasuredStorage, Tensor>>;

function makeOperands(recorder: Recorder, allocator: GpuAllocator): Operands {
  const { m, n, k } = FAST;
  const a = allocator.tensor("system", "matmul_choice.a", [m * k]);
  const f32 = allocator.tensor("system", "matmul_choice.b", [n * k]);
  const f16 = allocator.tensor("system", "matmul_choice.b16", [n * k], "f16");
  const values = Float32Array.from({ length: n * k }, (_, i) => ((i * 2654435761) % 1021) / 1021 - 0.5);
  recorder.write(a, values.subarray(0, m * k));
  recorder.write(f32, values);
  recorder.write(f16, packF16(values));
  // The same blocks again and again: what they hold does not matter, only that it is not zero.
  const q4 = allocator.tensor("system", "matmul_choice.b4", [n * k], "q4");
  recorder.write(q4, packQ4(someBlocks(n, k), n, k, "q4"));
  return { a, f32, f16, q4, c: allocator.tensor("system", "matmul_choice.c", [m * n]) };
}

const someBlocks = (rows: number, inputs: number): Blocks4 => ({
  blockSize: Q4_BLOCK,
  values: Uint8Array.from({ length: (rows * inputs) / 2 }, (_, i) => (i * 2654435761) >>> 24),
  scales: new Float32Array((rows * inputs) / Q4_BLOCK).fill(1 / 16),
});

type Size = Readonly<Record<"m" | "n" | "k", number>>;

const productOf = (
  { a, c, ...b }: Operands,
  form: MatmulForm,
  type: MeasuredStorage,
  { m, n, k }: Size,
): MatmulArgs => ({
  form,
  m,
  n,
  k,
  a,
  b: b[type],
  c,
});

/** Whether SLOW products would measure latency: by what four more of them cost. */
async function isFast(recorder: Recorder, operands: Operands): Promise<boolean> {
  const args = productOf(operands, "nn", "f32", SLOW);
  const record = (): void => matmulWith(recorder, FAST_VARIANTS[0]!, args);
  await milliseconds(recorder, record, 1);
  const one = await milliseconds(recorder, record, 1);
  return (await milliseconds(recorder, record, 5)) - one < 4 * FAST_MS;
}

/** The fastest candidate that is right, the first one unless beaten by the margin; undefined when none is right. */
async function best<Name extends string>(recorder: Recorder, probe: Probe<Name>): Promise<Name | undefined> {
  const right = await rightOnes(recorder, probe);
  const times = new Map(right.map((name) => [name, Infinity]));
  for (let round = 0; round < probe.rounds; round++) {
    for (const name of right) {
      times.set(
        name,
        Math.min(times.get(name)!, await milliseconds(recorder, () => probe.record(name), probe.repeats)),
      );
    }
  }
  const [first] = right;
  if (first === undefined) return undefined;
  const fastest = right.reduce((a, b) => (times.get(b)! < times.get(a)! ? b : a));
  return times.get(fastest)! * MARGIN < times.get(first)! ? fastest : first;
}

/** The candidates whose result is that of the naive kernel. */
async function rightOnes<Name extends string>(
  recorder: Recorder,
  { c, candidates, record }: Probe<Name>,
): Promise<Name[]> {
  const result = async (name: Name | "naive"): Promise<Float32Array> => {
    recorder.clear(c);
    record(name);
    return recorder.readF32(c);
  };
  const expected = await result("naive");
  const bound = TOLERANCE * expected.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  const right: Name[] = [];
  for (const name of candidates) {
    const actual = await result(name);
    if (actual.every((value, i) => Math.abs(value - expected[i]!) <= bound)) right.push(name);
  }
  return right;
}

/** Milliseconds for `repeats` of what `record` records. */
async function milliseconds(recorder: Recorder, record: () => void, repeats: number): Promise<number> {
  await recorder.done();
  const start = performance.now();
  for (let i = 0; i < repeats; i++) record();
  await recorder.done();
  return performance.now() - start;
}
