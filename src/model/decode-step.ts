// One decode step: the next token of every row, as a list of operations on the live weights. The same layer as in
// layer.ts, one token a row, with keys and values from the caches.

import type { Recorder, Tensor } from "../gpu/index.ts";
import { attentionDecode } from "../ops/attention-decode.ts";
import { headNorm } from "../ops/head-norm.ts";
import { kvAppend } from "../ops/kv-cache.ts";
import { loraSkinny } from "../ops/lora.ts";
import { matmulSkinny } from "../ops/matmul.ts";
import { rmsnorm } from "../ops/rmsnorm.ts";
import { rope } from "../ops/rope.ts";
import type { SampleArgs } from "../ops/sampling.ts";
import { sample } from "../ops/sampling.ts";
import { swiglu } from "../ops/swiglu.ts";
import type { DecoderConfig } from "./config.ts";
import type { DecodeMemory } from "./decode-memory.ts";
import { ROW_STATE_WORDS } from "./decode-memory.ts";
import type { LayerAdapter, LoraBranch } from "./lora.ts";
import type { Policy } from "./policy.ts";
import { embedTokens } from "./embed.ts";
import type { LayerWeights, LinearName } from "./weights.ts";

/** How the next token is chosen: temperature (0: greedy), top-k (0: off), top-p (1: off) and the run's seed. */
export type SamplingOptions = Pick<SampleArgs, "temperature" | "topK" | "topP" | "seed">;

export interface DecodeStepOptions {
  /** Line of the history that the step writes. */
  readonly step: number;
  /** Rows to compute, from the first on. */
  readonly rows: number;
  readonly sampling: SamplingOptions;
  readonly useAdapter: boolean;
}

/** What one layer of a step needs. */
interface LayerStep {
  readonly recorder: Recorder;
  readonly config: DecoderConfig;
  readonly memory: DecodeMemory;
  readonly ropeTable: Tensor;
  readonly rows: number;
  readonly index: number;
  readonly weights: LayerWeights;
  readonly adapter: LayerAdapter | undefined;
}

/** Records one step: every active row of the state [R,8] gains a token, and history line `step` [S,R] tells which. */
export function decodeStep(policy: Policy, { step, rows, sampling, useAdapter }: DecodeStepOptions): void {
  const { recorder, config } = policy;
  const { weights, adapter, ropeTable } = policy.memory;
  const memory = policy.memory.decode!;
  const { hidden: channels, rmsEps: eps, vocab } = config;
  const { state, h, h2, x, rstd, delta, logits } = memory;
  const ids = { ids: state, idStride: ROW_STATE_WORDS, idOffset: 0 };
  embedTokens(recorder, weights.embedding, ids, h, rows, channels);
  weights.layers.forEach((layer, index) => {
    const layerAdapter = useAdapter ? adapter?.layers[index] : undefined;
    layerStep({ recorder, config, memory, ropeTable, rows, index, weights: layer, adapter: layerAdapter });
  });
  const add = { delta, h };
  rmsnorm(recorder, { x: h2, add, weight: weights.finalNorm.tensor, y: x, rstd, rows, channels, eps });
  for (const { stored, row, rows: n } of weights.head) {
    matmulSkinny(recorder, {
      x,
      w: stored.tensor,
      y: logits,
      r: rows,
      n,
      k: channels,
      ldy: vocab,
      yOffset: row,
    });
  }
  const { tokens, logProbs, stopTokens } = memory;
  sample(recorder, { logits, state, stopTokens, tokens, logProbs, rows, vocab, step, ...sampling });
}

function layerStep(layer: LayerStep): void {
  const { recorder, config, memory, rows, index, weights } = layer;
  const { hidden: channels, rmsEps: eps, intermediate: intermediateSize } = config;
  const { h, h2, x, rstd, delta, qkv, attended, gateUp, gated } = memory;
  const sizes = { rows, channels, eps };
  const residual = index > 0 ? { x: h2, add: { delta, h } } : { x: h };
  rmsnorm(recorder, { ...residual, weight: weights.inputNorm.tensor, y: x, rstd, ...sizes });
  project(layer, "qkv", x, qkv);
  attend(layer);
  project(layer, "o", attended, delta);
  rmsnorm(recorder, { x: h, add: { delta, h: h2 }, weight: weights.postNorm.tensor, y: x, rstd, ...sizes });
  project(layer, "gateUp", x, gateUp);
  swiglu(recorder, { gateUp, y: gated, rows, intermediateSize });
  project(layer, "down", gated, delta);
}

/** Normalises q and k where the family does, rotates them, appends k and v to the row's cache and attends over prompt and row. */
function attend({ recorder, config, memory, ropeTable, rows, index, weights }: LayerStep): void {
  const { heads, kvHeads, headSize, rmsEps: eps } = config;
  const { qkv, state, attended: out, sizes, promptCache, rowCache } = memory;
  if (weights.headNorms) {
    const scales = { q: weights.headNorms.q.tensor, k: weights.headNorms.k.tensor };
    headNorm(recorder, { qkv, weights: scales, rows, eps, heads, kvHeads, headSize });
  }
  rope(recorder, {
    x: qkv,
    positions: state,
    positionStride: ROW_STATE_WORDS,
    positionOffset: 1,
    table: ropeTable,
    rows,
    rowStride: (heads + 2 * kvHeads) * headSize,
    heads: heads + kvHeads,
    headSize,
    direction: "forward",
  });
  const { maxPrompt, maxNew } = sizes;
  const cache = { qkv, state, rowCache: rowCache[index]!, rows, maxNew, heads, kvHeads, headSize };
  kvAppend(recorder, cache);
  attentionDecode(recorder, {
    ...cache,
    promptCache: promptCache[index]!,
    maxPrompt,
    out,
    scale: headSize ** -0.5,
  });
}

function project(
  { recorder, memory, weights, adapter, rows: r }: LayerStep,
  name: LinearName,
  x: Tensor,
  y: Tensor,
): void {
  const { weight, bias, inputs, outputs } = weights[name];
  matmulSkinny(recorder, { x, w: weight.tensor, y, r, n: outputs, k: inputs, bias: bias?.tensor });
  const branch: LoraBranch | undefined = adapter?.[name];
  if (!branch) return;
  const { a, b, ...sizes } = branch;
  loraSkinny(recorder, { ...sizes, x, a: a.tensor, b: b.tensor, u: memory.u, y, rows: r, inputs, outputs });
}
