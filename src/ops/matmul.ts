// Matrix products: CPU reference first, then the launchers of shaders/matmul_*.wgsl. Five kernels compute the same
// product; matmul-variants.ts says how they differ, matmul-choice.ts measures which suit a device.

import { BugError } from "../common/errors.ts";
import { isQ4, Q4_BLOCK } from "../common/q4.ts";
import type { Recorder, Tensor } from "../gpu/index.ts";
import { ceilDiv, elementCount } from "../gpu/index.ts";
import type { MatmulForm, MatmulVariant, SkinnyVariant } from "./matmul-variants.ts";
import {
  choiceKey,
  FAST_VARIANTS,
  matmulChoice,
  measuredAs,
  SKINNY,
  SKINNY_VARIANTS,
  VARIANTS,
  variantSizes,
} from "./matmul-variants.ts";
import { fourWeightLib, weightLib } from "./weight-lib.ts";

/** Sizes of C[m,n] = op(A) op(B), with k the summed axis, and how the stored matrices lie in their tensors. */
export interface MatmulSizes {
  readonly form: MatmulForm;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Elements from one stored row to the next; default: rows follow one another. */
  readonly lda?: number | undefined;
  readonly ldb?: number | undefined;
  readonly ldc?: number | undefined;
  /** Elements before the first; default 0. */
  readonly aOffset?: number | undefined;
  readonly bOffset?: number | undefined;
  readonly cOffset?: number | undefined;
  /** Factor of the product, not of the bias; default 1. */
  readonly alpha?: number | undefined;
  /** Adds to C instead of overwriting it. */
  readonly accumulate?: boolean | undefined;
}

/** Every size of `sizes` spelled out. */
function complete(sizes: MatmulSizes) {
  const { form, m, n, k, lda = form === "tn" ? m : k, ldb = form === "nt" ? k : n, ldc = n } = sizes;
  const { aOffset = 0, bOffset = 0, cOffset = 0, alpha = 1, accumulate = false } = sizes;
  return { form, m, n, k, lda, ldb, ldc, aOffset, bOffset, cOffset, alpha, accumulate };
}

/**
 * C [m,n] after C (+)= alpha * op(A) [m,k] op(B) [k,n] + bias [n], summed in double precision. `c` is what C holds
 * before, needed when `sizes` accumulates or leaves gaps; by default zeros, as long as the product.
 */
export function matmulReference(
  sizes: MatmulSizes,
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  bias?: ArrayLike<number>,
  c?: ArrayLike<number>,
): Float32Array {
  const { form, m, n, k, lda, ldb, ldc, aOffset, bOffset, cOffset, alpha, accumulate } = complete(sizes);
  const result = c ? Float32Array.from(c) : new Float32Array(cOffset + (m - 1) * ldc + n);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let p = 0; p < k; p++) {
        const x = a[aOffset + (form === "tn" ? p * lda + i : i * lda + p)]!;
        sum += x * b[bOffset + (form === "nt" ? j * ldb + p : p * ldb + j)]!;
      }
      const at = cOffset + i * ldc + j;
      result[at] = (accumulate ? result[at]! : 0) + alpha * sum + (bias?.[j] ?? 0);
    }
  }
  return result;
}

export interface MatmulArgs extends MatmulSizes {
  /** f32; [m,k], or [k,m] in form tn. */
  readonly a: Tensor;
  /** Any storage; [k,n], or [n,k] in form nt. 4-bit blocks run along its rows. */
  readonly b: Tensor;
  /** f32[m,n]. */
  readonly c: Tensor;
  /** f32[n], added to every row. */
  readonly bias?: Tensor | undefined;
}

const inFours = (...sizes: number[]): boolean => sizes.every((size) => size % 4 === 0);

/** Whether rows, strides and offsets allow loads of four elements; m is free, and k where it counts stored rows. */
function allowsFours(sizes: MatmulSizes): boolean {
  const { form, m, n, k, lda, ldb, ldc, aOffset, bOffset, cOffset } = complete(sizes);
  return inFours(n, form === "tn" ? m : k, lda, ldb, ldc, aOffset, bOffset, cOffset);
}

/** Records C [m,n] (+)= alpha * op(A) op(B) + bias, in as many dispatches as the recorder wants. */
export function matmul(recorder: Recorder, args: MatmulArgs): void {
  const chosen = matmulChoice(recorder.gpu).products[choiceKey(args.form, args.b.type)] ?? FAST_VARIANTS[0]!;
  matmulWith(recorder, allowsFours(args) ? chosen : "naive", args);
}

/** `matmul` by the kernel `name`. Throws BugError when the sizes do not suit it or leave the tensors. */
export function matmulWith(recorder: Recorder, name: MatmulVariant, args: MatmulArgs): void {
  const { form, m, n, k } = args;
  checkOperands(args, name !== "naive");
  const { rows, columns, ...sizes } = variantSizes(name, m, n);
  const libs = name === "naive" ? [weightLib(args.b)] : [fourWeightLib(args.b), "matmul_operands"];
  const kernel = recorder.gpu.compiler.kernel(VARIANTS[name], form, { libs, ...sizes });
  const workPerTile = 2 * rows * n * k;
  recorder.split(ceilDiv(m, rows), workPerTile, (first, count) => {
    recorder.dispatch({
      kernel,
      params: paramValues(args, first),
      tensors: operandTensors(args),
      workgroups: [ceilDiv(n, columns), count],
      work: workPerTile * count,
    });
  });
}

