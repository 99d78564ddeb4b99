// One stacked projection with its low-rank adapter: forward and backward side by side. The frozen weight gets no
// gradient; what is trained says so by having a `grad` tensor.

import type { Recorder, Tensor } from "../gpu/index.ts";
import { columnSum } from "../ops/column-sum.ts";
import { matmul } from "../ops/matmul.ts";
import type { LoraBranch } from "./lora.ts";
import type { Linear } from "./weights.ts";

/** A projection together with the adapter that is switched on for it. */
export interface AdaptedLinear {
  readonly linear: Linear;
  readonly branch: LoraBranch | undefined;
}

export interface LinearForward extends AdaptedLinear {
  /** Input, f32[N,in]. */
  readonly x: Tensor;
  /** Output, f32[N,out]. */
  readonly y: Tensor;
  /** scale * x A^T, f32[N,columns]; kept for backward. */
  readonly u: Tensor | undefined;
  readonly rows: number;
}

/** Records y [N,out] = x [N,in] W^T + b + scale x A^T B^T. */
export function linearForward(recorder: Recorder, { linear, branch, x, y, u, rows }: LinearForward): void {
  const { weight, bias, inputs, outputs } = linear;
  matmul(recorder, {
    form: "nt",
    a: x,
    b: weight.tensor,
    c: y,
    m: rows,
    n: outputs,
    k: inputs,
    bias: bias?.tensor,
  });
  if (!branch) return;
  const { columns, rank, scale, parts, b } = branch;
  matmul(recorder, {
    form: "nt",
    a: x,
    b: branch.a.tensor,
    c: u!,
    m: rows,
    n: columns,
    k: inputs,
    alpha: scale,
  });
  // One dispatch for all modules, which decoding has (ops/lora.ts), does not pay with many rows: on a software adapter
  // the expansion alone took 1.7 to 3 times as long at 1024 rows, a step of the reference model 783 instead of 646 ms.
  for (const { row, rows: n, column, bRow } of parts) {
    matmul(recorder, {
      form: "nt",
      a: u!,
      lda: columns,
      aOffset: column,
      b: b.tensor,
      bOffset: bRow * rank,
      c: y,
      ldc: outputs,
      cOffset: row,
      m: rows,
      n,
      k: rank,
      accumulate: true,
    });
  }
}

export interface LinearBackward extends AdaptedLinear {
  readonly x: Tensor;
  readonly u: Tensor | undefined;
  /** Gradient of the output, f32[N,out]. */
  readonly dy: Tensor;
  /** Gradient of the input, f32[N,in], assigned; absent when nothing below is trained. */
  readonly dx: Tensor | undefined;
  /** Room for the gradient of u, f32[N,columns]. */
  readonly dU: Tensor;
  readonly rows: number;
}

/** Records dx [N,in] = dy W + scale dy B A, and adds the gradients of W [out,in], b [out], A and B where trained. */
export function linearBackward(recorder: Recorder, args: LinearBackward): void {
  const { linear, x, dy, dx, rows } = args;
  const { weight, bias, inputs, outputs } = linear;
  if (weight.grad) {
    matmul(recorder, {
      form: "tn",
      a: dy,
      b: x,
      c: weight.grad,
      m: outputs,
      n: inputs,
      k: rows,
      accumulate: true,
    });
  }
  if (bias?.grad) columnSum(recorder, { x: dy, out: bias.grad, rows, columns: outputs });
  if (dx) matmul(recorder, { form: "nn", a: dy, b: weight.tensor, c: dx, m: rows, n: inputs, k: outputs });
  if (args.branch) branchBackward(recorder, args, args.branch);
}

function branchBackward(
  recorder: Recorder,
  { linear, x, u, dy, dx, dU, rows }: LinearBackward,
  branch: LoraBranch,
): void {
  const { columns, rank, scale, b } = branch;
  const dyPart = { lda: linear.outputs, a: dy };
  for (const { row, rows: n, column, bRow } of branch.parts) {
    const uPart = { b: u!, ldb: columns, bOffset: column };
    matmul(recorder, {
      form: "tn",
      ...dyPart,
      aOffset: row,
      ...uPart,
      c: b.grad!,
      cOffset: bRow * rank,
      m: n,
      n: rank,
      k: rows,
      accumulate: true,
    });
    const into = { c: dU, ldc: columns, cOffset: column };
    matmul(recorder, {
      form: "nn",
      ...dyPart,
      aOffset: row,
      b: b.tensor,
      bOffset: bRow * rank,
      ...into,
      m: rows,
      n: rank,
      k: n,
      alpha: scale,
    });
  }
  matmul(recorder, {
    form: "tn",
    a: dU,
    b: x,
    c: branch.a.grad!,
    m: columns,
    n: linear.inputs,
    k: rows,
    accumulate: true,
  });
  if (!dx) return;
  matmul(recorder, {
    form: "nn",
    a: dU,
    b: branch.a.tensor,
    c: dx,
    m: rows,
    n: linear.inputs,
    k: columns,
    accumulate: true,
  });
}
