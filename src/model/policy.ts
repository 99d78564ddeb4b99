// The policy: one owner of the weights, serving log-probabilities, gradients and updates. Losses and rewards are
// elsewhere; this file hands over log-probabilities and entropies and takes their gradients back.

import { BugError, UserError } from "../common/errors.ts";
import type { GpuAllocator, Recorder, Tensor } from "../gpu/index.ts";
import { allocateOrFail } from "../gpu/index.ts";
import { headBackward, headForward } from "../ops/head.ts";
import { ropeTable } from "../ops/rope.ts";
import type { DecoderConfig } from "./config.ts";
import { freshAdapter } from "./lora.ts";
import type { MemoryPlan, PolicyMemory, PolicyOptions } from "./memory.ts";
import { allocatePolicy, maxPosition, planPolicy } from "./memory.ts";
import type { MicroBatch } from "./packing.ts";
import type { ParameterSource } from "./parameters.ts";
import { loadParameters } from "./parameters.ts";
import type { Trunk } from "./trunk.ts";
import { trunkBackward, trunkForward, trunkLayers } from "./trunk.ts";
import { Turn } from "./turn.ts";
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
  /** Shared with a critic that runs over the same buffers. */
  readonly turn = new Turn();
  /** The last forward pass. */
  #pass: (ForwardOptions & { logitsResident: boolean }) | undefined;

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
   * Everything that `backward` needs stays until the next `forward` of policy or critic, or prefill. Throws UserError on a
   * temperature that is not positive or a token that the vocabulary does not have.
   */
  forward(batch: MicroBatch, options: ForwardOptions): void {
    const { recorder, memory, turn } = this;
    turn.checkFree("a forward pass");
    if (!(options.temperature > 0 && options.temperature < Infinity)) {
      throw new UserError(
        `The temperature is ${options.temperature}: log-probabilities need a positive number.`,
      );
    }
    turn.spoil();
    memory.batch.load(recorder, batch);
    trunkForward(recorder, this.#trunk(options.useAdapter));
    const { logitsResident } = headForward(recorder, this.#headArgs(options));
    this.#pass = { ...options, logitsResident };
    turn.end(this.#pass);
  }

  /**
   * Records the backward pass of the last `forward`: adds the gradients of sum_r dLogProb[r] * logProb[r] +
   * dEntropy[r] * entropy[r], given in memory.head.dLogProb and dEntropy (f32[R]), to the trainable gradients.
   */
  backward(): void {
    const { recorder, memory, turn } = this;
    turn.check(this.#pass);
    const { temperature, useAdapter, logitsResident } = this.#pass!;
    if (memory.reference && !useAdapter) throw new BugError("the reference policy is not trained");
    turn.spoil();
    headBackward(recorder, { ...this.#headArgs({ temperature, useAdapter }), logitsResident });
    trunkBackward(recorder, this.#trunk(useAdapter));
  }

  /**
   * Records the head of the last `forward` again at another temperature: memory.head has its results [R] and state [R,4] then.
   * No `backward` can follow. Throws BugError without a `forward` right before.
   */
  headAgain(temperature: number): void {
    this.turn.check(this.#pass, "the head can run again only right after a forward pass");
    const { useAdapter } = this.#pass!;
    this.turn.spoil();
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
  exclusively<T>(what: string, work: () => Promise<T>): Promise<T> {
    return this.turn.exclusively(what, work);
  }

  /** Sets every trainable gradient to zero; call once a step, before its first `backward`. */
  clearGradients(): void {
    for (const { grads } of this.memory.pools) this.recorder.clear(grads);
  }

  /**
   * Records embedding and layers over the loaded batch [N]. `onLayer` is called after each layer's commands, when its
   * rotated q, k, v are still in place.
   */
  layersForward(useAdapter: boolean, onLayer?: (index: number, qkv: Tensor) => void): void {
    this.turn.spoil();
    trunkLayers(this.recorder, this.#trunk(useAdapter), onLayer);
  }

  #weights(useAdapter: boolean): DecoderWeights {
    return (useAdapter ? undefined : this.memory.reference) ?? this.memory.weights;
  }

  #trunk(useAdapter: boolean): Trunk {
    const { config, memory } = this;
    const adapter = useAdapter ? memory.adapter : undefined;
    return { config, weights: this.#weights(useAdapter), adapter, memory };
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
