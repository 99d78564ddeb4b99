// Matrix products: every kernel against the CPU reference at odd sizes, strides and offsets; the skinny kernel's bits.

import { beforeAll, describe, expect, test } from "vitest";
import { roundF16 } from "../../src/common/f16.ts";
import type { Recorder } from "../../src/gpu/index.ts";
import { chooseMatmul } from "../../src/ops/matmul-choice.ts";
import {
  FAST_VARIANTS,
  MATMUL_FORMS,
  matmulChoice,
  SKINNY_VARIANTS,
  supportsVariant,
} from "../../src/ops/matmul-variants.ts";
import type { MatmulArgs, MatmulSizes } from "../../src/ops/matmul.ts";
import { matmul, matmulReference, matmulSkinny, matmulSkinnyWith, matmulWith } from "../../src/ops/matmul.ts";
import { expectClose, noise, openRecorder, sharedRecorder, storedAs, upload, zeros } from "../harness.ts";

/** Sums of k products of numbers in [-1, 1), in any order: each addition rounds a partial sum of about sqrt(k) / 3. */
const tolerance = (k: number) => ({ rtol: 1e-6, atol: 1e-6 * Math.sqrt(k) + 2e-8 * k });

let recorder: Recorder;
beforeAll(async () => {
  recorder = await sharedRecorder();
});

interface Case extends MatmulSizes {
  readonly type?: "f32" | "f16";
  readonly biased?: boolean;
}

const extent = (rows: number, stride: number, columns: number, offset = 0) =>
  offset + (rows - 1) * stride + columns;

/** Computes `c` on random operands by `run` and compares all of C, gaps included, with the reference. */
async function compare(
  c: Case,
  what: string,
  run: (args: MatmulArgs) => void = (args) => matmul(recorder, args),
  on = recorder,
): Promise<void> {
  const {
    form,
    m,
    n,
    k,
    type = "f32",
    lda = form === "tn" ? m : k,
    ldb = form === "nt" ? k : n,
    ldc = n,
  } = c;
  const a = noise(form === "tn" ? extent(k, lda, m, c.aOffset) : extent(m, lda, k, c.aOffset), 1);
  const stored = noise(form === "nt" ? extent(n, ldb, k, c.bOffset) : extent(k, ldb, n, c.bOffset), 2);
  const b = type === "f16" ? roundF16(stored) : stored;
  const bias = c.biased ? noise(n, 3) : undefined;
  const before = noise(extent(m, ldc, n, c.cOffset), 4);
  const target = upload(on, before);
  run({
    ...c,
    a: upload(on, a),
    b: upload(on, b, [b.length], type),
    c: target,
    bias: bias && upload(on, bias),
  });
  expectClose(await on.readF32(target), matmulReference(c, a, b, bias, before), tolerance(k), what);
}

const SIZES = [1, 63, 65, 257] as const;

describe("matmulReference", () => {
  test("gives the three forms of one small product", () => {
    // [1 2; 3 4] [5 6; 7 8]
    const c = [19, 22, 43, 50];
    const sizes = { m: 2, n: 2, k: 2 };
    expect([...matmulReference({ ...sizes, form: "nn" }, [1, 2, 3, 4], [5, 6, 7, 8])]).toEqual(c);
    expect([...matmulReference({ ...sizes, form: "nt" }, [1, 2, 3, 4], [5, 7, 6, 8])]).toEqual(c);
    expect([...matmulReference({ ...sizes, form: "tn" }, [1, 3, 2, 4], [5, 6, 7, 8])]).toEqual(c);
  });
});

describe.each(MATMUL_FORMS)("matmul %s", (form) => {
  test("takes any sizes", async () => {
    for (const m of SIZES) {
      for (const [n, k] of [
        [1, 257],
        [63, 65],
        [65, 1],
        [257, 63],
      ] as const) {
        for (const type of ["f32", "f16"] as const) {
          await compare({ form, m, n, k, type, biased: true }, `${m} ${n} ${k} ${type}`);
        }
      }
    }
  });

  test("takes any strides and offsets", async () => {
    const odd = { lda: 71, ldb: 73, ldc: 75, aOffset: 3, bOffset: 5, cOffset: 1 };
    await compare({ form, m: 9, n: 21, k: 35, ...odd, type: "f16", accumulate: true, alpha: 0.5 }, "odd");
  });
});

