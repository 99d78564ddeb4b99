// What the trainer asks of whatever generates responses. Implementations: wgsl.ts (our decoder on the live weights).

import type { SamplingOptions } from "../model/decode-step.ts";

/** One prompt to be answered `samples` times. */
export interface RolloutRequest {
  readonly prompt: readonly number[];
  readonly samples: number;
  /** Number of the first sample, default 0: sample 5 alone is the fifth of a group of eight. */
  readonly firstSample?: number;
  /** Names the prompt to the random generator: same seed, key and sample, same response, however it was batched. */
  readonly key: number;
}

export interface RolloutOptions {
  readonly sampling: SamplingOptions;
  /** New tokens per response, at most. */
  readonly maxNew: number;
  readonly stopTokens: readonly number[];
  /** False: sample from the base without its adapter. */
  readonly useAdapter: boolean;
  /** Stops generation between two reads; `generate` then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called with the tokens that a response gained. */
  readonly onTokens?: (event: RolloutProgress) => void;
}

export interface RolloutProgress {
  readonly request: number;
  readonly sample: number;
  readonly tokens: readonly number[];
}

/** A finished response; the stop token, if it ended so, is its last token. */
export interface RolloutResponse {
  readonly tokens: readonly number[];
  /** Log-probability of each token when it was sampled: under the temperature, over the whole vocabulary. */
  readonly samplerLogProb: readonly number[];
  readonly finishReason: "stop" | "length";
}

export interface RolloutEngine {
  /** Responses per request and sample. */
  generate(requests: readonly RolloutRequest[], options: RolloutOptions): Promise<RolloutResponse[][]>;
}
