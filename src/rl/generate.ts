// The responses of a step, with the first prompt's group shown while it is written.

import { IncrementalDecoder } from "../formats/tokenizer.ts";
import type { Tokenizer } from "../formats/tokenizer.ts";
import type { RolloutProgress, RolloutResponse } from "../rollout/engine.ts";
import type { StepControl } from "./control.ts";
import type { LiveResponse, Phase } from "./events.ts";
import { greedySampling, samplingOf } from "./options/index.ts";
import type { Drawn, Prompt } from "./prompts.ts";
import type { Run } from "./run.ts";

export type StepPrompt = Drawn<Prompt>;

/** The responses [prompts][n]. Throws Interrupted when the step is left. */
export function generateGroups(
  run: Run,
  prompts: readonly StepPrompt[],
  control: StepControl,
): Promise<RolloutResponse[][]> {
  const { config, engine, stopTokens, model } = run;
  const samples = config["actor_rollout_ref.rollout.n"];
  const maxNew = config["data.max_response_length"];
  const shown = prompts[0]!.item.problem;
  const { question, groundTruth } = shown;
  control.emit({ type: "group", step: control.step, question, groundTruth, samples });
  const live = new LiveGroup(model.tokenizer, samples, { stopTokens, maxNew }, control);
  const count = new FinishCount(prompts.length * samples, { stopTokens, maxNew }, (done, total) =>
    control.progress("rollout", done, total),
  );
  return engine.generate(
    prompts.map(({ item, key }) => ({ prompt: item.tokens, samples, key })),
    {
      sampling: samplingOf(config),
      maxNew,
      stopTokens,
      useAdapter: true,
      signal: control.signal,
      onTokens: (event) => {
        count.add(event);
        if (event.request === 0) live.add(event);
      },
    },
  );
}

/** One greedy response to each prompt, told as `phase`. Rejects with Interrupted when the step is left. */
export async function answerGreedily(
  { config, engine, stopTokens }: Run,
  prompts: readonly { readonly tokens: readonly number[]; readonly key: number }[],
  phase: Extract<Phase, "evaluate" | "greedy">,
  control: StepControl,
): Promise<RolloutResponse[]> {
  const maxNew = config["data.max_response_length"];
  const count = new FinishCount(prompts.length, { stopTokens, maxNew }, (done, total) =>
    control.progress(phase, done, total),
  );
  const responses = await engine.generate(
    prompts.map(({ tokens, key }) => ({ prompt: tokens, samples: 1, key })),
    {
      sampling: greedySampling(config),
      maxNew,
      stopTokens,
      useAdapter: true,
      signal: control.signal,
      onTokens: (event) => count.add(event),
    },
  );
  return responses.map(([response]) => response!);
}

interface Ends {
  readonly stopTokens: readonly number[];
  readonly maxNew: number;
}

/** Counts responses that have ended. */
class FinishCount {
  readonly #total: number;
  readonly #ends: Ends;
  readonly #tell: (done: number, total: number) => void;
  readonly #lengths = new Map<string, number>();
  #done = 0;

  constructor(total: number, ends: Ends, tell: (done: number, total: number) => void) {
    this.#total = total;
    this.#ends = ends;
    this.#tell = tell;
    tell(0, total);
  }

  add({ request, sample, tokens }: RolloutProgress): void {
    const id = `${request}/${sample}`;
    const length = (this.#lengths.get(id) ?? 0) + tokens.length;
    this.#lengths.set(id, length);
    if (length < this.#ends.maxNew && !this.#ends.stopTokens.includes(tokens.at(-1)!)) return;
    this.#tell(++this.#done, this.#total);
  }
}

/** The texts of one group as they grow; told once per read of the device, however many responses gained tokens. */
class LiveGroup {
  readonly #decoders: IncrementalDecoder[];
  readonly #responses: LiveResponse[];
  readonly #ends: Ends;
  readonly #control: StepControl;
  #isTold = true;

  constructor(tokenizer: Tokenizer, samples: number, ends: Ends, control: StepControl) {
    this.#decoders = Array.from(
      { length: samples },
      () => new IncrementalDecoder(tokenizer, { skipSpecialTokens: true }),
    );
    this.#responses = this.#decoders.map(() => ({ text: "", length: 0, isFinished: false }));
    this.#ends = ends;
    this.#control = control;
  }

  add({ sample, tokens }: RolloutProgress): void {
    const { text, length } = this.#responses[sample]!;
    const gained = tokens.map((token) => this.#decoders[sample]!.push(token)).join("");
    const total = length + tokens.length;
    const isFinished = total >= this.#ends.maxNew || this.#ends.stopTokens.includes(tokens.at(-1)!);
    this.#responses[sample] = { text: text + gained, length: total, isFinished };
    if (!this.#isTold) return;
    this.#isTold = false;
    queueMicrotask(() => {
      this.#isTold = true;
      this.#control.emit({ type: "responses", step: this.#control.step, responses: [...this.#responses] });
    });
  }
}
