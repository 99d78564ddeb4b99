// Runs a policy loss on the device: from memory.head.logProb and entropy of a forward pass to dLogProb and dEntropy for the
// backward pass, with counts that stay on the device until the end of the step. Launcher of shaders/policy_loss.wgsl.

import policyLossCode from "../../../shaders/policy_loss.wgsl?raw";
import { BugError } from "../../common/errors.ts";
import type { Allocator, Kernel, Recorder, Shader, Tensor } from "../../gpu/index.ts";
import { ceilDiv, ELEMENT_WORK, grid } from "../../gpu/index.ts";
import type { HeadMemory } from "../../model/memory.ts";
import { klKernelType } from "./kl.ts";
import type { LossBatch, Objective, PolicyLoss } from "./policy-loss.ts";
import { MAX_LOSS_PARAMS } from "./policy-loss.ts";
import type { LossStats } from "./stats.ts";
import { LOSS_STATS, lossStatsOf } from "./stats.ts";

/** Numbers of one token in `inputs`. */
const INPUTS = 8;

/** What the losses of one micro-batch need, for at most R targets. */
export interface LossMemory {
  /** f32[R,8]. */
  readonly inputs: Tensor;
  /** u32[R+1]. */
  readonly starts: Tensor;
  /** f32[R,4]. */
  readonly sequenceMeans: Tensor;
  /** Log-probabilities under the reference policy, f32[R]; see `keepReference` and `uploadReference`. */
  readonly refLogProb: Tensor;
  /** f32[R,16], of the last micro-batch. */
  readonly tokenStats: Tensor;
  /** Sums since `clearLossStats`, f32[16] in the order of LOSS_STATS. */
  readonly stats: Tensor;
}

/** Allocates for micro-batches of at most `tokenBudget` targets [R], for real or on paper. */
export function allocateLossMemory(allocator: Allocator, tokenBudget: number): LossMemory {
  const make = (label: string, ...shape: number[]): Tensor =>
    allocator.tensor("batch", `loss.${label}`, shape);
  return {
    inputs: make("inputs", tokenBudget, INPUTS),
    starts: allocator.tensor("batch", "loss.starts", [tokenBudget + 1], "u32"),
    sequenceMeans: make("sequenceMeans", tokenBudget, 4),
    refLogProb: make("refLogProb", tokenBudget),
    tokenStats: make("tokenStats", tokenBudget, LOSS_STATS.length),
    stats: make("stats", LOSS_STATS.length),
  };
}

/** Records zeros into the counts; call once a step, before its first `policyLoss`. */
export const clearLossStats = (recorder: Recorder, memory: LossMemory): void => recorder.clear(memory.stats);

/** The counts since `clearLossStats`. */
export const readLossStats = async (recorder: Recorder, memory: LossMemory): Promise<LossStats> =>
  lossStatsOf(await recorder.readF32(memory.stats));

/** Records that the log-probabilities [R] of the last forward pass, without adapter, are the reference's for the next loss. */
export const keepReference = (recorder: Recorder, memory: LossMemory, logProb: Tensor, rows: number): void =>
  recorder.copy(logProb, memory.refLogProb, 4 * rows);

/** Uploads log-probabilities [R] under the reference policy for the next loss. */
export const uploadReference = (recorder: Recorder, memory: LossMemory, logProb: ArrayLike<number>): void =>
  recorder.write(memory.refLogProb, Float32Array.from(logProb));

export interface PolicyLossArgs {
  readonly memory: LossMemory;
  /** logProb and entropy are read; dLogProb and dEntropy are written, f32[R] each. */
  readonly head: Pick<HeadMemory, "logProb" | "entropy" | "dLogProb" | "dEntropy">;
  /** Of R tokens, in the order of the micro-batch's targets. */
  readonly batch: LossBatch;
  readonly objective: Objective;
}

/**
 * Uploads what the loss takes and records it: head.dLogProb and dEntropy [R] become the gradients of the objective to
 * minimise, and memory.stats grows by this micro-batch. With a KL term memory.refLogProb must have been filled.
 */
