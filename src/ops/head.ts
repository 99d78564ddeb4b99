// The language-model head: log-probabilities and entropies of targets over the vocabulary, and their backward, by
// recomputing one block of logits at a time in a scratch. Chains matmul.ts and logprob.ts; has no shader of its own. Its
// reference is logprobReference.

import { BugError } from "../common/errors.ts";
import type { Recorder, Tensor } from "../gpu/index.ts";
import { elementCount } from "../gpu/index.ts";
import type { LogitsBlock } from "./logprob.ts";
import { logprobAccumulate, logprobChunkBackward, logprobFinish } from "./logprob.ts";
import { matmul } from "./matmul.ts";

/** Fewest columns worth a matrix product of their own, while the scratch has room for them. */
const MIN_COLUMNS = 512;
/** Column blocks begin at multiples of this, so that offsets into weights suit the fast kernels. */
const ALIGNMENT = 64;
/**
 * Floating-point operations of one strip of rows of a block, which matmul cannot cut: some 50 ms on a software adapter.
 * Fixed, because a measured limit would cut, and so round, differently from run to run.
 */
const STRIP_WORK = 2.5e8;
const STRIP_ROWS = 64;

/** Rows of the output matrix, cut so that each piece can be bound. */
export interface HeadShard {
  /** [rowCount,C], f32 or f16. */
  readonly weight: Tensor;
  /** First token of the vocabulary that lies here. */
  readonly rowStart: number;
  readonly rowCount: number;
  /** Gradient of the weight, f32[rowCount,C], added to by the backward; absent when frozen. */
  readonly dweight?: Tensor | undefined;
}

export interface HeadArgs {
  /** Normalised hidden state that predicts each target, f32[R,C]. */
  readonly x: Tensor;
  /** In the order of the vocabulary, from token 0 on. */
  readonly shards: readonly HeadShard[];
  /** u32[R], each below `vocab`. */
  readonly targets: Tensor;
  /** Scratch for a block of logits, f32 of any size. */
  readonly logits: Tensor;
  /** Scratch for the running softmax, f32[R,4]. */
  readonly state: Tensor;
  /** Results, f32[R] each; the backward needs the last two. */
  readonly logProb: Tensor;
  readonly lse: Tensor;
  readonly entropy: Tensor;
  readonly rows: number;
  readonly channels: number;
  readonly vocab: number;
  readonly temperature: number;
}

export interface HeadBackwardArgs extends HeadArgs {
  /** Gradients of the loss, f32[R] each. */
  readonly dLogProb: Tensor;
  readonly dEntropy: Tensor;
  /** Gradient of x, f32[R,C]; assigned. */
  readonly dx: Tensor;
  /** What `headForward` returned, if nothing has written to the scratch since. */
  readonly logitsResident: boolean;
}

/**
 * Rows and columns of the blocks into which logits [rows,vocab] are cut: at most `elements` together and `maxColumns`
 * across, never empty; all rows if that leaves enough columns.
 */
export function headChunks(
  rows: number,
  vocab: number,
  elements: number,
  maxColumns = vocab,
): { rows: number; columns: number } {
  if (elements < 1) throw new BugError("the head needs room for at least one logit");
  const wanted = Math.max(MIN_COLUMNS, Math.floor(elements / rows));
  const most = Math.min(vocab, elements, maxColumns, wanted);
  const columns = most > ALIGNMENT && most < vocab ? most - (most % ALIGNMENT) : most;
  return { rows: Math.min(rows, Math.floor(elements / columns)), columns };
}

interface ShardBlock extends LogitsBlock {
  readonly shard: HeadShard;
}

const fitsWhole = ({ rows, vocab, logits }: HeadArgs): boolean => rows * vocab <= elementCount(logits.shape);