describe.each(FAST_VARIANTS)("matmul_%s", (variant) => {
  const by = (args: MatmulArgs): void => matmulWith(recorder, variant, args);
  describe.each(MATMUL_FORMS)("%s", (form) => {
    const free = (size: number) => (form === "tn" ? 4 * Math.ceil(size / 4) : size);
    /** The axis that need not be a multiple of 4: k in tn, m elsewhere. */
    const sizes = (size: number, n: number, k: number) =>
      form === "tn" ? { m: k, n, k: size } : { m: size, n, k };

    test("equals the reference at odd sizes, f32 and f16", async ({ skip }) => {
      if (!supportsVariant(recorder.gpu, variant)) skip("no subgroups of 8 lanes or more");
      for (const size of SIZES) {
        for (const [n, k] of [
          [4, 260],
          [68, 64],
          [260, 4],
          [132, 36],
        ] as const) {
          for (const type of ["f32", "f16"] as const) {
            await compare({ form, ...sizes(size, n, k), type }, `${size} ${n} ${k} ${type}`, by);
          }
        }
      }
    });

    test("honours strides, offsets, bias, alpha and accumulation, and leaves gaps alone", async ({
      skip,
    }) => {
      if (!supportsVariant(recorder.gpu, variant)) skip("no subgroups of 8 lanes or more");
      const strides = { lda: 100, ldb: 104, ldc: 108, aOffset: 8, bOffset: 12, cOffset: 4 };
      const shape = { form, m: free(67), n: 84, k: form === "tn" ? 67 : 68 } as const;
      await compare({ ...shape, ...strides, biased: true }, "assign", by);
      await compare({ ...shape, ...strides, alpha: -0.75, accumulate: true }, "add", by);
      await compare(
        { ...shape, ...strides, alpha: 2, accumulate: true, biased: true, type: "f16" },
        "all",
        by,
      );
    });
  });
});

describe.each(["q4", "q4z"] as const)("weights in blocks, %s,", (type) => {
  const cases = [
    ["nt", 5, 44, 64],
    ["nt", 65, 12, 160],
    ["nn", 5, 64, 44],
    ["nn", 65, 160, 12],
  ] as const;
  test.each([...FAST_VARIANTS, "naive"] as const)("are multiplied with by %s", async (variant) => {
    if (variant !== "naive" && !supportsVariant(recorder.gpu, variant)) return;
    for (const [form, m, n, k] of cases) {
      const rowLength = form === "nt" ? k : n;
      const stored = noise(n * k, 2);
      const b = upload(recorder, stored, [(n * k) / rowLength, rowLength], type);
      const a = noise(m * k, 1);
      const c = zeros(recorder, [m, n]);
      matmulWith(recorder, variant, { form, m, n, k, a: upload(recorder, a), b, c });
      const expected = matmulReference({ form, m, n, k }, a, storedAs(stored, rowLength, type));
      expectClose(await recorder.readF32(c), expected, tolerance(k), `${form} ${m} ${n} ${k}`);
    }
  });

  test("are multiplied with from a row in the middle, and a row of theirs by few rows", async () => {
    const [rows, n, k, first] = [40, 8, 96, 12];
    const stored = noise(rows * k, 2);
    const w = upload(recorder, stored, [rows, k], type);
    const x = noise(3 * k, 1);
    const y = zeros(recorder, [3, n]);
    const at = { xOffset: 0, wOffset: first * k };
    matmulSkinny(recorder, { x: upload(recorder, x), w, y, r: 3, n, k, ...at });
    const sizes = { form: "nt", m: 3, n, k, bOffset: first * k } as const;
    expectClose(
      await recorder.readF32(y),
      matmulReference(sizes, x, storedAs(stored, k, type)),
      tolerance(k),
    );
  });

  test("must have rows of whole blocks", () => {
    const [a, b, c] = [zeros(recorder, [4, 36]), zeros(recorder, [4, 64], type), zeros(recorder, [4, 4])];
    expect(() => matmul(recorder, { form: "nt", m: 4, n: 4, k: 36, a, b, c })).toThrow(/whole blocks of 32/);
  });
});

