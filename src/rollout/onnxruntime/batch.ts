// A rollout under way: which response is in which row, what a row reads next, and the caches that are held for it.

import type { RolloutRequest, RolloutResponse } from "../engine.ts";
import type { Job } from "../responses.ts";
import { rowKey } from "../responses.ts";
import type { CachedRow, KeyValueCache } from "./cache.ts";
import { RowQueue } from "./row-queue.ts";

export class Batch {
  readonly requests: readonly RolloutRequest[];
  readonly queue: RowQueue;
  readonly results: (RolloutResponse | undefined)[][];
  /** Of prompts that some response has still to begin with. */
  readonly prompts = new Map<number, CachedRow>();
  cache: KeyValueCache | undefined;
  /** By row: the token that the next step reads, and the entries in the cache before it. */
  readonly lastTokens: number[] = [];
  readonly lengths: number[] = [];

  constructor(requests: readonly RolloutRequest[], rows: number) {
    this.requests = requests;
    this.queue = new RowQueue(requests, rows);
    this.results = requests.map(({ samples }) => Array<RolloutResponse | undefined>(samples).fill(undefined));
  }

  /** Entries of a response's row: its prompt's but the last token's, and its own. */
  lengthOf(job: Job): number {
    return this.requests[job.request]!.prompt.length - 1 + job.tokens.length;
  }

  keyOf({ request, sample }: Job): number {
    const { key, firstSample = 0 } = this.requests[request]!;
    return rowKey(key, firstSample + sample);
  }

  begin(jobs: readonly Job[]): void {
    this.lastTokens.splice(0, Infinity, ...jobs.map((job) => this.#lastOf(job)));
    this.lengths.splice(0, Infinity, ...jobs.map((job) => this.lengthOf(job)));
  }

  /** The row has its token; a row that ended stays where it was, and what it computes is nobody's. */
  advance(job: Job): void {
    this.lastTokens[job.row] = this.#lastOf(job);
    this.lengths[job.row] = this.lengthOf(job);
  }

  finish(job: Job, response: RolloutResponse): void {
    this.results[job.request]![job.sample] = response;
    this.queue.running.delete(job);
  }

  /** Hands over the cache, which a step uses up. */
  takeCache(): KeyValueCache {
    const cache = this.cache!;
    this.cache = undefined;
    return cache;
  }

  /** Gives back the caches of which no response begins with a prompt any more. */
  dropPrompts(): void {
    const all = this.#promptCaches();
    for (const request of this.prompts.keys())
      if (!this.queue.isWaiting(request)) this.prompts.delete(request);
    const needed = this.#promptCaches();
    all.forEach((cache) => needed.has(cache) || cache.dispose());
  }

  dispose(): void {
    this.cache?.dispose();
    this.#promptCaches().forEach((cache) => cache.dispose());
  }

  #promptCaches(): Set<KeyValueCache> {
    return new Set([...this.prompts.values()].map(({ cache }) => cache));
  }

  #lastOf({ request, tokens }: Job): number {
    return tokens.at(-1) ?? this.requests[request]!.prompt.at(-1)!;
  }
}
