// Choosing the next token of a row: CPU reference first, then the launcher of shaders/sampling.wgsl. Knows nothing of
// how the logits came about or what becomes of the token.

import samplingCode from "../../shaders/sampling.wgsl?raw";
import { BugError } from "../common/errors.ts";
import type { Words } from "../common/random.ts";
import type { Recorder, Tensor } from "../gpu/index.ts";
import { ELEMENT_WORK, grid } from "../gpu/index.ts";

const SHADER = { name: "sampling", code: samplingCode };
/** A threshold search takes 14 passes, each about one sweep. */
const SEARCH_SWEEPS = 14;
/** The cumulative distribution runs along v = 0, 256, 512, ..., then 1, 257, ... */
const LANES = 256;

export interface SamplingOptions {
  /** Divides the logits; 0 takes the largest logit (of equals the first), and ignores topK and topP. */
  readonly temperature: number;
  /** Keeps the k largest logits and whatever equals the last of them; 0 keeps all. */
  readonly topK: number;
  /** Then keeps the smallest set of largest logits that holds this share of the rest, with equals; 1 keeps all. */
  readonly topP: number;
}

export interface Sample {
  readonly token: number;
  /** log_softmax(logits / temperature) at the token, over the whole vocabulary; at temperature 1 when greedy. */
  readonly logProb: number;
  /** How far, in probability, the draw or the top-p cut is from another outcome; infinite when greedy. */
  readonly margin: number;
}

/** The token that `u` in [0, 1) draws from one row of logits [V]. */
export function sampleReference(
  logits: Float32Array,
  u: number,
  { temperature, topK, topP }: SamplingOptions,
): Sample {
  const isGreedy = temperature === 0;
  const inverse = isGreedy ? 1 : Math.fround(1 / temperature);
  let top = 0;
  logits.forEach((value, v) => (top = value > logits[top]! ? v : top));
  const weights = Float64Array.from(logits, (value) => Math.exp((value - logits[top]!) * inverse));
  const logSum = Math.log(weights.reduce((a, b) => a + b, 0));
  const logProb = (token: number): number => (logits[token]! - logits[top]!) * inverse - logSum;
  if (isGreedy) return { token: top, logProb: logProb(top), margin: Infinity };
  const { threshold, margin } = keptThreshold(logits, weights, topK, topP);
  weights.forEach((_, v) => {
    if (logits[v]! < threshold) weights[v] = 0;
  });
  const drawn = invertReference(weights, u);
  return { token: drawn.token, logProb: logProb(drawn.token), margin: Math.min(margin, drawn.margin) };
}

/** The smallest kept logit, and how far the top-p cut is from falling elsewhere. */
function keptThreshold(
  logits: Float32Array,
  weights: Float64Array,
  topK: number,
  topP: number,
): { threshold: number; margin: number } {
  const order = Array.from(logits.keys()).sort((a, b) => logits[b]! - logits[a]!);
  let threshold = topK > 0 && topK < order.length ? logits[order[topK - 1]!]! : -Infinity;
  let margin = Infinity;
  if (topP >= 1) return { threshold, margin };
  const kept = order.filter((v) => logits[v]! >= threshold);
  const total = kept.reduce((sum, v) => sum + weights[v]!, 0);
  let share = 0;
  for (let i = 0; i < kept.length; i++) {
    share += weights[kept[i]!]! / total;
    // A cut may fall only between different logits.
    if (i + 1 < kept.length && logits[kept[i + 1]!] === logits[kept[i]!]) continue;
    margin = Math.min(margin, Math.abs(share - topP));
    if (share < topP) continue;
    threshold = logits[kept[i]!]!;
    break;
  }
  return { threshold, margin };
}

function invertReference(weights: Float64Array, u: number): { token: number; margin: number } {
  const total = weights.reduce((a, b) => a + b, 0);
  let sum = 0;
  for (let lane = 0; lane < LANES; lane++) {
    for (let v = lane; v < weights.length; v += LANES) {
      const before = sum;
      sum += weights[v]! / total;
      if (u < sum) return { token: v, margin: Math.min(u - before, sum - u) };
    }
  }
  throw new BugError(`no token at ${u}: the weights are not finite`);
}

export interface SampleArgs extends SamplingOptions {
  /** Logits before temperature, f32[R,V]. */
  readonly logits: Tensor;
  /** token, position, promptSlot, promptLength, cached, key, active, remaining: u32[R,8]; advanced for active rows. */
  readonly state: Tensor;
  /** Tokens that end a row, u32[8]; unused entries 0xffffffff. */
  readonly stopTokens: Tensor;
  /** Chosen tokens, u32[S,R]; row `step` is written, with 0xffffffff for inactive rows. */
  readonly tokens: Tensor;
  /** Their log-probabilities over the whole vocabulary, f32[S,R]; 0 for inactive rows. */
  readonly logProbs: Tensor;
  readonly rows: number;
  readonly vocab: number;
  readonly step: number;
  /** Key of the generator; the counter is a row's own (key, cached). */
  readonly seed: Words;
}

/**
 * Records the choice of one token for each active row [R], its entry in the history [S,R] and the advance of its state.
 * Throws BugError on options outside their ranges.
 */
export function sample(recorder: Recorder, args: SampleArgs): void {
  const { logits, state, stopTokens, tokens, logProbs, rows, vocab, step, seed, temperature, topK, topP } =
    args;
  if (!(temperature >= 0 && topK >= 0 && Number.isInteger(topK) && topP > 0 && topP <= 1)) {
    throw new BugError(`sampling with temperature ${temperature}, top-k ${topK}, top-p ${topP}`);
  }
  const isGreedy = temperature === 0;
  const hasTopK = !isGreedy && topK > 0 && topK < vocab;
  const hasTopP = !isGreedy && topP < 1;
  const params = {
    rows,
    vocab,
    step_index: step,
    greedy: isGreedy ? 1 : 0,
    inv_temperature: isGreedy ? 1 : 1 / temperature,
    top_k: hasTopK ? topK : 0,
    // A share of nothing would be reached by no entry at all.
    top_p: hasTopP ? Math.max(topP, 1e-20) : 1,
    seed0: seed[0],
    seed1: seed[1],
  };
  const sweeps = 3 + (SEARCH_SWEEPS + 1) * (Number(hasTopK) + Number(hasTopP));
  const work = ELEMENT_WORK * vocab * sweeps;
  recorder.split(rows, work, (first, count) => {
    recorder.dispatch({
      kernel: recorder.gpu.compiler.kernel(SHADER, "sample", { libs: ["threefry"] }),
      params: { ...params, first_row: first, end_row: first + count },
      tensors: { logits, state, stop_tokens: stopTokens, tokens, log_probs: logProbs },
      workgroups: grid(count),
      work: work * count,
    });
  });
}
