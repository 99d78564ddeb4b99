// Everything a forward and backward pass over one micro-batch writes, allocated once for the token budget. With
// activation checkpointing only the residual stream at each layer's input is kept and one set serves all layers.

import type { Allocator, Tensor } from "../gpu/index.ts";
import type { DecoderConfig } from "./config.ts";
import { FAMILIES } from "./families.ts";
import type { Adapter } from "./lora.ts";
import type { LinearName } from "./weights.ts";
import { LINEARS } from "./weights.ts";

/** What one layer's backward needs from its forward. N tokens, C hidden, I intermediate, H heads, D head size. */
export interface LayerActivations {
  /** Layer input (residual stream), [N,C]. */
  readonly h: Tensor;
  /** Normalised input of attention, [N,C], and its 1/rms, [N]. */
  readonly x1: Tensor;
  readonly rstd1: Tensor;
  /** q | k | v after rotation, [N,(H+2K)*D]. */
  readonly qkv: Tensor;
  /** Query and key heads before their norms, [N,(H+K)*D], and 1/rms, [N,H+K], where the family has these norms. */
  readonly headNorms?: { readonly x: Tensor; readonly rstd: Tensor };
  /** Attention output before its projection, [N,H*D], and the log-sum-exp of its scores, [N,H]. */
  readonly attended: Tensor;
  readonly lse: Tensor;
  /** Residual stream after attention, [N,C]. */
  readonly h2: Tensor;
  readonly x2: Tensor;
  readonly rstd2: Tensor;
  /** gate | up, [N,2I], and silu(gate) * up, [N,I]. */
  readonly gateUp: Tensor;
  readonly gated: Tensor;
  /** scale * x A^T of each adapted projection, [N,columns]. */
  readonly u: Partial<Record<LinearName, Tensor>>;
}

/** Buffers that hold nothing from one operation to the next but what the pass itself hands over. */
export interface Scratch {
  /** Output of the o and down projections before it joins the residual stream, [N,C]. */
  readonly delta: Tensor;
  /** Gradient of the residual stream, [N,C]. */
  readonly dh: Tensor;
  readonly dx: Tensor;
  readonly dqkv: Tensor;
  readonly dAttended: Tensor;
  readonly dGateUp: Tensor;
  readonly dGated: Tensor;
  /** Gradient of U, [N,columns]. */
  readonly dU: Tensor;
  /** sum_d dOut * out per query and head, [N,H]. */
  readonly dDot: Tensor;
}

export interface Activations {
  readonly layers: readonly LayerActivations[];
  readonly isCheckpointed: boolean;
  /** Residual stream after the last layer, its normalisation [N,C] and 1/rms [N]. */
  readonly hidden: Tensor;
  readonly normed: Tensor;
  readonly rstd: Tensor;
  readonly scratch: Scratch;
}

/** Allocates activations for micro-batches of at most `tokens` tokens. */
export function allocateActivations(
  allocator: Allocator,
  config: DecoderConfig,
  adapter: Adapter | undefined,
  tokens: number,
  isCheckpointed: boolean,
): Activations {
  const { hidden, heads, kvHeads, headSize, intermediate, layers } = config;
  const make = (label: string, ...shape: number[]): Tensor =>
    allocator.tensor("activations", label, [tokens, ...shape]);
  const qkvColumns = (heads + 2 * kvHeads) * headSize;
  const internals = (label: string, index: number): Omit<LayerActivations, "h"> => ({
    x1: make(`${label}.x1`, hidden),
    rstd1: make(`${label}.rstd1`),
    qkv: make(`${label}.qkv`, qkvColumns),
    ...(FAMILIES[config.family].hasHeadNorms && {
      headNorms: {
        x: make(`${label}.qk`, (heads + kvHeads) * headSize),
        rstd: make(`${label}.rstdQk`, heads + kvHeads),
      },
    }),
    attended: make(`${label}.attended`, heads * headSize),
    lse: make(`${label}.lse`, heads),
    h2: make(`${label}.h2`, hidden),
    x2: make(`${label}.x2`, hidden),
    rstd2: make(`${label}.rstd2`),
    gateUp: make(`${label}.gateUp`, 2 * intermediate),
    gated: make(`${label}.gated`, intermediate),
    u: lowRankInputs(adapter, index, (name, columns) => make(`${label}.${name}.u`, columns)),
  });
  const shared = isCheckpointed ? internals("layers", 0) : undefined;
  return {
    layers: Array.from({ length: layers }, (_, i) => ({
      h: make(`layers.${i}.h`, hidden),
      ...(shared ?? internals(`layers.${i}`, i)),
    })),
    isCheckpointed,
    hidden: make("hidden", hidden),
    normed: make("normed", hidden),
    rstd: make("rstd"),
    scratch: {
      delta: make("delta", hidden),
      dh: make("dh", hidden),
      dx: make("dx", Math.max(hidden, heads * headSize)),
      dqkv: make("dqkv", qkvColumns),
      dAttended: make("dAttended", heads * headSize),
      dGateUp: make("dGateUp", 2 * intermediate),
      dGated: make("dGated", intermediate),
      dU: make("dU", maxColumns(adapter)),
      dDot: make("dDot", heads),
    },
  };
}

function lowRankInputs(
  adapter: Adapter | undefined,
  layer: number,
  make: (name: LinearName, columns: number) => Tensor,
): Partial<Record<LinearName, Tensor>> {
  const u: Partial<Record<LinearName, Tensor>> = {};
  for (const name of LINEARS) {
    const branch = adapter?.layers[layer]?.[name];
    if (branch) u[name] = make(name, branch.columns);
  }
  return u;
}

const maxColumns = (adapter: Adapter | undefined): number =>
  Math.max(
    1,
    ...(adapter?.layers ?? []).flatMap((layer) => LINEARS.map((name) => layer[name]?.columns ?? 0)),
  );