/** The blocks of all logits in a fixed order: rows outside, columns inside, none across shards. */
function blocksOf(args: HeadArgs): ShardBlock[] {
  const { rows, vocab, channels, logits, shards } = args;
  const maxColumns = Math.max(ALIGNMENT, Math.floor(STRIP_WORK / (2 * STRIP_ROWS * channels)));
  const chunk = headChunks(rows, vocab, elementCount(logits.shape), maxColumns);
  const blocks: ShardBlock[] = [];
  for (let row = 0; row < rows; row += chunk.rows) {
    for (const shard of shards) {
      const end = shard.rowStart + shard.rowCount;
      for (let column = shard.rowStart; column < end; column += chunk.columns) {
        const columns = Math.min(chunk.columns, end - column);
        // Where all fit, blocks lie one after the other and stay for the backward.
        const start = fitsWhole(args) ? rows * column : 0;
        const size = { row, rows: Math.min(chunk.rows, rows - row), column, columns };
        blocks.push({ shard, ...size, start, stride: columns });
      }
    }
  }
  return blocks;
}

/**
 * Records logProb, lse and entropy [R] of `targets` under softmax(x W^T / temperature). Returns whether the scratch then
 * holds all logits [R,V].
 */
export function headForward(recorder: Recorder, args: HeadArgs): { logitsResident: boolean } {
  const { logits, targets, state } = args;
  if (args.rows === 0) return { logitsResident: false };
  for (const block of blocksOf(args)) {
    blockLogits(recorder, args, block);
    logprobAccumulate(recorder, { logits, block, targets, state, isFirst: block.column === 0 });
  }
  logprobFinish(recorder, args);
  return { logitsResident: fitsWhole(args) };
}

/**
 * Records dx [R,C] = and, for shards that have one, dweight [rowCount,C] += the gradient of sum_r dLogProb[r] *
 * logProb[r] + dEntropy[r] * entropy[r]. Overwrites the scratch.
 */
export function headBackward(recorder: Recorder, args: HeadBackwardArgs): void {
  if (args.rows === 0) return;
  for (const block of blocksOf(args)) {
    if (!args.logitsResident) blockLogits(recorder, args, block);
    logprobChunkBackward(recorder, { ...args, block });
    inputGradient(recorder, args, block);
    if (block.shard.dweight) weightGradient(recorder, args, block, block.shard.dweight);
  }
}

/** Elements before the block in its shard's weight, and before its rows in x. */
const weightOffset = ({ column, shard }: ShardBlock, channels: number): number =>
  (column - shard.rowStart) * channels;

/** logits [rows,columns] = x W^T / temperature. */
function blockLogits(
  recorder: Recorder,
  { x, logits, channels, temperature }: HeadArgs,
  block: ShardBlock,
): void {
  matmul(recorder, {
    form: "nt",
    a: x,
    b: block.shard.weight,
    c: logits,
    m: block.rows,
    n: block.columns,
    k: channels,
    ldc: block.stride,
    aOffset: block.row * channels,
    bOffset: weightOffset(block, channels),
    cOffset: block.start,
    alpha: 1 / temperature,
  });
}

/** dx [rows,C] = or += dz W. */
function inputGradient(
  recorder: Recorder,
  { logits, dx, channels }: HeadBackwardArgs,
  block: ShardBlock,
): void {
  matmul(recorder, {
    form: "nn",
    a: logits,
    b: block.shard.weight,
    c: dx,
    m: block.rows,
    n: channels,
    k: block.columns,
    lda: block.stride,
    aOffset: block.start,
    bOffset: weightOffset(block, channels),
    cOffset: block.row * channels,
    accumulate: block.column > 0,
  });
}

/** dweight [columns,C] += dz^T x. */
function weightGradient(
  recorder: Recorder,
  { x, logits, channels }: HeadBackwardArgs,
  block: ShardBlock,
  dweight: Tensor,
): void {
  matmul(recorder, {
    form: "tn",
    a: logits,
    b: x,
    c: dweight,
    m: block.columns,
    n: channels,
    k: block.rows,
    lda: block.stride,
    aOffset: block.start,
    bOffset: block.row * channels,
    cOffset: weightOffset(block, channels),
    accumulate: true,
  });
}
