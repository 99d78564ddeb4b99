// What a critic holds in device memory besides what it shares with its policy, allocated by one function for the plan and for
// real. Its weights are the policy's frozen base under an adapter of its own, or a set of its own.

import type { Allocator, Tensor } from "../gpu/index.ts";
import { elementCount } from "../gpu/index.ts";
import { gradNormPartials } from "../optim/grad-norm.ts";
import type { DecoderConfig } from "./config.ts";
import type { Adapter } from "./lora.ts";
import { buildAdapter } from "./lora.ts";
import type { PolicyOptions } from "./memory.ts";
import { weightShardElements } from "./memory.ts";
import type { Pool, Storage, Stored } from "./pools.ts";
import { PoolStorage } from "./pools.ts";
import type { DecoderWeights, Parameter } from "./weights.ts";
import { buildWeights } from "./weights.ts";

/** The head of a critic: value = x . weight + bias. Names and shapes are those of Hugging Face's token classification. */
export interface ValueHead {
  /** [1,C]. */
  readonly weight: Stored;
  /** [1]. */
  readonly bias: Stored;
  readonly parameters: readonly Parameter[];
}

export interface CriticMemory {
  /** Every weight but the head over the vocabulary; absent under an adapter. */
  readonly weights: DecoderWeights | undefined;
  readonly adapter: Adapter | undefined;
  readonly head: ValueHead;
  /** What the optimiser moves. */
  readonly pools: readonly Pool[];
  /** Partial sums of the gradient norm, and (norm, clip scale, is finite, 0). */
  readonly normPartial: Tensor;
  readonly norm: Tensor;
  /** Value before each target, and the gradient of what is minimised with respect to it, [R]. */
  readonly value: Tensor;
  readonly dValue: Tensor;
}

/** Allocates a critic beside a policy of these options, for real or on paper. */
export function allocateCritic(
  allocator: Allocator,
  config: DecoderConfig,
  options: PolicyOptions,
  maxBindingBytes: number,
): CriticMemory {
  const storage = new PoolStorage(
    allocator,
    "critic",
    maxBindingBytes,
    (list) => buildCritic(config, options, maxBindingBytes, list),
    "critic",
  );
  const { pools } = storage;
  const partials = gradNormPartials(pools.map(({ grads }) => elementCount(grads.shape)));
  const make = (label: string, ...shape: number[]): Tensor =>
    allocator.tensor("critic", `critic.${label}`, shape);
  return {
    ...buildCritic(config, options, maxBindingBytes, storage),
    pools,
    normPartial: make("gradNorm.partial", partials),
    norm: make("gradNorm", 4),
    value: make("value", options.tokenBudget),
    dValue: make("dValue", options.tokenBudget),
  };
}

/** Takes what a critic trains from `storage`, in a fixed order. */
function buildCritic(
  config: DecoderConfig,
  options: PolicyOptions,
  maxBindingBytes: number,
  storage: Storage,
): Pick<CriticMemory, "weights" | "adapter" | "head"> {
  const { lora } = options;
  // A tied model lists no head over the vocabulary, and a critic has none.
  const headless = { ...config, tied: true };
  return {
    weights: lora
      ? undefined
      : buildWeights(headless, storage, weightShardElements(options, maxBindingBytes)),
    adapter: lora && buildAdapter(config, lora, storage),
    head: buildHead(config, storage),
  };
}

function buildHead({ hidden }: DecoderConfig, storage: Storage): ValueHead {
  const weight = storage.take("score.weight", [1, hidden]);
  const bias = storage.take("score.bias", [1]);
  const whole = (name: string, stored: Stored): Parameter => {
    const { shape } = stored.tensor;
    return { name, shape, pieces: [{ stored, offset: 0, start: 0, count: elementCount(shape) }] };
  };
  return { weight, bias, parameters: [whole("score.weight", weight), whole("score.bias", bias)] };
}
