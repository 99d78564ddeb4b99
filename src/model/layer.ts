// One decoder layer, forward and backward as two lists of operations side by side. Each backward line undoes the forward
// line with the same number. What the layer reads and writes is in activations.ts; rows are tokens of a packed batch.

import type { Recorder, Tensor } from "../gpu/index.ts";
import { attention } from "../ops/attention.ts";
import { attentionBackward } from "../ops/attention-backward.ts";
import { headNorm, headNormGradient } from "../ops/head-norm.ts";
import { rmsnorm, rmsnormGradient } from "../ops/rmsnorm.ts";
import type { RopeDirection } from "../ops/rope.ts";
import { rope } from "../ops/rope.ts";
import { swiglu, swigluGradient } from "../ops/swiglu.ts";
import type { LayerActivations, Scratch } from "./activations.ts";
import type { DeviceBatch } from "./batch.ts";
import type { DecoderConfig } from "./config.ts";
import { linearBackward, linearForward } from "./linear.ts";
import type { LayerAdapter } from "./lora.ts";
import type { LayerWeights, LinearName } from "./weights.ts";

/** What both directions of a layer need. */
export interface LayerContext {
  readonly config: DecoderConfig;
  readonly weights: LayerWeights;
  /** Absent: the base model alone, which is the reference policy. */
  readonly adapter: LayerAdapter | undefined;
  readonly batch: DeviceBatch;
  readonly acts: LayerActivations;
  readonly scratch: Scratch;
  readonly ropeTable: Tensor;
}

/**
 * Records the layer's forward. Reads the residual stream [N,C] from `acts.h`, or with `below` first sets
 * acts.h = below + scratch.delta. Leaves acts.h2 [N,C] and scratch.delta [N,C], whose sum is the layer's output.
 */
export function layerForward(recorder: Recorder, context: LayerContext, below?: Tensor): void {
  const { config, weights, acts, scratch, batch } = context;
  const { hidden: channels, rmsEps: eps, intermediate } = config;
  const rows = batch.tokenCount;
  const shape = attentionShape(context);
  // 1 normalise
  const residual = below ? { x: below, add: { delta: scratch.delta, h: acts.h } } : { x: acts.h };
  rmsnorm(recorder, {
    ...residual,
    weight: weights.inputNorm.tensor,
    y: acts.x1,
    rstd: acts.rstd1,
    rows,
    channels,
    eps,
  });
  // 2 project to q, k, v
  project(recorder, context, "qkv", acts.x1, acts.qkv);
  // 3 normalise heads of q and k, if the family does
  headNormsForward(recorder, context);
  // 4 rotate q and k
  rotate(recorder, context, acts.qkv, "forward");
  // 5 attend
  attention(recorder, { ...shape, qkv: acts.qkv, out: acts.attended, lse: acts.lse });
  // 6 project back
  project(recorder, context, "o", acts.attended, scratch.delta);
  // 7 add to the residual stream and normalise
  const add = { delta: scratch.delta, h: acts.h2 };
  rmsnorm(recorder, {
    x: acts.h,
    add,
    weight: weights.postNorm.tensor,
    y: acts.x2,
    rstd: acts.rstd2,
    rows,
    channels,
    eps,
  });
  // 8 project to gate and up
  project(recorder, context, "gateUp", acts.x2, acts.gateUp);
  // 9 gate
  swiglu(recorder, { gateUp: acts.gateUp, y: acts.gated, rows, intermediateSize: intermediate });
  // 10 project down
  project(recorder, context, "down", acts.gated, scratch.delta);
}

/**
 * Records the layer's backward. scratch.dh [N,C] holds the gradient of the layer's output and afterwards that of its
 * input, unless `isLowest`, when nothing below is trained and the input's gradient is left unfinished.
 */
