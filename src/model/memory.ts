// Everything a policy will hold in device memory, allocated by one function that runs twice: on paper, which is the
// memory plan shown to a person, and for real.

import { UserError } from "../common/errors.ts";
import type { Q4Type } from "../common/q4.ts";
import type { Allocator, ElementType, Gpu, Owner, Tensor } from "../gpu/index.ts";
import { elementCount, PlanAllocator, RECORDER_BYTES } from "../gpu/index.ts";
import type { Activations } from "./activations.ts";
import { gradNormPartials } from "../optim/grad-norm.ts";
import { allocateActivations } from "./activations.ts";
import { DeviceBatch } from "./batch.ts";
import type { DecoderConfig } from "./config.ts";
import type { DecodeMemory, RolloutSizes } from "./decode-memory.ts";
import { allocateDecode } from "./decode-memory.ts";
import type { Adapter, LoraConfig } from "./lora.ts";
import { buildAdapter, checkLora } from "./lora.ts";
import type { MatrixType, Pool } from "./pools.ts";
import { FrozenStorage, PoolStorage } from "./pools.ts";
import type { DecoderWeights } from "./weights.ts";
import { buildWeights } from "./weights.ts";

/** Form of a parameter's 4-bit blocks, undefined where it has none. */
export type BlockTypes = (parameter: string) => Q4Type | undefined;

export interface PolicyOptions {
  /** Trains this adapter over a frozen base; absent: every weight is trained. */
  readonly lora?: LoraConfig;
  /** Storage of a frozen base's matrices; q4 keeps the blocks that the source has, and halves what it has as floats. */
  readonly baseType: "f32" | "f16" | "q4";
  /** What the source of the weights has in 4-bit blocks; for q4. */
  readonly blockType?: BlockTypes;
  /** Input tokens and targets of a micro-batch, at most. */
  readonly tokenBudget: number;
  /** Keep only the residual stream per layer and recompute the rest in the backward pass. */
  readonly activationCheckpointing: boolean;
  /** Elements of the scratch that holds a block of logits. */
  readonly headChunk: number;
  /** Largest piece of a matrix over the vocabulary, bytes; default: what the device can bind. */
  readonly vocabShardBytes?: number;
  readonly rollout?: RolloutSizes;
  /** Full fine-tuning only: keep a frozen copy of the weights as reference policy. An adapter has its base for that. */
  readonly referenceCopy?: boolean;
}

/** Tensors of the output head for R targets. */
export interface HeadMemory {
  /** Normalised hidden state that predicts each target, and its gradient, [R,C]. */
  readonly x: Tensor;
  readonly dx: Tensor;
  readonly logits: Tensor;
  /** Running (max, sum, weighted sum, target logit), [R,4]. */
  readonly state: Tensor;
  /** Results and their gradients, [R]. */
  readonly logProb: Tensor;
  readonly lse: Tensor;
  readonly entropy: Tensor;
  readonly dLogProb: Tensor;
  readonly dEntropy: Tensor;
}

export interface PolicyMemory {
  readonly weights: DecoderWeights;
  readonly adapter: Adapter | undefined;
  /** The weights that training began with: `weights` under an adapter; undefined where nothing keeps them. */
  readonly reference: DecoderWeights | undefined;
  /** What the optimiser moves. */
  readonly pools: readonly Pool[];
  /** Partial sums of the gradient norm, and (norm, clip scale, is finite, 0). */
  readonly normPartial: Tensor;
  readonly norm: Tensor;
  readonly ropeTable: Tensor;
  readonly batch: DeviceBatch;
  readonly activations: Activations;
  readonly head: HeadMemory;
  readonly decode: DecodeMemory | undefined;
}

/** Longest sequence that can occur, and so the length of the rotary table; angles exist for any position. */
export const maxPosition = ({ tokenBudget, rollout }: PolicyOptions): number =>
  Math.max(tokenBudget, (rollout?.maxPrompt ?? 0) + (rollout?.maxNew ?? 0));

/** Most elements of a piece of a matrix over the vocabulary. */
export const weightShardElements = (
  { lora, baseType, vocabShardBytes = Infinity }: PolicyOptions,
  maxBindingBytes: number,
): number => Math.min(maxBindingBytes, vocabShardBytes) / (lora && baseType !== "f32" ? 2 : 4);

