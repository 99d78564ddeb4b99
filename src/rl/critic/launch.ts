// Runs the value loss on the device: from a critic's values of a forward pass to their gradients for the backward pass, with
// counts that stay on the device until the end of the update. Launcher of shaders/value_loss.wgsl.

import valueLossCode from "../../../shaders/value_loss.wgsl?raw";
import { BugError } from "../../common/errors.ts";
import type { Allocator, Recorder, Tensor } from "../../gpu/index.ts";
import { ceilDiv, ELEMENT_WORK, grid } from "../../gpu/index.ts";
import type { CriticMemory } from "../../model/critic-memory.ts";
import type { ValueBatch, ValueStats } from "./value-loss.ts";
import { VALUE_STATS, valueStatsOf } from "./value-loss.ts";

const SHADER = { name: "value_loss", code: valueLossCode };
/** Numbers of one token in `inputs`. */
const INPUTS = 4;

/** What the value loss of one micro-batch needs, for at most R targets. */
export interface ValueLossMemory {
  /** f32[R,4]. */
  readonly inputs: Tensor;
  /** f32[R,5], of the last micro-batch. */
  readonly tokenStats: Tensor;
  /** Sums since `clearValueStats`, f32[5] in the order of VALUE_STATS. */
  readonly stats: Tensor;
}

/** Allocates for micro-batches of at most `tokenBudget` targets [R], for real or on paper. */
export function allocateValueLoss(allocator: Allocator, tokenBudget: number): ValueLossMemory {
  const make = (label: string, ...shape: number[]): Tensor =>
    allocator.tensor("critic", `valueLoss.${label}`, shape);
  return {
    inputs: make("inputs", tokenBudget, INPUTS),
    tokenStats: make("tokenStats", tokenBudget, VALUE_STATS.length),
    stats: make("stats", VALUE_STATS.length),
  };
}

/** Records zeros into the counts; call once an update, before its first `valueLoss`. */
export const clearValueStats = (recorder: Recorder, memory: ValueLossMemory): void =>
  recorder.clear(memory.stats);

/** The counts since `clearValueStats`. */
export const readValueStats = async (recorder: Recorder, memory: ValueLossMemory): Promise<ValueStats> =>
  valueStatsOf(await recorder.readF32(memory.stats));

export interface ValueLossArgs {
  readonly memory: ValueLossMemory;
  /** value is read and dValue written, f32[R] each. */
  readonly critic: Pick<CriticMemory, "value" | "dValue">;
  /** Of R tokens, in the order of the micro-batch's targets. */
  readonly batch: ValueBatch;
  /** How far from its old value a value may go, verl's cliprange_value. */
  readonly clip: number;
}

/** Uploads what the loss takes and records it: critic.dValue [R] becomes the gradient to go down, memory.stats grows. */
export function valueLoss(recorder: Recorder, { memory, critic, batch, clip }: ValueLossArgs): void {
  const rows = batch.returns.length;
  if (rows === 0) return;
  recorder.write(memory.inputs, lossInputs(batch));
  const { compiler } = recorder.gpu;
  const params = { first: 0, end: rows, clip };
  const kernel = compiler.kernel(SHADER, "token_losses", { libs: ["reduce"] });
  recorder.dispatch({
    kernel,
    params,
    tensors: {
      inputs: memory.inputs,
      values: critic.value,
      d_value: critic.dValue,
      token_stats: memory.tokenStats,
    },
    workgroups: grid(ceilDiv(rows, kernel.workgroupSize)),
    work: ELEMENT_WORK * VALUE_STATS.length * rows,
  });
  recorder.dispatch({
    kernel: compiler.kernel(SHADER, "add_stats", { libs: ["reduce"] }),
    params,
    tensors: { token_stats: memory.tokenStats, stats: memory.stats },
    workgroups: [VALUE_STATS.length],
    work: ELEMENT_WORK * VALUE_STATS.length * rows,
  });
}

/** What the shader reads of each token, f32[R,4]. Throws BugError when the lists are not of one length. */
function lossInputs({ oldValue, returns, weight, mask }: ValueBatch): Float32Array<ArrayBuffer> {
  const rows = returns.length;
  if (oldValue.length !== rows || weight.length !== rows)
    throw new BugError(`the lists of a value batch of ${rows} tokens differ in length`);
  const inputs = new Float32Array(INPUTS * rows);
  for (let r = 0; r < rows; r++)
    inputs.set([oldValue[r]!, returns[r]!, weight[r]!, mask?.[r] ?? 1], INPUTS * r);
  return inputs;
}
