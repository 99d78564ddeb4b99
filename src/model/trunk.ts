// What a policy and its critic have in common: tokens to the hidden states that predict each target, and the way back. Both
// run it over the same buffers, one at a time; whose pass those hold is turn.ts. Heads are elsewhere.

import type { Recorder, Tensor } from "../gpu/index.ts";
import { rmsnorm, rmsnormGradient } from "../ops/rmsnorm.ts";
import { gatherRows, scatterRows } from "../ops/rows.ts";
import type { DecoderConfig } from "./config.ts";
import { embeddingBackward, embedTokens } from "./embed.ts";
import type { LayerContext } from "./layer.ts";
import { layerBackward, layerForward } from "./layer.ts";
import type { Adapter } from "./lora.ts";
import type { PolicyMemory } from "./memory.ts";
import type { DecoderWeights } from "./weights.ts";

/** A model without its head, and the buffers that it runs over. */
export interface Trunk {
  readonly config: DecoderConfig;
  readonly weights: DecoderWeights;
  /** Absent: the weights alone. */
  readonly adapter: Adapter | undefined;
  readonly memory: Pick<PolicyMemory, "batch" | "activations" | "ropeTable"> & {
    readonly head: Pick<PolicyMemory["head"], "x" | "dx">;
  };
}

/**
 * Records embedding and layers over the loaded batch [N]. `onLayer` is called after each layer's commands, when its
 * rotated q, k, v are still in place.
 */
export function trunkLayers(
  recorder: Recorder,
  trunk: Trunk,
  onLayer: (index: number, qkv: Tensor) => void = () => {},
): void {
  const { config, weights, memory } = trunk;
  const { batch, activations } = memory;
  const ids = { ids: batch.tokens, idStride: 1, idOffset: 0 };
  embedTokens(recorder, weights.embedding, ids, activations.layers[0]!.h, batch.tokenCount, config.hidden);
  for (let index = 0; index < config.layers; index++) {
    const context = layerOf(trunk, index);
    layerForward(recorder, context, index > 0 ? activations.layers[index - 1]!.h2 : undefined);
    onLayer(index, context.acts.qkv);
  }
}

/** Records the pass over the loaded batch: head.x [R,C] becomes the normalised hidden state that predicts each target. */
export function trunkForward(recorder: Recorder, trunk: Trunk): void {
  const { activations, batch, head } = trunk.memory;
  trunkLayers(recorder, trunk);
  finalNorm(recorder, trunk);
  gatherRows(recorder, {
    x: activations.normed,
    index: batch.rows,
    y: head.x,
    rows: batch.targetCount,
    channels: trunk.config.hidden,
  });
}

function finalNorm(recorder: Recorder, { config, weights, memory }: Trunk): void {
  const { activations, batch } = memory;
  const { hidden: h, normed: y, rstd, scratch } = activations;
  const { hidden: channels, rmsEps: eps } = config;
  const add = { delta: scratch.delta, h };
  const rows = batch.tokenCount;
  rmsnorm(recorder, {
    x: activations.layers.at(-1)!.h2,
    add,
    weight: weights.finalNorm.tensor,
    y,
    rstd,
    rows,
    channels,
    eps,
  });
}

/** Records the way back of the last `trunkForward`: adds what follows from head.dx [R,C] to the gradients of what is trained. */
export function trunkBackward(recorder: Recorder, trunk: Trunk): void {
  const { config, weights, memory } = trunk;
  const { batch, activations, head } = memory;
  const { scratch } = activations;
  const rows = batch.tokenCount;
  const channels = config.hidden;
  scatterRows(recorder, {
    dy: head.dx,
    starts: batch.rowStarts,
    order: batch.rowOrder,
    dx: scratch.dx,
    rows,
    channels,
  });
  recorder.clear(scratch.dh);
  const { tensor: weight, grad: dweight } = weights.finalNorm;
  rmsnormGradient(recorder, {
    dy: scratch.dx,
    x: activations.hidden,
    weight,
    rstd: activations.rstd,
    dx: scratch.dh,
    dweight,
    rows,
    channels,
  });
  const trainsEmbedding = weights.embedding.some(({ stored }) => stored.grad);
  for (let index = config.layers - 1; index >= 0; index--) {
    const context = layerOf(trunk, index);
    if (activations.isCheckpointed && index < config.layers - 1) layerForward(recorder, context);
    layerBackward(recorder, context, index === 0 && !trainsEmbedding);
  }
  if (trainsEmbedding) embeddingBackward(recorder, weights.embedding, batch, scratch.dh, channels);
}

function layerOf({ config, weights, adapter, memory }: Trunk, index: number): LayerContext {
  const { batch, activations, ropeTable } = memory;
  return {
    config,
    weights: weights.layers[index]!,
    adapter: adapter?.layers[index],
    batch,
    acts: activations.layers[index]!,
    scratch: activations.scratch,
    ropeTable,
  };
}
