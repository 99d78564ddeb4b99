// Rollouts in ONNX Runtime: the user's own graph with the trained weights as inputs, a key-value cache that stays where the
// session runs, and the sampler of our own decoder on its logits. A prompt is read once for all its samples, its last token
// by the first step of each.

import { UserError } from "../../common/errors.ts";
import type { OnnxFiles } from "../../formats/onnx/model.ts";
import type { SessionWeights } from "../../formats/onnx/session-graph.ts";
import { sessionGraph } from "../../formats/onnx/session-graph.ts";
import type { GpuAllocator } from "../../gpu/index.ts";
import { allocateOrFail } from "../../gpu/index.ts";
import type { DecoderConfig } from "../../model/config.ts";
import type { RolloutSizes } from "../../model/decode-memory.ts";
import type { Policy } from "../../model/policy.ts";
import type { RolloutEngine, RolloutOptions, RolloutRequest, RolloutResponse } from "../engine.ts";
import type { Job } from "../responses.ts";
import { checkRollout, collect } from "../responses.ts";
import { Batch } from "./batch.ts";
import type { CachedRow, KeyValueCache } from "./cache.ts";
import { CacheJoiner } from "./cache.ts";
import { DecoderSession } from "./decoder-session.ts";
import type { BatchLayout } from "./layout.ts";
import { batchLayout } from "./layout.ts";
import { allocateSampler, RowSampler } from "./row-sampler.ts";
import type { OrtBackend, OrtSession } from "./runtime.ts";
import { openOrtSession } from "./runtime.ts";
import { allocateInputs, WeightFeeds } from "./weight-feeds.ts";

/** What a session needs of the policy's weights. */
export function sessionWeights({ memory }: Policy): SessionWeights {
  return memory.adapter ? { kind: "adapter", ...memory.adapter.config } : { kind: "all" };
}

interface Parts {
  readonly session: OrtSession;
  readonly layout: BatchLayout;
  readonly weights: WeightFeeds;
  readonly sampler: RowSampler;
  readonly allocator: GpuAllocator;
}

/** The sizes of a rollout that a batch of ONNX Runtime's has. */
export type OrtSizes = Pick<RolloutSizes, "rows" | "maxPrompt" | "maxNew">;

export class OrtRollout implements RolloutEngine {
  readonly #policy: Policy;
  readonly #sizes: OrtSizes;
  readonly #parts: Parts;
  readonly #decoder: DecoderSession;
  readonly #joiner: CacheJoiner;

  private constructor(policy: Policy, sizes: OrtSizes, parts: Parts) {
    this.#policy = policy;
    this.#sizes = sizes;
    this.#parts = parts;
    this.#decoder = new DecoderSession(parts.session, parts.layout, policy.config);
    const { cacheShape } = this.#decoder;
    this.#joiner = new CacheJoiner(parts.session, policy.recorder, cacheShape, parts.layout.side);
  }

  /**
   * Opens the session and allocates what it is fed with. Throws UserError where ONNX Runtime does not take the graph, GpuError
   * where memory runs out; nothing stays open then.
   */
  static async create(policy: Policy, files: OnnxFiles, sizes: OrtSizes): Promise<OrtRollout> {
    const { recorder, config } = policy;
    const layout = await batchLayout(files);
    const graph = await sessionGraph(files, sessionWeights(policy));
    const session = await openOrtSession(graph, { recorder, gpuOutputs: "all" });
    try {
      const { value, allocator } = await allocateOrFail(recorder.gpu, (real) => ({
        inputs:
          session.backend === "webgpu"
            ? allocateInputs(real, graph.inputs, recorder.gpu.maxBindingBytes)
            : [],
        sampler: allocateSampler(real, sizes.rows, config.vocab),
      }));
      const weights = new WeightFeeds(policy, session, graph.inputs, value.inputs);
      const sampler = new RowSampler(recorder, value.sampler, config.vocab);
      return new OrtRollout(policy, sizes, { session, layout, weights, sampler, allocator });
    } catch (error) {
      await session.dispose();
      throw error;
    }
  }

  /** Where the session runs. */
  get backend(): OrtBackend {
    return this.#parts.session.backend;
  }