export function layerBackward(recorder: Recorder, context: LayerContext, isLowest: boolean): void {
  const { config, weights, acts, scratch, batch } = context;
  const { hidden: channels, intermediate } = config;
  const { dh, dx, dqkv, dAttended, dGateUp, dGated } = scratch;
  const rows = batch.tokenCount;
  const shape = attentionShape(context);
  // 10
  projectBackward(recorder, context, "down", acts.gated, dh, dGated);
  // 9
  swigluGradient(recorder, {
    gateUp: acts.gateUp,
    dy: dGated,
    dGateUp,
    rows,
    intermediateSize: intermediate,
  });
  // 8
  projectBackward(recorder, context, "gateUp", acts.x2, dGateUp, dx);
  // 7
  const { tensor: postWeight, grad: dPostWeight } = weights.postNorm;
  rmsnormGradient(recorder, {
    dy: dx,
    x: acts.h2,
    weight: postWeight,
    rstd: acts.rstd2,
    dx: dh,
    dweight: dPostWeight,
    rows,
    channels,
  });
  // 6
  projectBackward(recorder, context, "o", acts.attended, dh, dAttended);
  // 5
  attentionBackward(recorder, {
    ...shape,
    rows,
    meanQueries: batch.meanQueries,
    qkv: acts.qkv,
    out: acts.attended,
    lse: acts.lse,
    dOut: dAttended,
    delta: scratch.dDot,
    dqkv,
  });
  // 4
  rotate(recorder, context, dqkv, "inverse");
  // 3
  headNormsBackward(recorder, context);
  // 2
  projectBackward(recorder, context, "qkv", acts.x1, dqkv, isLowest ? undefined : dx);
  if (isLowest) return;
  // 1
  const { tensor: inputWeight, grad: dInputWeight } = weights.inputNorm;
  rmsnormGradient(recorder, {
    dy: dx,
    x: acts.h,
    weight: inputWeight,
    rstd: acts.rstd1,
    dx: dh,
    dweight: dInputWeight,
    rows,
    channels,
  });
}

function headNormsForward(recorder: Recorder, { config, weights, acts, batch }: LayerContext): void {
  const { headNorms } = weights;
  if (!headNorms) return;
  const { heads, kvHeads, headSize, rmsEps: eps } = config;
  headNorm(recorder, {
    qkv: acts.qkv,
    weights: { q: headNorms.q.tensor, k: headNorms.k.tensor },
    keep: acts.headNorms!,
    rows: batch.tokenCount,
    eps,
    heads,
    kvHeads,
    headSize,
  });
}

function headNormsBackward(
  recorder: Recorder,
  { config, weights, acts, scratch, batch }: LayerContext,
): void {
  const { headNorms } = weights;
  if (!headNorms) return;
  const { heads, kvHeads, headSize } = config;
  headNormGradient(recorder, {
    dqkv: scratch.dqkv,
    weights: { q: headNorms.q.tensor, k: headNorms.k.tensor },
    dweights: { q: headNorms.q.grad, k: headNorms.k.grad },
    kept: acts.headNorms!,
    rows: batch.tokenCount,
    heads,
    kvHeads,
    headSize,
  });
}

function attentionShape({ config, batch }: LayerContext) {
  const { heads, kvHeads, headSize } = config;
  const { tiles, tileCount, meanKeys } = batch;
  return { heads, kvHeads, headSize, tiles, tileCount, meanKeys, scale: headSize ** -0.5 };
}

function project(
  recorder: Recorder,
  { weights, adapter, acts, batch }: LayerContext,
  name: LinearName,
  x: Tensor,
  y: Tensor,
): void {
  linearForward(recorder, {
    linear: weights[name],
    branch: adapter?.[name],
    x,
    y,
    u: acts.u[name],
    rows: batch.tokenCount,
  });
}

function projectBackward(
  recorder: Recorder,
  { weights, adapter, acts, scratch, batch }: LayerContext,
  name: LinearName,
  x: Tensor,
  dy: Tensor,
  dx: Tensor | undefined,
): void {
  const { dU } = scratch;
  linearBackward(recorder, {
    linear: weights[name],
    branch: adapter?.[name],
    x,
    u: acts.u[name],
    dy,
    dx,
    dU,
    rows: batch.tokenCount,
  });
}

function rotate(
  recorder: Recorder,
  { config, batch, ropeTable }: LayerContext,
  x: Tensor,
  direction: RopeDirection,
): void {
  const { heads, kvHeads, headSize } = config;
  rope(recorder, {
    x,
    positions: batch.positions,
    positionStride: 1,
    positionOffset: 0,
    table: ropeTable,
    rows: batch.tokenCount,
    rowStride: (heads + 2 * kvHeads) * headSize,
    heads: heads + kvHeads,
    headSize,
    direction,
  });
}
