// safetensors in pieces: a large matrix is written a band of rows at a time, and the file is the same.

import { expect, test } from "vitest";

import type { StreamedTensor } from "../../src/formats/safetensors-stream.ts";
import { encodeSafetensors } from "../../src/formats/safetensors-stream.ts";
import { collected } from "./fixtures.ts";

const [ROWS, COLUMNS] = [1025, 2 ** 15];

test("a matrix above a band of 64 MiB is asked for and written by rows", async () => {
  const asked: (readonly [row: number, rows: number])[] = [];
  const matrix = Float32Array.from({ length: ROWS }, (_, row) => row);
  const values = (row: number, rows: number): Float32Array => {
    const all = new Float32Array(rows * COLUMNS);
    for (let r = 0; r < rows; r++) all.fill(matrix[row + r]!, r * COLUMNS, (r + 1) * COLUMNS);
    return all;
  };
  const whole: StreamedTensor = {
    name: "embedding",
    dtype: "F32",
    shape: [ROWS, COLUMNS],
    values: () => Promise.resolve(values(0, ROWS)),
  };
  const byRows: StreamedTensor = {
    ...whole,
    rows: (row, rows) => {
      asked.push([row, rows]);
      return Promise.resolve(values(row, rows));
    },
  };
  const [one, two] = [encodeSafetensors([whole]), encodeSafetensors([byRows])];
  expect(Buffer.compare(await collected(one), await collected(two))).toBe(0);
  expect(asked).toEqual([
    [0, 512],
    [512, 512],
    [1024, 1],
  ]);
});