export function policyLoss(recorder: Recorder, { memory, head, batch, objective }: PolicyLossArgs): void {
  const rows = batch.advantage.length;
  if (rows === 0) return;
  const { loss, kl } = objective;
  recorder.write(memory.inputs, lossInputs(loss, batch));
  const shader = shaderOf(loss);
  const params = objectiveParams(batch, objective);
  const tokens = { inputs: memory.inputs, log_prob: head.logProb };
  if (loss.sequenceTerm) {
    recorder.write(memory.starts, Uint32Array.from(batch.sequenceStarts));
    recorder.dispatch({
      kernel: kernelOf(recorder, shader, "sequence_terms"),
      params: { ...params, end: batch.sequenceStarts.length - 1 },
      tensors: { ...tokens, starts: memory.starts, sequence_means: memory.sequenceMeans },
      workgroups: grid(batch.sequenceStarts.length - 1),
      work: ELEMENT_WORK * rows,
    });
  }
  const kernel = kernelOf(recorder, shader, "token_losses", kl ? klKernelType(kl.type) : 0);
  recorder.dispatch({
    kernel,
    params: { ...params, end: rows },
    tensors: {
      ...tokens,
      entropy: head.entropy,
      ref_log_prob: memory.refLogProb,
      sequence_means: memory.sequenceMeans,
      d_log_prob: head.dLogProb,
      d_entropy: head.dEntropy,
      token_stats: memory.tokenStats,
    },
    workgroups: grid(ceilDiv(rows, kernel.workgroupSize)),
    work: ELEMENT_WORK * LOSS_STATS.length * rows,
  });
  recorder.dispatch({
    kernel: kernelOf(recorder, shader, "add_stats"),
    params: { ...params, end: rows },
    tensors: { token_stats: memory.tokenStats, stats: memory.stats },
    workgroups: [LOSS_STATS.length],
    work: ELEMENT_WORK * LOSS_STATS.length * rows,
  });
}

/** The driver with one loss behind it. */
const shaderOf = ({ id, wgsl }: PolicyLoss): Shader => ({
  name: `policy_loss+losses/${id}`,
  code: `${policyLossCode}\n${wgsl}`,
});

const kernelOf = (recorder: Recorder, shader: Shader, entry: string, type?: number): Kernel =>
  recorder.gpu.compiler.kernel(shader, entry, {
    libs: ["loss_token", "kl_penalty", "reduce"],
    ...(type !== undefined && { overrides: { KL_TYPE: type } }),
  });

function objectiveParams(batch: LossBatch, { loss, params, kl, entropyCoef }: Objective) {
  if (loss.params.length > MAX_LOSS_PARAMS) throw new BugError(`${loss.id} has ${loss.params.length} params`);
  const settings = Array.from({ length: MAX_LOSS_PARAMS }, (_, i): [string, number] => {
    const param = loss.params[i];
    return [`loss_${i}`, param ? (params[param.name] ?? Number.NaN) : 0];
  });
  return {
    first: 0,
    end: 0,
    old_is_current: batch.oldLogProb === "current" ? 1 : 0,
    kl_coef: kl?.coef ?? 0,
    entropy_coef: entropyCoef,
    ...Object.fromEntries(settings),
  };
}

/** What the shader reads of each token, f32[R,8]. Throws BugError when the lists are not of one length. */
function lossInputs(loss: PolicyLoss, batch: LossBatch): Float32Array<ArrayBuffer> {
  const { oldLogProb, advantage, weight, penaltyWeight = weight, samplerWeight, sequenceStarts } = batch;
  const rows = advantage.length;
  const lists = [oldLogProb, weight, penaltyWeight, samplerWeight].filter((list) => typeof list === "object");
  if (lists.some((list) => list.length !== rows) || sequenceStarts[sequenceStarts.length - 1] !== rows) {
    throw new BugError(`the lists of a loss batch of ${rows} tokens differ in length`);
  }
  const inputs = new Float32Array(INPUTS * rows);
  for (let sequence = 0; sequence + 1 < sequenceStarts.length; sequence++) {
    for (let r = sequenceStarts[sequence]!; r < sequenceStarts[sequence + 1]!; r++) {
      const sampler = samplerWeight?.[r] ?? 1;
      const old = oldLogProb === "current" ? 0 : oldLogProb[r]!;
      const full = weight[r]! * (loss.appliesSamplerWeight ? 1 : sampler);
      inputs.set([old, advantage[r]!, sampler, full, penaltyWeight[r]!, sequence], INPUTS * r);
    }
  }
  return inputs;
}
