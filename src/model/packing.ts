// Packs groups of responses into micro-batches without padding: [prompt | response 1 | ... | response G], the prompt
// once. The last token of a response is only ever a target, so it is not an input. Pure: arrays in, arrays out.

import { UserError } from "../common/errors.ts";
import type { Segment } from "../ops/attention.ts";

/** One prompt with its sampled responses, as token ids. */
export interface Group {
  readonly prompt: readonly number[];
  readonly responses: readonly (readonly number[])[];
}

/** Where a target of a micro-batch comes from. */
export interface TargetSource {
  readonly group: number;
  readonly response: number;
  /** Index within the response. */
  readonly token: number;
}

/** One micro-batch: N input tokens, R targets. */
export interface MicroBatch {
  /** u32[N]. */
  readonly tokens: Uint32Array<ArrayBuffer>;
  /** u32[N]: position of each token in its own sequence. */
  readonly positions: Uint32Array<ArrayBuffer>;
  readonly segments: readonly Segment[];
  /** u32[R]: the token id to be predicted. */
  readonly targets: Uint32Array<ArrayBuffer>;
  /** u32[R]: the input token whose hidden state predicts it; never decreasing within a response. */
  readonly rows: Uint32Array<ArrayBuffer>;
  /** Origin of each target, length R. */
  readonly sources: readonly TargetSource[];
}

/**
 * Cuts `groups` into micro-batches of at most `tokenBudget` input tokens and as many targets, in order. A group that does not fit is split
 * by responses, each part with its own copy of the prompt. Responses without tokens are skipped.
 * Throws UserError when a prompt is empty or one response with its prompt exceeds the budget.
 */
export function packGroups(groups: readonly Group[], tokenBudget: number): MicroBatch[] {
  const batches: MicroBatch[] = [];
  let builder = new BatchBuilder();
  groups.forEach((group, groupIndex) => {
    if (group.prompt.length === 0) {
      throw new UserError(
        `Prompt ${groupIndex + 1} is empty: the first response token needs at least one token before it. Give it a start token.`,
      );
    }
    let from = 0;
    while (from < group.responses.length) {
      const to = fitting(group, from, tokenBudget - builder.length, tokenBudget - builder.targetCount);
      if (to > from) {
        builder.add(group, groupIndex, from, to);
        from = to;
      } else if (builder.length > 0) {
        batches.push(builder.build());
        builder = new BatchBuilder();
      } else {
        const needed = group.prompt.length + group.responses[from]!.length - 1;
        throw new UserError(
          `Prompt ${groupIndex + 1} with response ${from + 1} has ${needed} tokens and the plan allows ${tokenBudget}: raise the token budget or limit the lengths.`,
        );
      }
    }
  });
  if (builder.length > 0) batches.push(builder.build());
  return batches;
}

/** How many responses from `from` on fit beside the prompt into the room for tokens and targets: index after the last. */
function fitting({ prompt, responses }: Group, from: number, tokenRoom: number, targetRoom: number): number {
  let tokens = prompt.length;
  let targets = 0;
  let to = from;
  while (to < responses.length) {
    tokens += Math.max(0, responses[to]!.length - 1);
    targets += responses[to]!.length;
    if (tokens > tokenRoom || targets > targetRoom) break;
    to++;
  }
  return to;
}

class BatchBuilder {
  readonly #tokens: number[] = [];
  readonly #positions: number[] = [];
  readonly #segments: Segment[] = [];
  readonly #targets: number[] = [];
  readonly #rows: number[] = [];
  readonly #sources: TargetSource[] = [];

  get length(): number {
    return this.#tokens.length;
  }

  get targetCount(): number {
    return this.#targets.length;
  }

  /** Appends the prompt and responses `from .. to - 1` of a group. */
  add({ prompt, responses }: Group, groupIndex: number, from: number, to: number): void {
    const start = this.length;
    this.#append(prompt, 0);
    const promptEnd = this.length;
    const single = to - from === 1;
    const segments: Segment[] = [];
    for (let index = from; index < to; index++) {
      const response = responses[index]!;
      const responseStart = this.length;
      this.#append(response.slice(0, -1), prompt.length);
      response.forEach((target, token) => {
        this.#targets.push(target);
        this.#rows.push(token === 0 ? promptEnd - 1 : responseStart + token - 1);
        this.#sources.push({ group: groupIndex, response: index, token });
      });
      const end = this.length;
      if (!single && end > responseStart) {
        segments.push({ start: responseStart, end, promptStart: start, promptEnd, visibleEnd: end });
      }
    }
    // One response alone is an ordinary sequence: one segment, no shared prompt.
    const end = single ? this.length : promptEnd;
    this.#segments.push(
      { start, end, promptStart: start, promptEnd: start, visibleEnd: this.length },
      ...segments,
    );
  }

  build(): MicroBatch {
    return {
      tokens: Uint32Array.from(this.#tokens),
      positions: Uint32Array.from(this.#positions),
      segments: this.#segments,
      targets: Uint32Array.from(this.#targets),
      rows: Uint32Array.from(this.#rows),
      sources: this.#sources,
    };
  }

  #append(tokens: readonly number[], position: number): void {
    tokens.forEach((token, index) => {
      this.#tokens.push(token);
      this.#positions.push(position + index);
    });
  }
}
