// Log-probabilities of targets and entropies over a vocabulary: CPU reference first, then the launchers of
// shaders/logprob.wgsl, which see logits in column chunks. Where chunks come from is in head.ts.

import logprobCode from "../../shaders/logprob.wgsl?raw";
import type { Recorder, Tensor } from "../gpu/index.ts";
import { ceilDiv, ELEMENT_WORK, grid } from "../gpu/index.ts";

const SHADER = { name: "logprob", code: logprobCode };
/** Columns of one workgroup of chunk_backward. */
const TILE = 2048;

/** Logits z [V] = weight [V,C] x [C] / temperature of row r, in double precision, with their log-sum-exp. */
function rowLogits(
  x: Float32Array,
  weight: Float32Array,
  r: number,
  channels: number,
  temperature: number,
): { z: Float64Array; lse: number } {
  const vocab = weight.length / channels;
  const z = Float64Array.from({ length: vocab }, (_, v) => {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += x[r * channels + c]! * weight[v * channels + c]!;
    return sum / temperature;
  });
  const top = z.reduce((a, b) => Math.max(a, b), -Infinity);
  return { z, lse: top + Math.log(z.reduce((sum, value) => sum + Math.exp(value - top), 0)) };
}

const entropyOf = (z: Float64Array, lse: number): number =>
  z.reduce((sum, value) => sum - Math.exp(value - lse) * (value - lse), 0);

/** logProb, lse and entropy, each [R], of targets [R] under softmax(x W^T / temperature); x [R,C], weight [V,C]. */
export function logprobReference(
  x: Float32Array,
  weight: Float32Array,
  targets: ArrayLike<number>,
  temperature: number,
): { logProb: Float32Array; lse: Float32Array; entropy: Float32Array } {
  const rows = targets.length;
  const result = {
    logProb: new Float32Array(rows),
    lse: new Float32Array(rows),
    entropy: new Float32Array(rows),
  };
  for (let r = 0; r < rows; r++) {
    const { z, lse } = rowLogits(x, weight, r, x.length / rows, temperature);
    result.logProb[r] = z[targets[r]!]! - lse;
    result.lse[r] = lse;
    result.entropy[r] = entropyOf(z, lse);
  }
  return result;
}

/** dx [R,C] and dweight [V,C] of sum_r dLogProb[r] logProb[r] + dEntropy[r] entropy[r]. */
export function logprobBackwardReference(
  x: Float32Array,
  weight: Float32Array,
  targets: ArrayLike<number>,
  temperature: number,
  dLogProb: Float32Array,
  dEntropy: Float32Array,
): { dx: Float32Array; dweight: Float32Array } {
  const channels = x.length / targets.length;
  const dx = new Float64Array(x.length);
  const dweight = new Float64Array(weight.length);
  for (let r = 0; r < targets.length; r++) {
    const { z, lse } = rowLogits(x, weight, r, channels, temperature);
    const entropy = entropyOf(z, lse);
    z.forEach((value, v) => {
      const p = Math.exp(value - lse);
      const hit = v === targets[r] ? 1 : 0;
      const dz = (dLogProb[r]! * (hit - p) - dEntropy[r]! * p * (value - lse + entropy)) / temperature;
      for (let c = 0; c < channels; c++) {
        dx[r * channels + c]! += dz * weight[v * channels + c]!;
        dweight[v * channels + c]! += dz * x[r * channels + c]!;
      }
    });
  }
  return { dx: Float32Array.from(dx), dweight: Float32Array.from(dweight) };
}

/** Where a block of logits lies: rows row .. row + rows - 1 of x, columns column .. column + columns - 1 of the vocabulary. */
export interface LogitsBlock {
  readonly row: number;
  readonly rows: number;
  readonly column: number;
  readonly columns: number;
  /** First element in the scratch, and elements from row to row there. */
  readonly start: number;
  readonly stride: number;
}

export interface AccumulateArgs {
  /** Scratch that holds the block, logits after temperature, f32. */
  readonly logits: Tensor;
  readonly block: LogitsBlock;
  /** u32[R]. */
  readonly targets: Tensor;
  /** Running (max, sum, weighted sum, target logit), f32[R,4]. */
  readonly state: Tensor;
  /** The rows' first block overwrites the state. */
  readonly isFirst: boolean;
}

/** Records the passage of one block of logits through the running state [R,4] of its rows. */
export function logprobAccumulate(
  recorder: Recorder,
  { logits, block, targets, state, isFirst }: AccumulateArgs,
): void {
  const kernel = recorder.gpu.compiler.kernel(SHADER, "accumulate");
  recorder.split(block.rows, ELEMENT_WORK * block.columns, (first, count) => {
    recorder.dispatch({
      kernel,
      params: blockParams(block, first, count, { is_first: isFirst ? 1 : 0 }),
      tensors: { chunk: logits, targets, running: state },
      workgroups: grid(count),
      work: ELEMENT_WORK * block.columns * count,
    });
  });
}

function blockParams(
  block: LogitsBlock,
  first: number,
  count: number,
  other: { is_first?: number; scale?: number } = {},
) {
  return {
    first_row: block.row + first,
    end_row: block.row + first + count,
    row_start: block.row,
    stride: block.stride,
    chunk_start: block.start,
    columns: block.columns,
    column_start: block.column,
    is_first: 0,
    scale: 1,
    ...other,
  };
}

export interface FinishArgs {
  readonly state: Tensor;
  /** Results, f32[R] each. */
  readonly logProb: Tensor;
  readonly lse: Tensor;
  readonly entropy: Tensor;
  readonly rows: number;
}

/** Records logProb, lse and entropy [R] from the state [R,4] that has seen the whole vocabulary. */
export function logprobFinish(recorder: Recorder, { state, logProb, lse, entropy, rows }: FinishArgs): void {
  const kernel = recorder.gpu.compiler.kernel(SHADER, "finish");
  const all = { row: 0, rows, column: 0, columns: 1, start: 0, stride: 1 };
  recorder.dispatch({
    kernel,
    params: blockParams(all, 0, rows),
    tensors: { running: state, log_prob: logProb, lse, entropy },
    workgroups: grid(ceilDiv(rows, kernel.workgroupSize)),
    work: ELEMENT_WORK * rows,
  });
}

export interface ChunkBackwardArgs {
  /** Scratch that holds the block, logits after temperature; becomes the gradient of the logits before temperature. */
  readonly logits: Tensor;
  readonly block: LogitsBlock;
  readonly targets: Tensor;
  /** From `logprobFinish`, f32[R] each. */
  readonly lse: Tensor;
  readonly entropy: Tensor;
  /** Gradients of the loss, f32[R] each. */
  readonly dLogProb: Tensor;
  readonly dEntropy: Tensor;
  readonly temperature: number;
}

/** Records, in place, the gradient of one block of logits. */
export function logprobChunkBackward(recorder: Recorder, args: ChunkBackwardArgs): void {
  const { logits, block, targets, lse, entropy, dLogProb, dEntropy, temperature } = args;
  const kernel = recorder.gpu.compiler.kernel(SHADER, "chunk_backward");
  const tensors = {
    targets,
    d_log_prob: dLogProb,
    d_entropy: dEntropy,
    saved_lse: lse,
    saved_entropy: entropy,
    d_chunk: logits,
  };
  recorder.split(block.rows, ELEMENT_WORK * block.columns, (first, count) => {
    recorder.dispatch({
      kernel,
      params: blockParams(block, first, count, { scale: 1 / temperature }),
      tensors,
      workgroups: grid(count * ceilDiv(block.columns, TILE)),
      work: ELEMENT_WORK * block.columns * count,
    });
  });
}
