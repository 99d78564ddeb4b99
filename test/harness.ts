// What GPU tests share: a device on whichever adapter is there, tensors from numbers, and comparison with a message that
// shows where and by how much. Works in Node and in the browser.

import { expect } from "vitest";
import type { ElementType, GpuOptions, Recorder, Tensor } from "../src/gpu/index.ts";
import { elementCount, GpuAllocator, openRecorder as openSelfTested } from "../src/gpu/index.ts";
import { packF16, roundF16 } from "../src/common/f16.ts";
import type { Blocks4 } from "../src/common/q4.ts";
import { packQ4, Q4_BLOCK, unpackQ4 } from "../src/common/q4.ts";
import { quantiseRows } from "../src/formats/onnx/quantise.ts";

/** A recorder on a fresh device that passed the self-test. */
export const openRecorder = (options: Partial<GpuOptions> = {}): Promise<Recorder> =>
  openSelfTested({ gpu: navigator.gpu, ...options });

let shared: Promise<Recorder> | undefined;
/** The recorder that all tests of a file share. */
export const sharedRecorder = (): Promise<Recorder> => (shared ??= openRecorder());

/** A tensor of `shape` holding `data`; f16 data is given as numbers and rounded. */
export function upload(
  recorder: Recorder,
  data: ArrayLike<number>,
  shape: readonly number[] = [data.length],
  type: ElementType = "f32",
): Tensor {
  if (elementCount(shape) !== data.length) throw new Error(`${data.length} values for shape [${shape}]`);
  const tensor = new GpuAllocator(recorder.gpu).tensor("system", "test", shape, type);
  const words =
    type === "f32"
      ? Float32Array.from(data)
      : type === "u32"
        ? Uint32Array.from(data)
        : type === "f16"
          ? packF16(Float32Array.from(data))
          : packQ4(
              blocksOf(data, shape.at(-1)!, type === "q4z"),
              data.length / shape.at(-1)!,
              shape.at(-1)!,
              type,
            );
  recorder.write(tensor, words);
  return tensor;
}

/** `data` [rows,inputs] rounded to 4-bit blocks of 32, with zero points of all kinds or without. */
export function blocksOf(data: ArrayLike<number>, inputs: number, hasZeros: boolean): Blocks4 {
  const rows = data.length / inputs;
  const { values, scales } = quantiseRows(Float32Array.from(data), rows, inputs, Q4_BLOCK);
  const blocks = { blockSize: Q4_BLOCK, values, scales };
  return hasZeros ? { ...blocks, zeros: scales.map((_, i) => (i * 7) % 16) } : blocks;
}

/** What a tensor of `type` and rows of `inputs` holds once `data` was uploaded to it. */
export function storedAs(data: ArrayLike<number>, inputs: number, type: ElementType): Float32Array {
  if (type === "f16") return roundF16(data);
  if (type !== "q4" && type !== "q4z") return Float32Array.from(data);
  return unpackQ4(packQ4(blocksOf(data, inputs, type === "q4z"), data.length / inputs, inputs, type), type);
}

/** A zero tensor of `shape`. */
export const zeros = (recorder: Recorder, shape: readonly number[], type: ElementType = "f32"): Tensor =>
  new GpuAllocator(recorder.gpu).tensor("system", "test", shape, type);

/** `count` numbers in [-1, 1) that depend on `seed` alone. */
export function noise(count: number, seed = 1): Float32Array {
  let state = seed >>> 0;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) / 2 ** 23 - 1;
  });
}

/** Fails with index, both values and the count of faults unless |a - r| <= atol + rtol * |r| everywhere. */
export function expectClose(
  actual: ArrayLike<number>,
  reference: ArrayLike<number>,
  { rtol, atol }: { rtol: number; atol: number },
  what = "",
): void {
  expect(actual.length, `${what} length`).toBe(reference.length);
  const faults: string[] = [];
  let count = 0;
  for (let i = 0; i < reference.length; i++) {
    const a = actual[i]!;
    const r = reference[i]!;
    if (Math.abs(a - r) <= atol + rtol * Math.abs(r)) continue;
    if (count++ < 5) faults.push(`[${i}] ${a} instead of ${r}`);
  }
  if (count > 0) expect.fail(`${what} ${count} of ${reference.length} values differ: ${faults.join(", ")}`);
}

/** |a - r|_2 / |r|_2. */
export function relativeL2(actual: ArrayLike<number>, reference: ArrayLike<number>): number {
  let difference = 0;
  let size = 0;
  for (let i = 0; i < reference.length; i++) {
    difference += (actual[i]! - reference[i]!) ** 2;
    size += reference[i]! ** 2;
  }
  return Math.sqrt(difference / Math.max(size, 1e-300));
}