/** Allocates everything, for real or on paper. `maxBindingBytes` cuts vocabularies and pools. */
export function allocatePolicy(
  allocator: Allocator,
  config: DecoderConfig,
  options: PolicyOptions,
  maxBindingBytes: number,
): PolicyMemory {
  const { lora, tokenBudget } = options;
  const maxElements = weightShardElements(options, maxBindingBytes);
  let weights: DecoderWeights;
  let adapter: Adapter | undefined;
  let reference: DecoderWeights | undefined;
  let pools: readonly Pool[];
  if (lora) {
    weights = buildWeights(config, new FrozenStorage(allocator, matrixType(options)), maxElements);
    const storage = new PoolStorage(allocator, "adapter", maxBindingBytes, (list) =>
      buildAdapter(config, lora, list),
    );
    adapter = buildAdapter(config, lora, storage);
    pools = storage.pools;
    reference = weights;
  } else {
    const storage = new PoolStorage(allocator, "weights", maxBindingBytes, (list) =>
      buildWeights(config, list, maxElements),
    );
    weights = buildWeights(config, storage, maxElements);
    pools = storage.pools;
    if (options.referenceCopy)
      reference = buildWeights(config, new FrozenStorage(allocator, "f32"), maxElements);
  }
  return {
    weights,
    adapter,
    reference,
    pools,
    normPartial: allocator.tensor("optimizer", "gradNorm.partial", [
      gradNormPartials(pools.map(({ grads }) => elementCount(grads.shape))),
    ]),
    norm: allocator.tensor("optimizer", "gradNorm", [4]),
    ropeTable: allocator.tensor("weights", "rope", [maxPosition(options), config.headSize]),
    batch: new DeviceBatch(allocator, tokenBudget, config.vocab),
    activations: allocateActivations(
      allocator,
      config,
      adapter,
      tokenBudget,
      options.activationCheckpointing,
    ),
    head: allocateHead(allocator, config, options),
    decode: options.rollout && allocateDecode(allocator, config, adapter, options.rollout),
  };
}

/** Type of the matrix that holds some parameters: one without blocks among them makes all of it halves. */
function matrixType({ baseType, blockType }: PolicyOptions): ElementType | MatrixType {
  if (baseType !== "q4") return baseType;
  return (parameters) => {
    const types = parameters.map((name) => blockType?.(name));
    if (types.length === 0 || types.includes(undefined)) return "f16";
    return types.includes("q4z") ? "q4z" : "q4";
  };
}

function allocateHead(
  allocator: Allocator,
  { hidden, vocab }: DecoderConfig,
  { tokenBudget, headChunk }: PolicyOptions,
): HeadMemory {
  const make = (label: string, ...shape: number[]): Tensor =>
    allocator.tensor("head", `head.${label}`, shape);
  return {
    x: make("x", tokenBudget, hidden),
    dx: make("dx", tokenBudget, hidden),
    logits: make("logits", Math.min(headChunk, tokenBudget * vocab)),
    state: make("state", tokenBudget, 4),
    logProb: make("logProb", tokenBudget),
    lse: make("lse", tokenBudget),
    entropy: make("entropy", tokenBudget),
    dLogProb: make("dLogProb", tokenBudget),
    dEntropy: make("dEntropy", tokenBudget),
  };
}

/** Bytes per owner, before anything is allocated. */
export interface MemoryPlan {
  readonly bytes: ReadonlyMap<Owner, number>;
  readonly total: number;
}

/**
 * The memory plan of a policy on a device with these limits. Throws UserError when a setting makes no sense, or when a
 * single tensor cannot be bound there, naming the tensor and the setting that shrinks it.
 */
export function planPolicy(
  config: DecoderConfig,
  options: PolicyOptions,
  limits: Pick<Gpu, "maxBindingBytes">,
): MemoryPlan {
  checkOptions(options);
  const plan = new PlanAllocator();
  allocatePolicy(plan, config, options, limits.maxBindingBytes);
  plan.bytes.set("system", RECORDER_BYTES);
  const largest = plan.largest!;
  if (largest.bytes > limits.maxBindingBytes) {
    throw new UserError(
      `${largest.label} [${largest.shape}] (${elementCount(largest.shape)} elements) needs ${largest.bytes} bytes in one piece, and this device binds ${limits.maxBindingBytes}: ${remedy(largest)}.`,
    );
  }
  return { bytes: plan.bytes, total: plan.total };
}

/** Throws UserError naming the setting, its value and what is needed. */
function checkOptions({ lora, tokenBudget, headChunk, rollout }: PolicyOptions): void {
  if (lora) checkLora(lora);
  const sizes = { "token budget": tokenBudget, "head chunk": headChunk };
  for (const [name, value] of Object.entries({ ...sizes, ...rollout })) {
    if (Number.isSafeInteger(value) && value >= 1) continue;
    throw new UserError(`The ${name} is ${value}: a whole number from 1 up is needed.`);
  }
  if (rollout && rollout.maxPrompt - 1 > tokenBudget) {
    throw new UserError(
      `Prompts of up to ${rollout.maxPrompt} tokens do not fit a token budget of ${tokenBudget}: raise the budget or shorten the prompts.`,
    );
  }
}

function remedy({ owner, label }: Tensor): string {
  if (label === "head.logits") return "lower the head chunk";
  if (label.startsWith("decode.promptCache")) return "lower the number of prompt slots or the prompt length";
  if (owner === "kvCache") return "lower the number of rollout rows or the response length";
  if (owner === "activations" || owner === "batch" || owner === "head")
    return "lower the token budget of a micro-batch";
  return "train a smaller model, or on a device with larger bindings";
}
