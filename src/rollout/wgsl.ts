// Rollouts on our own decoder: continuous batching. Rows are filled in request order; a row that ends is given the next
// response as soon as its end has been read, and a prompt's keys and values are computed once for all its samples.

import { Decoder } from "../model/decoder.ts";
import type { Policy } from "../model/policy.ts";
import type { RolloutEngine, RolloutOptions, RolloutRequest, RolloutResponse } from "./engine.ts";
import { checkRollout, collect, rowKey } from "./responses.ts";
import type { Job } from "./responses.ts";

/** Decode steps between two reads: few enough that an ended row does not idle, many enough to hide the read. */
const STEPS_PER_READ = 4;

/** The engine's own sampler; needs a policy planned with rollout sizes. */
export class WgslRollout implements RolloutEngine {
  readonly #policy: Policy;
  readonly #decoder: Decoder;

  constructor(policy: Policy) {
    this.#policy = policy;
    this.#decoder = new Decoder(policy);
  }

  /** Throws UserError, before anything runs, on a prompt or option that the plan or the sampler does not allow. */
  async generate(requests: readonly RolloutRequest[], options: RolloutOptions): Promise<RolloutResponse[][]> {
    checkRollout(requests, options, this.#policy.memory.decode!.sizes, this.#policy.config);
    return this.#policy.exclusively("a rollout", () => this.#run(requests, options));
  }

  async #run(requests: readonly RolloutRequest[], options: RolloutOptions): Promise<RolloutResponse[][]> {
    const { rows, promptSlots } = this.#policy.memory.decode!.sizes;
    this.#decoder.reset(options.stopTokens);
    const results = requests.map(({ samples }) =>
      Array<RolloutResponse | undefined>(samples).fill(undefined),
    );
    const schedule = new Schedule(requests, rows, promptSlots);
    for (;;) {
      options.signal?.throwIfAborted();
      this.#admit(schedule, requests, options);
      if (schedule.isDone) return results as RolloutResponse[][];
      const steps = Math.min(STEPS_PER_READ, options.maxNew);
      const { rowSpan } = schedule;
      const decoded = await this.#decoder.decode(steps, rowSpan, options.sampling, options.useAdapter);
      for (const job of schedule.running) {
        const response = collect(job, decoded, rowSpan, options);
        if (!response) continue;
        results[job.request]![job.sample] = response;
        schedule.finish(job);
      }
    }
  }

  /** Puts waiting responses into free rows, prefilling prompts that no slot holds yet. */
  #admit(
    schedule: Schedule,
    requests: readonly RolloutRequest[],
    { maxNew, useAdapter }: RolloutOptions,
  ): void {
    const { jobs, prompts } = schedule.admit();
    if (prompts.length > 0) {
      this.#decoder.prefill(
        prompts.map(({ request, slot }) => ({ slot, tokens: requests[request]!.prompt })),
        useAdapter,
      );
    }
    for (const job of jobs) {
      const { prompt, key, firstSample = 0 } = requests[job.request]!;
      this.#decoder.start({
        row: job.row,
        promptSlot: schedule.slotOf(job),
        prompt,
        key: rowKey(key, firstSample + job.sample),
        maxNew,
      });
    }
  }
}

/** Which response is in which row, and which prompt in which slot. */
class Schedule {
  readonly running = new Set<Job>();
  readonly #waiting: { request: number; sample: number }[];
  readonly #freeRows: number[];
  readonly #freeSlots: number[];
  /** Slot and number of running responses of each prompt that is held. */
  readonly #held = new Map<number, { slot: number; users: number }>();

  constructor(requests: readonly RolloutRequest[], rows: number, promptSlots: number) {
    this.#waiting = requests.flatMap(({ samples }, request) =>
      Array.from({ length: samples }, (_, sample) => ({ request, sample })),
    );
    this.#waiting.reverse();
    this.#freeRows = Array.from({ length: rows }, (_, i) => rows - 1 - i);
    this.#freeSlots = Array.from({ length: promptSlots }, (_, i) => promptSlots - 1 - i);
  }

  get isDone(): boolean {
    return this.running.size === 0 && this.#waiting.length === 0;
  }

  /** Rows that a step must compute: up to the last one in use. */
  get rowSpan(): number {
    return 1 + Math.max(...[...this.running].map(({ row }) => row));
  }

  slotOf(job: Job): number {
    return this.#held.get(job.request)!.slot;
  }

  /** Fills free rows from the waiting list; stops early when a new prompt finds no free slot. */
  admit(): { jobs: Job[]; prompts: { request: number; slot: number }[] } {
    const jobs: Job[] = [];
    const prompts: { request: number; slot: number }[] = [];
    while (this.#freeRows.length > 0 && this.#waiting.length > 0) {
      const { request, sample } = this.#waiting.at(-1)!;
      let held = this.#held.get(request);
      if (!held) {
        const slot = this.#freeSlots.pop();
        if (slot === undefined) break;
        this.#held.set(request, (held = { slot, users: 0 }));
        prompts.push({ request, slot });
      }
      held.users++;
      this.#waiting.pop();
      const job: Job = { request, sample, tokens: [], samplerLogProb: [], row: this.#freeRows.pop()! };
      this.running.add(job);
      jobs.push(job);
    }
    return { jobs, prompts };
  }

  /** Frees the row of an ended response, and its prompt's slot when nobody needs it any more. */
  finish(job: Job): void {
    this.running.delete(job);
    this.#freeRows.push(job.row);
    this.#freeRows.sort((a, b) => b - a);
    const held = this.#held.get(job.request)!;
    held.users--;
    // Samples of one request wait side by side, so the next in line tells whether any is left.
    if (held.users > 0 || this.#waiting.at(-1)?.request === job.request) return;
    this.#held.delete(job.request);
    this.#freeSlots.push(held.slot);
  }
}
