// Numbers out of bytes: every type that is read, matrices either way round and in several reads, 4-bit blocks by hand.

import { describe, expect, test } from "vitest";
import { BlockMatrix } from "../../../src/formats/onnx/block-matrix.ts";
import { StoredMatrix } from "../../../src/formats/onnx/matrix.ts";
import type { OnnxTensor } from "../../../src/formats/onnx/tensor.ts";
import { openTensor } from "../../../src/formats/onnx/tensor.ts";
import { bytesSource } from "../../../src/formats/safetensors.ts";

/** A tensor over the bytes of `data`, of TensorProto.DataType `type`, at an odd place of its file. */
function tensorOf(
  data: Uint8Array | Uint16Array | Float32Array,
  type: number,
  dims: readonly number[] = [data.length],
): OnnxTensor {
  const bytes = Buffer.concat([
    Buffer.alloc(3),
    new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  ]);
  const record = { name: "w", dims, type, place: { kind: "inline", start: 3, end: bytes.length } as const };
  return openTensor(record, bytesSource("model.onnx", bytes), () => undefined);
}

const F32 = 1;
const U8 = 2;

describe("types", () => {
  test.for([
    ["F32", tensorOf(Float32Array.of(1, -0.5, 3e38), F32), [1, -0.5, Math.fround(3e38)]],
    ["F16", tensorOf(Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7bff), 10), [1, -2, 2 ** -24, 65504]],
    ["BF16", tensorOf(Uint16Array.of(0x3f80, 0x4049), 16), [1, 3.140625]],
    ["U8", tensorOf(Uint8Array.of(0, 255), U8), [0, 255]],
  ] as const)("%s is read exactly, whole and in part", async ([type, tensor, expected]) => {
    expect(tensor.type).toBe(type);
    expect([...(await tensor.read())]).toEqual(expected);
    expect([...(await tensor.read(1, 1))]).toEqual([expected[1]]);
  });

  test("a shape that the bytes do not fit is refused", () => {
    expect(() => tensorOf(Float32Array.of(1, 2), F32, [3])).toThrow(/"w" F32 \[3\] takes 12 bytes, not 8/);
    expect(() => tensorOf(Float32Array.of(1), F32, [2 ** 40, 2 ** 40])).toThrow(/impossible shape/);
  });

  test("numbers in a list are refused", () => {
    const record = { name: "w", dims: [1], type: F32, place: { kind: "list" } as const };
    const open = (): OnnxTensor => openTensor(record, bytesSource("m", new Uint8Array(4)), () => undefined);
    expect(open).toThrow(/"w" in m does not hold raw bytes/);
  });
});

describe("a matrix", () => {
  const values = Float32Array.of(1, 2, 3, 4, 5, 6);

  test("is [out,in] whichever way it is stored", async () => {
    const plain = new StoredMatrix(tensorOf(values, F32, [3, 2]), "F32", false);
    expect([plain.outputs, plain.inputs]).toEqual([3, 2]);
    expect([...(await plain.read(1, 2))]).toEqual([3, 4, 5, 6]);
    const transposed = new StoredMatrix(tensorOf(values, F32, [2, 3]), "F32", true);
    expect([transposed.outputs, transposed.inputs]).toEqual([3, 2]);
    expect([...(await transposed.read(1, 2))]).toEqual([2, 5, 3, 6]);
    expect([...(await transposed.readColumn(1, 0, 3))]).toEqual([4, 5, 6]);
    expect([...(await transposed.readColumn(1, 1, 1))]).toEqual([5]);
  });

  test("that takes several reads is the same", async () => {
    const columns = 2 ** 21 + 7;
    const large = Float32Array.from({ length: 3 * columns }, (_, i) => i % 65_521);
    const plain = await new StoredMatrix(tensorOf(large, F32, [3, columns]), "F32", false).read(0, 3);
    const transposed = await new StoredMatrix(tensorOf(large, F32, [3, columns]), "F32", true).read(
      0,
      columns,
    );
    expect(plain.findIndex((value, i) => value !== large[i])).toBe(-1);
    const at = (i: number): number => large[(i % 3) * columns + Math.floor(i / 3)]!;
    expect(transposed.findIndex((value, i) => value !== at(i))).toBe(-1);
  });
});

describe("4-bit blocks", () => {
  // Two rows of five weights in blocks of two: three blocks a row, the last half padding.
  const values = tensorOf(Uint8Array.of(0x21, 0x43, 0xf5, 0x98, 0x0f, 0x07), U8, [2, 3, 1]);
  const scales = tensorOf(Float32Array.of(1, 2, 0.5, -1, 10, 1), F32);
  const sizes = { outputs: 2, inputs: 5, blockSize: 2 };
  const read = async (zeroPoints?: OnnxTensor): Promise<number[][]> => {
    const parts = { values, scales, ...sizes, ...(zeroPoints && { zeroPoints }) };
    const matrix = new BlockMatrix("model.onnx", parts);
    return [[...(await matrix.read(0, 1))], [...(await matrix.read(1, 1))]];
  };

  test("without zero points are symmetric around 8; scales may be negative", async () => {
    expect(await read()).toEqual([
      [-7, -6, -10, -8, -1.5],
      [-0, -1, 70, -80, -1],
    ]);
  });

  test("have packed zero points, each row from a new byte", async () => {
    // Row 0: 1, 3, 5; row 1: 8, 0, 7.
    expect(await read(tensorOf(Uint8Array.of(0x31, 0xf5, 0x08, 0x07), U8))).toEqual([
      [0, 1, 0, 2, 0],
      [-0, -1, 150, 0, 0],
    ]);
  });

  test("have zero points that are floats", async () => {
    expect(await read(tensorOf(Float32Array.of(1, 3, 5, 8, 0, 6.5), F32))).toEqual([
      [0, 1, 0, 2, 0],
      [-0, -1, 150, 0, 0.5],
    ]);
  });

  test("that take several reads are the same", async () => {
    const inputs = 2 ** 21;
    const bytes = Uint8Array.from({ length: (3 * inputs) / 2 }, (_, i) => i % 251);
    const row = Float32Array.of(1, 2, 3);
    const parts = {
      values: tensorOf(bytes, U8),
      scales: tensorOf(row, F32),
      outputs: 3,
      inputs,
      blockSize: inputs,
    };
    const actual = await new BlockMatrix("model.onnx", parts).read(0, 3);
    const at = (i: number): number => {
      const byte = bytes[i >> 1]!;
      return ((i % 2 === 0 ? byte % 16 : Math.floor(byte / 16)) - 8) * row[Math.floor(i / inputs)]!;
    };
    expect(actual.findIndex((value, i) => value !== at(i))).toBe(-1);
  });

  test.for([
    [
      "too few values",
      { values: tensorOf(Uint8Array.of(1), U8) },
      /"w" is U8 \[1\], and U8 of 6 bytes is needed/,
    ],
    ["scales that are bytes", { scales: values }, /6 floats is needed/],
    ["too many zero points", { zeroPoints: tensorOf(new Uint8Array(5), U8) }, /4 numbers is needed/],
    ["an odd block size", { blockSize: 3 }, /an even block size/],
    ["no block size", { blockSize: 0 }, /an even block size/],
  ] as const)("%s are refused", ([, change, message]) => {
    expect(() => new BlockMatrix("model.onnx", { values, scales, ...sizes, ...change })).toThrow(
      expect.objectContaining({ name: "UserError", message: expect.stringMatching(message) }),
    );
  });
});
