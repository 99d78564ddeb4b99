// The policy: one owner of the weights, serving log-probabilities, gradients and updates. Losses and rewards are
// elsewhere; this file hands over log-probabilities and entropies and takes their gradients back.

import { BugError, UserError } from "../common/errors.ts";
import type { GpuAllocator, Recorder, Tensor } from "../gpu/index.ts";
import { allocateOrFail } from "../gpu/index.ts";
import { headBackward, headForward } from "../ops/head.ts";
import { rmsnorm, rmsnormGradient } from "../ops/rmsnorm.ts";
import { ropeTable } from "../ops/rope.ts";
import { gatherRows, scatterRows } from "../ops/rows.ts";
import type { DecoderConfig } from "./config.ts";
import { embeddingBackward, embedTokens } from "./embed.ts";
import type { LayerContext } from "./layer.ts";
import { layerBackward, layerForward } from "./layer.ts";
import { freshAdapter } from "./lora.ts";
import type { MemoryPlan, PolicyMemory, PolicyOptions } from "./memory.ts";
import { allocatePolicy, maxPosition, planPolicy } from "./memory.ts";
import type { MicroBatch } from "./packing.ts";
import type { ParameterSource } from "./parameters.ts";
import { loadParameters } from "./parameters.ts";
import type { DecoderWeights, Parameter } from "./weights.ts";

export interface ForwardOptions {
  /** Divides the logits, in sampling and in log-probabilities alike. */
  readonly temperature: number;
  /** False: the reference policy, which is the base without its adapter, or the copy of the weights where one is kept. */
  readonly useAdapter: boolean;
}

/** A decoder on the device with everything that training it needs. */
export class Policy {
  readonly recorder: Recorder;
  readonly config: DecoderConfig;
  readonly options: PolicyOptions;
  readonly plan: MemoryPlan;
  readonly memory: PolicyMemory;
  readonly #allocator: GpuAllocator;
  /** The forward pass whose buffers are still whole. */
  #forward: (ForwardOptions & { logitsResident: boolean }) | undefined;
  /** What occupies the policy across awaits, such as a rollout. */
  #occupant: string | undefined;

  private constructor(
    recorder: Recorder,
    config: DecoderConfig,
    options: PolicyOptions,
    plan: MemoryPlan,
    memory: PolicyMemory,
    allocator: GpuAllocator,
  ) {
    this.recorder = recorder;
    this.config = config;
    this.options = options;
    this.plan = plan;
    this.memory = memory;
    this.#allocator = allocator;
  }

  /**
   * Plans, allocates and loads a policy. Throws UserError when the plan does not fit the device's limits or the weights
   * do not fit the configuration, GpuError when memory runs out; nothing stays allocated then.
   */
  static async create(
    recorder: Recorder,
    config: DecoderConfig,
    options: PolicyOptions,
    weights: ParameterSource,
    onProgress: (loaded: number, total: number) => void = () => {},
  ): Promise<Policy> {
    const { gpu } = recorder;
    const plan = planPolicy(config, options, gpu);
    const { value: memory, allocator } = await allocateOrFail(gpu, (real) =>
      allocatePolicy(real, config, options, gpu.maxBindingBytes),
    );
    try {
      recorder.write(memory.ropeTable, ropeTable(maxPosition(options), config));
      await loadParameters(recorder, memory.weights.parameters, weights, onProgress);
      const { adapter, reference } = memory;
      if (reference && reference !== memory.weights)
        await loadParameters(recorder, reference.parameters, weights, onProgress);
      if (adapter) await loadParameters(recorder, adapter.parameters, freshAdapter(adapter));
      await recorder.done();
    } catch (error) {
      allocator.destroy();
      throw error;
    }
    return new Policy(recorder, config, options, plan, memory, allocator);
  }

  /** What is trained: the adapter's parameters, or all of the model's. */
  get trainable(): readonly Parameter[] {
    return (this.memory.adapter ?? this.memory.weights).parameters;
  }

  /** Replaces the fresh adapter by a saved one. Throws UserError when there is no adapter or a tensor does not fit. */
  async loadAdapter(source: ParameterSource): Promise<void> {
    if (!this.memory.adapter)
      throw new UserError(
        `${source.name} holds an adapter, and this run trains all weights: switch LoRA on to continue from it.`,
      );
    await loadParameters(this.recorder, this.memory.adapter.parameters, source);
  }

  /** Frees everything. Commands that are recorded but not submitted are handed over first. */
  destroy(): void {
    this.recorder.flush();
    this.#allocator.destroy();
  }

