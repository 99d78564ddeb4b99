// Adam with decoupled weight decay: CPU reference first, then the launcher of shaders/adamw.wgsl. Parameters, gradients
// and both moments lie in pools of one layout; a call serves one range of them. The learning rate is schedule.ts's.

import adamwCode from "../../shaders/adamw.wgsl?raw";
import { BugError } from "../common/errors.ts";
import type { Recorder, Tensor } from "../gpu/index.ts";
import { ceilDiv, ELEMENT_WORK, elementCount, grid } from "../gpu/index.ts";
import { slices } from "./slices.ts";

const SHADER = { name: "adamw", code: adamwCode };
/** ADAMW_PER_THREAD of the shader: fours of elements. */
const PER_THREAD = 4;

/** The numbers of one step. None has a default: they change what is learnt. */
export interface AdamwSettings {
  readonly lr: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly weightDecay: number;
  /** t, 1 at the first step. */
  readonly step: number;
}

/** Scalars of step t as torch.optim.AdamW computes them, in float64. */
function scalars({ lr, beta1, beta2, eps, weightDecay, step }: AdamwSettings) {
  if (!(step >= 1)) throw new BugError(`AdamW counts steps from 1, not ${step}`);
  return {
    decay: 1 - lr * weightDecay,
    one_minus_beta1: 1 - beta1,
    beta2,
    one_minus_beta2: 1 - beta2,
    step_size: lr / (1 - beta1 ** step),
    bias2_sqrt: Math.sqrt(1 - beta2 ** step),
    eps,
  };
}

/** A range of the parameters with its gradient and moments, all [P]. */
export interface AdamwState {
  readonly params: Float32Array;
  readonly grads: Float32Array;
  readonly m: Float32Array;
  readonly v: Float32Array;
}

/** One step in place on params, m and v [P], with gradients multiplied by `scale`. */
export function adamwReference(
  { params, grads, m, v }: AdamwState,
  scale: number,
  settings: AdamwSettings,
): void {
  const s = scalars(settings);
  for (let i = 0; i < params.length; i++) {
    const g = scale * grads[i]!;
    m[i] = m[i]! + s.one_minus_beta1 * (g - m[i]!);
    v[i] = s.beta2 * v[i]! + s.one_minus_beta2 * g * g;
    params[i] = params[i]! * s.decay - (s.step_size * m[i]!) / (Math.sqrt(v[i]!) / s.bias2_sqrt + s.eps);
  }
}

export interface AdamwArgs extends AdamwSettings {
  /** Parameters, f32[P]; changed in place. */
  readonly params: Tensor;
  /** Gradients, f32[P]. */
  readonly grads: Tensor;
  /** First moment, f32[P]; changed in place. */
  readonly m: Tensor;
  /** Second moment, f32[P]; changed in place. */
  readonly v: Tensor;
  /** What `gradNorm` wrote, f32[4]: gradients are multiplied by its scale, and nothing changes if it is not finite. */
  readonly norm: Tensor;
  /** First element of the range; 0 if absent. */
  readonly start?: number | undefined;
  /** Elements of the range; to the end of the pools if absent. */
  readonly count?: number | undefined;
}

/** Records one step on elements [start, start + count) of the pools. Throws BugError when the pools differ in size. */
export function adamw(recorder: Recorder, args: AdamwArgs): void {
  const { params, grads, m, v, norm, start = 0 } = args;
  const total = elementCount(params.shape);
  const end = start + (args.count ?? total - start);
  for (const pool of [grads, m, v]) {
    if (elementCount(pool.shape) !== total)
      throw new BugError(`${pool.label} [${pool.shape}]: ${total} elements needed`);
  }
  if (start < 0 || end > total)
    throw new BugError(`${params.label} has ${total} elements, not ${start} to ${end}`);
  const cut = {
    params: slices(recorder, params),
    grads: slices(recorder, grads),
    m: slices(recorder, m),
    v: slices(recorder, v),
  };
  cut.params.forEach(({ tensor, first, count }, k) => {
    const pools = {
      params: tensor,
      grads: cut.grads[k]!.tensor,
      m: cut.m[k]!.tensor,
      v: cut.v[k]!.tensor,
      norm,
    };
    launch(
      recorder,
      { ...args, ...pools },
      { start: Math.max(0, start - first), stop: Math.min(count, end - first) },
    );
  });
}

/** Elements, or fours of them, [start, stop). */
interface Range {
  readonly start: number;
  readonly stop: number;
}

/** Records the step on a range of pools that each fit one binding. */
function launch(recorder: Recorder, args: AdamwArgs, { start, stop }: Range): void {
  if (start >= stop) return;
  const left = Math.min(stop, 4 * Math.ceil(start / 4));
  const right = Math.max(left, 4 * Math.floor(stop / 4));
  launchFours(recorder, args, { start: left / 4, stop: right / 4 });
  launchSingle(recorder, args, { start, stop: left });
  launchSingle(recorder, args, { start: right, stop });
}

function launchFours(recorder: Recorder, args: AdamwArgs, range: Range): void {
  if (range.start >= range.stop) return;
  const { params, grads, m, v, norm } = args;
  const kernel = recorder.gpu.compiler.kernel(SHADER, "step");
  const tile = kernel.workgroupSize * PER_THREAD;
  const numbers = scalars(args);
  recorder.split(ceilDiv(range.stop - range.start, tile), ELEMENT_WORK * tile, (first, count) =>
    recorder.dispatch({
      kernel,
      params: { first, end: first + count, ...range, ...numbers },
      tensors: { weights: params, grads, moment1: m, moment2: v, norm },
      workgroups: grid(count),
      work: ELEMENT_WORK * tile * count,
    }),
  );
}

/** Fewer than four elements: those before the first or after the last whole four. */
function launchSingle(recorder: Recorder, args: AdamwArgs, range: Range): void {
  if (range.start >= range.stop) return;
  const { params, grads, m, v, norm } = args;
  recorder.dispatch({
    kernel: recorder.gpu.compiler.kernel(SHADER, "step_single"),
    params: { first: 0, end: 1, ...range, ...scalars(args) },
    tensors: { weights_single: params, grads_single: grads, moment1_single: m, moment2_single: v, norm },
    workgroups: [1],
    work: ELEMENT_WORK * 4,
  });
}
