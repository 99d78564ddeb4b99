// Which response is in which row of ONNX Runtime's batch. A batch is one shape for every run, so rows that end stay in it
// until enough have: then the others go on in a new batch with the next responses.

import type { RolloutRequest } from "../engine.ts";
import type { Job } from "../responses.ts";

/** A new batch is worth its copies when this share of the rows has ended. */
const ENDED_SHARE = 0.25;
/** With nothing left to fill them it takes more. */
const LAST_ENDED_SHARE = 0.5;

export class RowQueue {
  /** Rows of the batch that still write. */
  readonly running = new Set<Job>();
  readonly #rows: number;
  readonly #waiting: { request: number; sample: number }[];
  #batchRows = 0;

  /** `rows` is the most that a batch may have. */
  constructor(requests: readonly RolloutRequest[], rows: number) {
    this.#rows = rows;
    this.#waiting = requests
      .flatMap(({ samples }, request) =>
        Array.from({ length: samples }, (_, sample) => ({ request, sample })),
      )
      .toReversed();
  }

  get isDone(): boolean {
    return this.running.size === 0 && this.#waiting.length === 0;
  }

  get batchRows(): number {
    return this.#batchRows;
  }

  /** Whether the rows should be put together anew. */
  get isRegroupingDue(): boolean {
    const active = this.running.size;
    if (active === 0) return true;
    if (this.#waiting.length > 0) return this.#rows - active >= Math.max(1, ENDED_SHARE * this.#rows);
    return this.#batchRows - active >= Math.max(1, LAST_ENDED_SHARE * this.#batchRows);
  }

  /** Numbers the rows that go on, then fills up: which went on, with the rows they had, and which are new. */
  regroup(): { kept: readonly { job: Job; from: number }[]; added: readonly Job[] } {
    const kept = [...this.running].map((job) => ({ job, from: job.row }));
    kept.forEach(({ job }, row) => (job.row = row));
    const added: Job[] = [];
    while (kept.length + added.length < this.#rows && this.#waiting.length > 0) {
      const job = {
        ...this.#waiting.pop()!,
        tokens: [],
        samplerLogProb: [],
        row: kept.length + added.length,
      };
      added.push(job);
      this.running.add(job);
    }
    this.#batchRows = kept.length + added.length;
    return { kept, added };
  }

  /** Whether a response to this request has still to begin; those of one request wait side by side. */
  isWaiting(request: number): boolean {
    return this.#waiting.at(-1)?.request === request;
  }
}