/** Without a bias the kernels read none, but the binding wants a tensor: any other input. */
const operandTensors = ({ a, b, c, bias = a }: MatmulArgs) => ({ a, weight: b, bias, c });

function paramValues(args: MatmulArgs, tileOffset: number): Record<string, number> {
  const { m, n, k, lda, ldb, ldc, aOffset, bOffset, cOffset, alpha, accumulate } = complete(args);
  return {
    m,
    n,
    k,
    lda,
    ldb,
    ldc,
    a_offset: aOffset,
    b_offset: bOffset,
    c_offset: cOffset,
    alpha,
    accumulate: Number(accumulate),
    has_bias: Number(args.bias !== undefined),
    tile_offset: tileOffset,
  };
}

/** Throws BugError when a tensor has the wrong type or ends before its matrix, or `four` and sizes are not in fours. */
function checkOperands(args: MatmulArgs, four: boolean): void {
  const { form, m, n, k, lda, ldb, ldc, aOffset, bOffset, cOffset } = complete(args);
  const product = `matmul ${form} m ${m} n ${n} k ${k}`;
  if (four && !allowsFours(args))
    throw new BugError(`${product}: sizes, strides and offsets must be multiples of 4`);
  const check = (
    name: string,
    tensor: Tensor,
    offset: number,
    rows: number,
    stride: number,
    columns: number,
  ) => {
    const needed = offset + (rows - 1) * stride + columns;
    if (elementCount(tensor.shape) < needed) {
      throw new BugError(
        `${product}: ${name} is ${tensor.label} [${tensor.shape}], ${needed} elements are needed`,
      );
    }
    if (tensor.type !== "f32" && name !== "b") {
      throw new BugError(`${product}: ${name} is ${tensor.label}, ${tensor.type} instead of f32`);
    }
  };
  if (isQ4(args.b.type) && (ldb % Q4_BLOCK !== 0 || bOffset % Q4_BLOCK !== 0)) {
    throw new BugError(`${product}: rows of ${args.b.label} must be whole blocks of ${Q4_BLOCK}`);
  }
  if (form === "tn") check("a", args.a, aOffset, k, lda, m);
  else check("a", args.a, aOffset, m, lda, k);
  if (form === "nt") check("b", args.b, bOffset, n, ldb, k);
  else check("b", args.b, bOffset, k, ldb, n);
  check("c", args.c, cOffset, m, ldc, n);
  if (args.bias) check("bias", args.bias, 0, 1, n, n);
}

export interface MatmulSkinnyArgs {
  /** Input, f32[r,k]. */
  readonly x: Tensor;
  /** Weight [n,k] in any storage. */
  readonly w: Tensor;
  /** Output, f32[r,n]. */
  readonly y: Tensor;
  readonly r: number;
  readonly n: number;
  readonly k: number;
  /** f32[n], added to every row. */
  readonly bias?: Tensor | undefined;
  /** Strides and offsets in elements, as in MatmulSizes. */
  readonly ldx?: number | undefined;
  readonly ldw?: number | undefined;
  readonly ldy?: number | undefined;
  readonly xOffset?: number | undefined;
  readonly wOffset?: number | undefined;
  readonly yOffset?: number | undefined;
  readonly alpha?: number | undefined;
  readonly accumulate?: boolean | undefined;
}

/**
 * Records y [r,n] (+)= alpha * x [r,k] w [n,k]^T + bias for a few rows. The bits of a row depend neither on r nor on its
 * place among the rows: that holds for every kernel used here, and which one it is does not depend on r.
 */
export function matmulSkinny(recorder: Recorder, args: MatmulSkinnyArgs): void {
  const { x, w, y, r, n, k, bias, ldx, ldw, ldy, xOffset, wOffset, yOffset, alpha, accumulate } = args;
  const strides = { lda: ldx, ldb: ldw, ldc: ldy, aOffset: xOffset, bOffset: wOffset, cOffset: yOffset };
  const product: MatmulArgs = {
    form: "nt",
    a: x,
    b: w,
    c: y,
    m: r,
    n,
    k,
    bias,
    ...strides,
    alpha,
    accumulate,
  };
  const chosen = matmulChoice(recorder.gpu).skinny[measuredAs(w.type)] ?? SKINNY_VARIANTS[0];
  matmulSkinnyWith(recorder, allowsFours(product) ? chosen : "naive", product);
}

/** `matmulSkinny` by one kernel, for a product in form nt. */
export function matmulSkinnyWith(recorder: Recorder, name: SkinnyVariant | "naive", args: MatmulArgs): void {
  if (name !== "skinny") return matmulWith(recorder, name, args);
  checkOperands(args, true);
  const { m, n, k } = args;
  const rows = m <= 2 ? m : m <= 4 ? 4 : 8;
  const libs = [fourWeightLib(args.b), "matmul_operands"];
  const kernel = recorder.gpu.compiler.kernel(SKINNY.shader, "nt", { libs, consts: { ROWS: rows } });
  const groups = ceilDiv(m, rows);
  const workPerTile = 2 * groups * rows * SKINNY.columns * k;
  recorder.split(ceilDiv(n, SKINNY.columns), workPerTile, (first, count) => {
    recorder.dispatch({
      kernel,
      params: paramValues(args, first),
      tensors: operandTensors(args),
      workgroups: [count, groups],
      work: workPerTile * count,
    });
  });
}