  /** Throws UserError, before anything runs, on a prompt or option that the plan or the sampler does not allow. */
  async generate(requests: readonly RolloutRequest[], options: RolloutOptions): Promise<RolloutResponse[][]> {
    checkRollout(requests, options, this.#sizes, this.#policy.config);
    checkPositions(requests, options, this.#policy.config);
    return this.#policy.exclusively("a rollout", () => this.#run(requests, options));
  }

  async #run(requests: readonly RolloutRequest[], options: RolloutOptions): Promise<RolloutResponse[][]> {
    const { weights, sampler } = this.#parts;
    sampler.reset(options.stopTokens);
    await weights.publish(options.useAdapter);
    const batch = new Batch(requests, this.#sizes.rows);
    try {
      for (;;) {
        options.signal?.throwIfAborted();
        if (batch.queue.isDone) return batch.results as RolloutResponse[][];
        if (batch.queue.isRegroupingDue) await this.#regroup(batch, options);
        await this.#step(batch, options);
      }
    } finally {
      batch.dispose();
    }
  }

  /** Puts the rows that go on and the next responses into a cache of their own. */
  async #regroup(batch: Batch, options: RolloutOptions): Promise<void> {
    const { kept, added } = batch.queue.regroup();
    await this.#readPrompts(batch, added, options.signal);
    const before = batch.cache;
    const rows = [
      ...kept.map(({ job, from }) => this.#held(before!, from, batch.lengthOf(job))),
      ...added.map((job) => batch.prompts.get(job.request)!),
    ];
    batch.cache = this.#joiner.join(rows);
    // The copies must be under way before what they read from is given back.
    this.#policy.recorder.flush();
    before?.dispose();
    batch.dropPrompts();
    const jobs = [...kept.map(({ job }) => job), ...added];
    batch.begin(jobs);
    this.#parts.sampler.start(
      jobs.map((job) => ({
        key: batch.keyOf(job),
        length: job.tokens.length,
        remaining: options.maxNew - job.tokens.length,
      })),
    );
  }

  /** Reads the prompts of these responses that no cache holds yet, all but their last tokens. */
  async #readPrompts(batch: Batch, added: readonly Job[], signal: AbortSignal | undefined): Promise<void> {
    const missing = [...new Set(added.map(({ request }) => request))].filter(
      (request) => !batch.prompts.has(request),
    );
    const rows = await this.#decoder.readPrompts(
      missing.map((request) => batch.requests[request]!.prompt.slice(0, -1)),
      (count) => this.#joiner.empty(count),
      this.#parts.weights.feeds,
      signal,
    );
    missing.forEach((request, i) => batch.prompts.set(request, rows[i]!));
  }

  #held(cache: KeyValueCache, row: number, length: number): CachedRow {
    const first = this.#parts.layout.side === "first" ? 0 : cache.capacity - length;
    return { cache, row, first, length };
  }

  async #step(batch: Batch, options: RolloutOptions): Promise<void> {
    const { sampler, weights } = this.#parts;
    const rows = batch.queue.batchRows;
    const { logits, cache } = await this.#decoder.step(
      batch.lastTokens,
      batch.lengths,
      batch.takeCache(),
      weights.feeds,
    );
    batch.cache = cache;
    try {
      const decoded = await sampler.sample(logits, rows, options.sampling);
      for (const job of batch.queue.running) {
        const response = collect(job, decoded, rows, options);
        if (response) batch.finish(job, response);
        else batch.advance(job);
      }
    } finally {
      logits.dispose();
    }
  }

  /** Closes the session and frees its memory. Commands that are recorded but not submitted are handed over first. */
  async destroy(): Promise<void> {
    this.#policy.recorder.flush();
    this.#parts.allocator.destroy();
    await this.#parts.session.dispose();
  }
}

/** Graphs hold tables of angles for so many positions, and no more. */
function checkPositions(
  requests: readonly RolloutRequest[],
  { maxNew }: RolloutOptions,
  { maxPositions }: DecoderConfig,
): void {
  const longest = Math.max(0, ...requests.map(({ prompt }) => prompt.length));
  if (longest + maxNew <= maxPositions) return;
  throw new UserError(
    `A prompt of ${longest} tokens with up to ${maxNew} new ones goes beyond the ${maxPositions} positions that the model's ONNX file knows. Shorten prompts (data.max_prompt_length) or responses (data.max_response_length), or set gradus.rollout_engine to wgsl.`,
  );
}
