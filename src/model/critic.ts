// The critic: a decoder with one number a token in place of a vocabulary, which learns what reward is still to come. It runs
// over its policy's buffers, so only one of the two has a pass under way. What values should be is decided elsewhere.

import type { GpuAllocator, Recorder } from "../gpu/index.ts";
import { allocateOrFail } from "../gpu/index.ts";
import { valueHead, valueHeadGradient } from "../ops/value-head.ts";
import type { CriticMemory, ValueHead } from "./critic-memory.ts";
import { allocateCritic } from "./critic-memory.ts";
import { freshAdapter } from "./lora.ts";
import type { MicroBatch } from "./packing.ts";
import type { ParameterSource } from "./parameters.ts";
import { loadParameters } from "./parameters.ts";
import type { Policy } from "./policy.ts";
import type { Trunk } from "./trunk.ts";
import { trunkBackward, trunkForward } from "./trunk.ts";
import type { Parameter } from "./weights.ts";

/** The critic's adapter draws from here on; no policy has as many parameters. */
const FIRST_STREAM = 2 ** 24;

/** A critic beside the policy whose responses it judges. */
export class Critic {
  readonly recorder: Recorder;
  readonly memory: CriticMemory;
  readonly #policy: Policy;
  readonly #allocator: GpuAllocator;
  /** The last forward pass. */
  #pass: object | undefined;

  private constructor(policy: Policy, memory: CriticMemory, allocator: GpuAllocator) {
    this.recorder = policy.recorder;
    this.memory = memory;
    this.#policy = policy;
    this.#allocator = allocator;
  }

  /**
   * Allocates and loads a critic that begins as the model of `policy`, with a head that says 0. `weights` are those that the
   * policy was loaded from. Throws GpuError when memory runs out; nothing stays allocated then.
   */
  static async create(policy: Policy, weights: ParameterSource): Promise<Critic> {
    const { recorder, config, options } = policy;
    const { value: memory, allocator } = await allocateOrFail(recorder.gpu, (real) =>
      allocateCritic(real, config, options, recorder.gpu.maxBindingBytes),
    );
    try {
      const { adapter, head } = memory;
      if (memory.weights) await loadParameters(recorder, memory.weights.parameters, weights);
      if (adapter) await loadParameters(recorder, adapter.parameters, freshAdapter(adapter, FIRST_STREAM));
      await loadParameters(recorder, head.parameters, freshHead(head));
      await recorder.done();
    } catch (error) {
      allocator.destroy();
      throw error;
    }
    return new Critic(policy, memory, allocator);
  }

  /** What is trained: the adapter's parameters or all of the model's, and the head's. */
  get trainable(): readonly Parameter[] {
    const { adapter, weights, head } = this.memory;
    return [...(adapter ?? weights!).parameters, ...head.parameters];
  }

  /** Frees what is the critic's own. Commands that are recorded but not submitted are handed over first. */
  destroy(): void {
    this.recorder.flush();
    this.#allocator.destroy();
  }

  /**
   * Records the forward pass over `batch`: memory.value holds one f32 per target [R], read from the hidden state that predicts
   * it. Everything that `backward` needs stays until the next `forward` of policy or critic, or prefill. Throws BugError while
   * something occupies the policy.
   */
  forward(batch: MicroBatch): void {
    const { recorder, memory } = this;
    const { turn, memory: shared } = this.#policy;
    turn.checkFree("a critic's forward pass");
    turn.spoil();
    shared.batch.load(recorder, batch);
    trunkForward(recorder, this.#trunk);
    valueHead(recorder, { ...this.#headArgs, bias: memory.head.bias.tensor, value: memory.value });
    this.#pass = { batch };
    turn.end(this.#pass);
  }

  /**
   * Records the backward pass of the last `forward`: adds the gradients of sum_r dValue[r] * value[r], given in memory.dValue
   * (f32[R]), to the trainable gradients. Throws BugError when another pass came between.
   */
  backward(): void {
    const { recorder, memory } = this;
    const { turn, memory: shared } = this.#policy;
    turn.check(this.#pass);
    turn.spoil();
    valueHeadGradient(recorder, {
      ...this.#headArgs,
      dValue: memory.dValue,
      dx: shared.head.dx,
      dWeight: memory.head.weight.grad!,
      dBias: memory.head.bias.grad!,
    });
    trunkBackward(recorder, this.#trunk);
  }

  /** Sets every trainable gradient to zero; call before the first `backward` of an update. */
  clearGradients(): void {
    for (const { grads } of this.memory.pools) this.recorder.clear(grads);
  }

  get #trunk(): Trunk {
    const { config, memory } = this.#policy;
    const { weights = memory.weights, adapter } = this.memory;
    return { config, weights, adapter, memory };
  }

  get #headArgs() {
    const { config, memory } = this.#policy;
    const weight = this.memory.head.weight.tensor;
    return { x: memory.head.x, weight, rows: memory.batch.targetCount, channels: config.hidden };
  }
}

/** Zero: before it has seen a reward a critic knows nothing, and random values would only add noise to the first advantages. */
function freshHead({ parameters }: ValueHead): ParameterSource {
  const shapes = new Map(parameters.map(({ name, shape }) => [name, shape]));
  return {
    name: "fresh value head",
    shape: (name) => shapes.get(name),
    read: (name) => Promise.resolve(new Float32Array(shapes.get(name)!.reduce((a, b) => a * b, 1))),
  };
}