  /**
   * Records the forward pass over `batch`: afterwards memory.head.logProb, entropy and lse hold one f32 per target [R].
   * Everything that `backward` needs stays until the next `forward` or prefill. Throws UserError on a temperature that is
   * not positive or a token that the vocabulary does not have.
   */
  forward(batch: MicroBatch, options: ForwardOptions): void {
    const { recorder, memory } = this;
    const { head, batch: device } = memory;
    this.#checkFree("a forward pass");
    if (!(options.temperature > 0 && options.temperature < Infinity)) {
      throw new UserError(
        `The temperature is ${options.temperature}: log-probabilities need a positive number.`,
      );
    }
    this.#forward = undefined;
    device.load(recorder, batch);
    this.layersForward(options.useAdapter);
    this.#finalNorm(options.useAdapter);
    gatherRows(recorder, {
      x: memory.activations.normed,
      index: device.rows,
      y: head.x,
      rows: device.targetCount,
      channels: this.config.hidden,
    });
    const { logitsResident } = headForward(recorder, this.#headArgs(options));
    this.#forward = { ...options, logitsResident };
  }

  /**
   * Records the backward pass of the last `forward`: adds the gradients of sum_r dLogProb[r] * logProb[r] +
   * dEntropy[r] * entropy[r], given in memory.head.dLogProb and dEntropy (f32[R]), to the trainable gradients.
   */
  backward(): void {
    const { recorder, memory, config } = this;
    if (!this.#forward) throw new BugError("a backward pass needs the forward pass right before it");
    const { temperature, useAdapter, logitsResident } = this.#forward;
    if (memory.reference && !useAdapter) throw new BugError("the reference policy is not trained");
    this.#forward = undefined;
    const { head, batch, activations } = memory;
    const weights = this.#weights(useAdapter);
    const { scratch } = activations;
    const rows = batch.tokenCount;
    const channels = config.hidden;
    headBackward(recorder, { ...this.#headArgs({ temperature, useAdapter }), logitsResident });
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
      const context = this.#layer(index, useAdapter);
      if (activations.isCheckpointed && index < config.layers - 1) layerForward(recorder, context);
      layerBackward(recorder, context, index === 0 && !trainsEmbedding);
    }
    if (trainsEmbedding) embeddingBackward(recorder, weights.embedding, batch, scratch.dh, channels);
  }

  /**
   * Records the head of the last `forward` again at another temperature: memory.head has its results [R] and state [R,4] then.
   * No `backward` can follow. Throws BugError without a `forward` right before.
   */
  headAgain(temperature: number): void {
    if (!this.#forward) throw new BugError("the head can run again only right after a forward pass");
    const { useAdapter } = this.#forward;
    this.#forward = undefined;
    headForward(this.recorder, this.#headArgs({ temperature, useAdapter }));
  }

  /**
   * Uploads what `backward` takes: the gradient of the objective with respect to each target's log-probability [R] and,
   * where it depends on it, entropy [R]. Losses that compute these on the device write memory.head themselves.
   */
  setTargetGradients(dLogProb: Float32Array<ArrayBuffer>, dEntropy?: Float32Array<ArrayBuffer>): void {
    const { head } = this.memory;
    this.recorder.write(head.dLogProb, dLogProb);
    this.recorder.write(head.dEntropy, dEntropy ?? new Float32Array(dLogProb.length));
  }

  /** Runs `work` while no forward pass and no other such work may start. Throws BugError when something is under way. */
  async exclusively<T>(what: string, work: () => Promise<T>): Promise<T> {
    this.#checkFree(what);
    this.#occupant = what;
    try {
      return await work();
    } finally {
      this.#occupant = undefined;
    }
  }

  #checkFree(what: string): void {
    if (this.#occupant)
      throw new BugError(`${what} cannot start while ${this.#occupant} is under way: await it first`);
  }

  /** Sets every trainable gradient to zero; call once a step, before its first `backward`. */
  clearGradients(): void {
    for (const { grads } of this.memory.pools) this.recorder.clear(grads);
  }

  /**
   * Records embedding and layers over the loaded batch [N]. `onLayer` is called after each layer's commands, when its
   * rotated q, k, v are still in place.
   */
  layersForward(useAdapter: boolean, onLayer: (index: number, qkv: Tensor) => void = () => {}): void {
    const { recorder, memory, config } = this;
    const { batch, activations } = memory;
    const weights = this.#weights(useAdapter);
    this.#forward = undefined;
    const ids = { ids: batch.tokens, idStride: 1, idOffset: 0 };
    embedTokens(recorder, weights.embedding, ids, activations.layers[0]!.h, batch.tokenCount, config.hidden);
    for (let index = 0; index < config.layers; index++) {
      const context = this.#layer(index, useAdapter);
      layerForward(recorder, context, index > 0 ? activations.layers[index - 1]!.h2 : undefined);
      onLayer(index, context.acts.qkv);
    }
  }

  #finalNorm(useAdapter: boolean): void {
    const { activations, batch } = this.memory;
    const weights = this.#weights(useAdapter);
    const { hidden: h, normed: y, rstd, scratch } = activations;
    const { hidden: channels, rmsEps: eps } = this.config;
    const add = { delta: scratch.delta, h };
    const rows = batch.tokenCount;
    rmsnorm(this.recorder, {
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

  #weights(useAdapter: boolean): DecoderWeights {
    return (useAdapter ? undefined : this.memory.reference) ?? this.memory.weights;
  }

  #layer(index: number, useAdapter: boolean): LayerContext {
    const { adapter, batch, activations, ropeTable: table } = this.memory;
    return {
      config: this.config,
      weights: this.#weights(useAdapter).layers[index]!,
      adapter: useAdapter ? adapter?.layers[index] : undefined,
      batch,
      acts: activations.layers[index]!,
      scratch: activations.scratch,
      ropeTable: table,
    };
  }

  #headArgs({ temperature, useAdapter }: ForwardOptions) {
    const { head, batch } = this.memory;
    const weights = this.#weights(useAdapter);
    const shards = weights.head.map(({ stored, row, rows }) => ({
      weight: stored.tensor,
      rowStart: row,
      rowCount: rows,
      ...(stored.grad && { dweight: stored.grad }),
    }));
    return {
      ...head,
      shards,
      temperature,
      targets: batch.targets,
      rows: batch.targetCount,
      channels: this.config.hidden,
      vocab: this.config.vocab,
    };
  }
}