describe("matmul", () => {
  test("gives the same bits when the recorder splits a product over submits", async () => {
    const [m, n, k] = [257, 64, 64];
    const args = {
      form: "nt",
      m,
      n,
      k,
      a: upload(recorder, noise(m * k)),
      b: upload(recorder, noise(n * k, 2)),
    } as const;
    const whole = zeros(recorder, [m, n]);
    matmul(recorder, { ...args, c: whole });
    const split = zeros(recorder, [m, n]);
    const original = recorder.split.bind(recorder);
    recorder.split = (tiles, _work, record) => original(tiles, Infinity, record);
    matmul(recorder, { ...args, c: split });
    recorder.split = original;
    expect(await recorder.readF32(split)).toEqual(await recorder.readF32(whole));
  });

  test("refuses a tensor that is too short, naming it", () => {
    const [a, b, c] = [zeros(recorder, [4, 4]), zeros(recorder, [4, 4]), zeros(recorder, [3, 4])];
    expect(() => matmul(recorder, { form: "nt", m: 4, n: 4, k: 4, a, b, c })).toThrow(
      /c is test \[3,4\], 16 elements/,
    );
  });

  test("has a fixed choice until one is measured, and measures a right one", async () => {
    const own = await openRecorder();
    expect(matmulChoice(own.gpu)).toEqual({ products: {}, skinny: {} });
    const choice = await chooseMatmul(own);
    // Gradients of weights multiply activations, which are f32.
    expect(Object.keys(choice.products).toSorted()).toEqual(
      ["nt f32", "nn f32", "tn f32", "nt f16", "nn f16", "nt q4", "nn q4"].toSorted(),
    );
    expect(Object.keys(choice.skinny)).toEqual(["f32", "f16", "q4"]);
    expect(matmulChoice(own.gpu)).toEqual(choice);
    for (const form of MATMUL_FORMS)
      await compare({ form, m: 64, n: 64, k: 64 }, form, (args) => matmul(own, args), own);
    own.gpu.destroy();
  });
});

describe("matmulSkinny", () => {
  test("equals the reference with bias, strides, offsets, alpha and accumulation", async () => {
    const layout = { lda: 140, ldb: 144, ldc: 48, aOffset: 4, bOffset: 8, cOffset: 12 };
    const [r, n, k] = [3, 44, 132];
    const [x, w] = [noise(extent(r, 140, k, 4), 1), noise(extent(n, 144, k, 8), 2)];
    const [bias, before] = [noise(n, 3), noise(extent(r, 48, n, 12), 4)];
    const y = upload(recorder, before);
    const tensors = { x: upload(recorder, x), w: upload(recorder, w), y, bias: upload(recorder, bias) };
    const strides = { ldx: 140, ldw: 144, ldy: 48, xOffset: 4, wOffset: 8, yOffset: 12 };
    matmulSkinny(recorder, { ...tensors, r, n, k, ...strides, alpha: 0.5, accumulate: true });
    const sizes = { form: "nt", m: r, n, k, ...layout, alpha: 0.5, accumulate: true } as const;
    expectClose(await recorder.readF32(y), matmulReference(sizes, x, w, bias, before), tolerance(k));
  });

  describe.each([...SKINNY_VARIANTS, "naive"] as const)("by %s", (variant) => {
    test("equals the reference from 1 to 64 rows, f32 and f16", async ({ skip }) => {
      if (!supportsVariant(recorder.gpu, variant)) skip("no subgroups of 8 lanes or more");
      for (const type of ["f32", "f16"] as const) {
        for (const [r, n, k] of [
          [1, 44, 132],
          [2, 4, 4],
          [8, 260, 36],
          [33, 20, 896],
          [64, 12, 128],
        ] as const) {
          await compare({ form: "nt", m: r, n, k, type, biased: true }, `${r} ${n} ${k} ${type}`, (args) =>
            matmulSkinnyWith(recorder, variant, args),
          );
        }
      }
    });

    test("gives a row the same bits alone and in any place of any batch", async ({ skip }) => {
      if (!supportsVariant(recorder.gpu, variant)) skip("no subgroups of 8 lanes or more");
      const [rows, n, k] = [64, 44, 900];
      const x = noise(rows * k, 1);
      const b = upload(recorder, noise(n * k, 2), [n, k], "f16");
      const bias = upload(recorder, noise(n, 3));
      /** Rows `order` of x times b. */
      const product = async (order: readonly number[]): Promise<Float32Array[]> => {
        const batch = Float32Array.from(order.flatMap((row) => [...x.subarray(row * k, row * k + k)]));
        const c = zeros(recorder, [order.length, n]);
        const a = upload(recorder, batch);
        matmulSkinnyWith(recorder, variant, { form: "nt", m: order.length, n, k, a, b, c, bias });
        const values = await recorder.readF32(c);
        return order.map((_, i) => values.slice(i * n, i * n + n));
      };
      const all = await product([...Array(rows).keys()]);
      for (const r of [1, 2, 3, 4, 5, 8, 9, 16, 17, 33, 63]) {
        const order = Array.from({ length: r }, (_, i) => (i * 37 + r) % rows);
        const some = await product(order);
        order.forEach((row, i) => expect(some[i], `row ${row} in place ${i} of ${r}`).toEqual(all[row]));
      }
    });
  });
});
