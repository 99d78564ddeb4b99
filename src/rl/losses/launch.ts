// Runs a policy loss on the device: from memory.head.logProb and entropy of a forward pass to dLogProb and dEntropy for the
// backward pass, with counts that stay on the device until the end of the step. Launcher of shaders/policy_loss.wgsl and
// shaders/token_selection.wgsl.

import policyLossCode from "../../../shaders/policy_loss.wgsl?raw";
import tokenSelectionCode from "../../../shaders/token_selection.wgsl?raw";
import { BugError } from "../../common/errors.ts";
import type { Allocator, Kernel, Recorder, Shader, Tensor } from "../../gpu/index.ts";
import { ceilDiv, ELEMENT_WORK, grid } from "../../gpu/index.ts";
import type { HeadMemory } from "../../model/memory.ts";
import { klKernelType } from "./kl.ts";
import type { LossBatch, Objective, PolicyLoss } from "./policy-loss.ts";
import { isCounted, MAX_LOSS_PARAMS, sequenceLengths } from "./policy-loss.ts";
import { selectionCount, selectionRandom } from "./selection.ts";
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
  /** f32[R], for losses that select tokens. */
  readonly selectionKeys: Tensor;
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
    selectionKeys: make("selectionKeys", tokenBudget),
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
  recorder.write(memory.inputs, lossInputs(objective.loss, batch));
  const launch: Launch = {
    recorder,
    memory,
    rows,
    loss: objective.loss,
    params: objectiveParams(batch, objective),
    tokens: { inputs: memory.inputs, log_prob: head.logProb },
  };
  if (objective.loss.selection) selectTokens(launch);
  if (objective.loss.sequenceTerm) sequenceMeans(launch, batch.sequenceStarts);
  tokenLosses(launch, head, objective);
  recorder.dispatch({
    kernel: kernelOf(recorder, shaderOf(objective.loss, "policy_loss"), "add_stats"),
    params: { ...launch.params, end: rows },
    tensors: { token_stats: memory.tokenStats, stats: memory.stats },
    workgroups: [LOSS_STATS.length],
    work: ELEMENT_WORK * LOSS_STATS.length * rows,
  });
}

/** What the dispatches of one micro-batch of R tokens share. */
interface Launch {
  readonly recorder: Recorder;
  readonly memory: LossMemory;
  readonly rows: number;
  readonly loss: PolicyLoss;
  readonly params: Readonly<Record<string, number>>;
  readonly tokens: Readonly<Record<"inputs" | "log_prob", Tensor>>;
}

function selectTokens({ recorder, memory, rows, loss, params, tokens }: Launch): void {
  const shader = shaderOf(loss, "token_selection");
  const select = kernelOf(recorder, shader, "select_tokens");
  const tensors = { ...tokens, keys: memory.selectionKeys };
  recorder.dispatch({
    kernel: kernelOf(recorder, shader, "selection_keys"),
    params: { ...params, end: rows },
    tensors,
    workgroups: [1],
    work: 2 * ELEMENT_WORK * rows,
  });
  recorder.dispatch({
    kernel: select,
    params: { ...params, end: rows },
    tensors: { inputs: memory.inputs, keys: memory.selectionKeys },
    workgroups: grid(ceilDiv(rows, select.workgroupSize)),
    work: 4 * rows * rows,
  });
}

function sequenceMeans(launch: Launch, starts: ArrayLike<number>): void {
  const { recorder, memory, rows, loss, params, tokens } = launch;
  const sequences = starts.length - 1;
  recorder.write(memory.starts, Uint32Array.from(starts));
  recorder.dispatch({
    kernel: kernelOf(recorder, shaderOf(loss, "policy_loss"), "sequence_terms"),
    params: { ...params, end: sequences },
    tensors: { ...tokens, starts: memory.starts, sequence_means: memory.sequenceMeans },
    workgroups: grid(sequences),
    work: ELEMENT_WORK * rows,
  });
}

function tokenLosses(launch: Launch, head: PolicyLossArgs["head"], { kl }: Objective): void {
  const { recorder, memory, rows, loss, params, tokens } = launch;
  const shader = shaderOf(loss, "policy_loss");
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
}

/** The driver with one loss behind it. */
const shaderOf = ({ id, wgsl }: PolicyLoss, driver: "policy_loss" | "token_selection"): Shader => ({
  name: `${driver}+losses/${id}`,
  code: `${driver === "policy_loss" ? policyLossCode : tokenSelectionCode}\n${wgsl}`,
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
    select_count: loss.selection ? selectionCount(loss.selection, countedTokens(batch), params) : 0,
    kl_coef: kl?.coef ?? 0,
    entropy_coef: entropyCoef,
    ...Object.fromEntries(settings),
  };
}

/** Tokens that are not masked. */
const countedTokens = ({ advantage, mask }: LossBatch): number =>
  Array.from(advantage).filter((_, r) => isCounted(mask, r)).length;

/** What the shader reads of each token, f32[R,8]. Throws BugError when the lists are not of one length. */
function lossInputs(loss: PolicyLoss, batch: LossBatch): Float32Array<ArrayBuffer> {
  const {
    oldLogProb,
    advantage,
    weight,
    penaltyWeight = weight,
    samplerWeight,
    mask,
    sequenceStarts,
  } = batch;
  const rows = advantage.length;
  const lists = [oldLogProb, weight, penaltyWeight, samplerWeight, mask].filter(
    (list) => typeof list === "object",
  );
  if (lists.some((list) => list.length !== rows) || sequenceStarts[sequenceStarts.length - 1] !== rows) {
    throw new BugError(`the lists of a loss batch of ${rows} tokens differ in length`);
  }
  const inputs = new Float32Array(INPUTS * rows);
  const random = loss.selection && selectionRandom(loss.selection, rows, batch.random);
  const lengths = sequenceLengths(sequenceStarts, mask);
  for (let sequence = 0; sequence + 1 < sequenceStarts.length; sequence++) {
    const [start, end] = [sequenceStarts[sequence]!, sequenceStarts[sequence + 1]!];
    for (let r = start; r < end; r++) {
      const sampler = samplerWeight?.[r] ?? 1;
      const old = oldLogProb === "current" ? 0 : oldLogProb[r]!;
      const full = weight[r]! * (loss.appliesSamplerWeight ? 1 : sampler);
      // The length 0 says that a token is masked.
      const length = isCounted(mask, r) ? lengths[r]! : 0;
      const others = [penaltyWeight[r]!, sequence, length, random?.[r] ?? 0];
      inputs.set([old, advantage[r]!, sampler, full, ...others], INPUTS * r);
    }
  }
  return inputs;
}
