// What a session takes on the device beside the policy, before there is one: the file's weights, the trained ones as inputs,
// a cache and the one that a step makes of it, logits. ONNX Runtime's own scratch is not known and not in it.

import type { Allocator } from "../../gpu/index.ts";
import { elementCount } from "../../gpu/index.ts";
import type { DecoderConfig } from "../../model/config.ts";
import type { RolloutSizes } from "../../model/decode-memory.ts";
import { PROMPT_LOGITS } from "./decoder-session.ts";
import { allocateSampler } from "./row-sampler.ts";

export interface SessionPlan {
  readonly sizes: RolloutSizes;
  /** Weights in the file that do not come as inputs. */
  readonly fileBytes: number;
  /** Shapes of the trained parameters. */
  readonly trained: Iterable<readonly number[]>;
}

/** Allocates, on paper, what rollouts in ONNX Runtime take; caches as in float32. */
export function planSession(
  allocator: Allocator,
  { layers, kvHeads, headSize, vocab, hidden, tied }: DecoderConfig,
  { sizes, fileBytes, trained }: SessionPlan,
): void {
  const take = (label: string, ...shape: number[]): unknown =>
    allocator.tensor("onnxRuntime", `session.${label}`, shape);
  const { rows, maxPrompt, maxNew } = sizes;
  take("weights", Math.ceil(fileBytes / 4));
  for (const shape of trained) take("input", elementCount(shape));
  // A tied matrix that is trained comes twice: as the table, and transposed for the head.
  if (tied && fileBytes === 0) take("head", vocab, hidden);
  // Keys and values before and after a step, and those of prompts that have just been read.
  take("caches", 4, layers, rows, kvHeads, maxPrompt + maxNew, headSize);
  take("prompts", 2, layers, rows, kvHeads, maxPrompt, headSize);
  take("logits", Math.max(rows * vocab, Math.min(PROMPT_LOGITS, maxPrompt * vocab)));
  allocateSampler(allocator, rows, vocab);
}
