// ONNX Runtime as a second opinion on a model: log-probabilities of the same tokens from its graph and from our engine, with
// what may lie between them. Says nothing about training; who asks, and what follows from the answer, is app/judge.ts.

import { logProbOf } from "../../common/numbers.ts";
import type { OnnxDescription, OnnxFiles } from "../../formats/onnx/model.ts";
import type { SessionGraph } from "../../formats/onnx/session-graph.ts";
import { sessionGraph } from "../../formats/onnx/session-graph.ts";
import type { Recorder } from "../../gpu/index.ts";
import { elementCount } from "../../gpu/index.ts";
import type { DecoderConfig } from "../../model/config.ts";
import type { LoraConfig } from "../../model/lora.ts";
import type { PolicyOptions } from "../../model/memory.ts";
import { packGroups } from "../../model/packing.ts";
import type { ParameterSource } from "../../model/parameters.ts";
import { Policy } from "../../model/policy.ts";
import { parameterShapes } from "../../model/weights.ts";
import { decoderFeeds, weightFeeds } from "./feeds.ts";
import type { OrtBackend } from "./runtime.ts";
import { deviceOrHost, openOrtSession } from "./runtime.ts";

/** What two engines made of the same tokens. */
export interface Compared {
  readonly kind: "agrees" | "differs";
  /** Largest difference of a log-probability, and how much of it rounding explains. */
  readonly worst: number;
  readonly tolerance: number;
  /** Log-probabilities that were compared. */
  readonly tokens: number;
  readonly backend: OrtBackend;
  /** One sentence. */
  readonly message: string;
}

/** `skipped`: ONNX Runtime cannot run the graph here, so nothing is known. */
export type Verdict = Compared | { readonly kind: "skipped"; readonly message: string };

/** Elements of the scratch for logits, as runs have. */
const HEAD_CHUNK = 2 ** 24;
/** Keeps every weight frozen where there is no adapter to judge; it is not used. */
const NO_ADAPTER = { rank: 1, alpha: 1, targets: ["q_proj"] } as const;

export interface JudgedAdapter {
  readonly lora: Omit<LoraConfig, "seed">;
  readonly source: ParameterSource;
}

/** Our engine's log-probability of each of `tokens` [T] after the first, [T-1]. Frees what it takes. */
export async function engineLogProbs(
  recorder: Recorder,
  { config, weights }: { readonly config: DecoderConfig; readonly weights: ParameterSource },
  tokens: readonly number[],
  { adapter, baseType = "f32" }: { adapter?: JudgedAdapter; baseType?: PolicyOptions["baseType"] } = {},
): Promise<Float32Array> {
  const options: PolicyOptions = {
    lora: { ...(adapter?.lora ?? NO_ADAPTER), seed: 0 },
    baseType,
    ...(weights.blockType && { blockType: (name) => weights.blockType!(name) }),
    tokenBudget: tokens.length,
    activationCheckpointing: true,
    headChunk: HEAD_CHUNK,
  };
  const policy = await Policy.create(recorder, config, options, weights);
  try {
    if (adapter) await policy.loadAdapter(adapter.source);
    const [first, ...rest] = tokens;
    const [batch] = packGroups([{ prompt: [first!], responses: [rest] }], tokens.length);
    policy.forward(batch!, { temperature: 1, useAdapter: adapter !== undefined });
    return await recorder.readF32(policy.memory.head.logProb, rest.length);
  } finally {
    policy.destroy();
  }
}

/**
 * ONNX Runtime's log-probability of each of `tokens` [T] after the first, [T-1], with `adapter` beside the weights where there is
 * one. On the device of `recorder`, or where it has no kernel there (halves need a device with shader-f16) on the processor.
 * Throws UserError with its reason where it runs the graph nowhere. Frees what it takes.
 */
export async function onnxLogProbs(
  files: OnnxFiles,
  tokens: readonly number[],
  { recorder, adapter }: { readonly recorder?: Recorder | undefined; readonly adapter?: JudgedAdapter } = {},
): Promise<OnnxLogProbs> {
  const graph = await sessionGraph(
    files,
    adapter ? { kind: "adapter", ...adapter.lora } : { kind: "frozen" },
  );
  return deviceOrHost(recorder, (on) => runGraph(graph, files.config, tokens, adapter?.source, on));
}

export interface OnnxLogProbs {
  readonly logProbs: Float32Array;
  readonly backend: OrtBackend;
}

async function runGraph(
  graph: SessionGraph,
  shape: OnnxFiles["config"],
  tokens: readonly number[],
  weights?: ParameterSource,
  recorder?: Recorder,
): Promise<OnnxLogProbs> {
  const session = await openOrtSession(graph, { recorder, bufferCache: "simple" });
  try {
    const added = weights && (await weightFeeds(session, graph.inputs, weights));
    const { logits } = await session.runGuarded({ ...decoderFeeds(session, shape, [tokens]), ...added });
    const logProbs = nextLogProbs(await session.floats(logits!), shape.vocab, tokens);
    return { logProbs, backend: session.backend };
  } finally {
    await session.dispose();
  }
}

/** Log-probability of each of `tokens` [T] after the first under the logits before it, [T,vocab]. */
export function nextLogProbs(logits: Float32Array, vocab: number, tokens: readonly number[]): Float32Array {
  const row = (t: number): Float32Array => logits.subarray(t * vocab, (t + 1) * vocab);
  return Float32Array.from(tokens.slice(1), (token, t) => logProbOf(row(t), token));
}

/** How far apart log-probabilities of two right engines may be in a model of 2 layers. */
const TOLERANCES = {
  /** Both have the same weights and compute in float32. */
  float32: 1e-4,
  /** Our engine rounds float weights to halves, the graph does not. */
  halfWeights: 5e-3,
  /** The graph computes in halves, and ours in float32. */
  halves: 2e-2,
} as const;
/** Floats of a larger model are judged as halves: in float32 they would take more memory than training does. */
const MOST_FLOAT32 = 2 ** 28;

/** How a file is judged: what our engine keeps its matrices as, and what rounding on either side explains. */
export interface Measure {
  readonly baseType: PolicyOptions["baseType"];
  readonly tolerance: number;
}

/**
 * The measure for a model out of an ONNX file: matrices as the file has them, 4-bit blocks among them. Every layer adds
 * rounding, in a direction of its own, so that it grows with the root of their number.
 */
export function measureOf(
  config: DecoderConfig,
  weights: Pick<ParameterSource, "blockType">,
  { weightType, computesInHalves }: Pick<OnnxDescription, "weightType" | "computesInHalves">,
): Measure {
  const matrices = [...parameterShapes(config)].filter(([, shape]) => shape.length > 1);
  const count = matrices.reduce((sum, [, shape]) => sum + elementCount(shape), 0);
  const isExact = weightType === "F32" && count <= MOST_FLOAT32;
  const baseType = weightType === "Q4" ? "q4" : isExact ? "f32" : "f16";
  const isBlocks = baseType === "q4" && matrices.every(([name]) => weights.blockType?.(name));
  const rounding = computesInHalves ? "halves" : isExact || isBlocks ? "float32" : "halfWeights";
  return { baseType, tolerance: TOLERANCES[rounding] * Math.max(1, Math.sqrt(config.layers / 2)) };
}

const BACKEND_WORDS: Readonly<Record<OrtBackend, string>> = { webgpu: "WebGPU", wasm: "WebAssembly" };
const digits = (value: number): string => (value === 0 ? "0" : value.toExponential(1));

/** What two engines say about the same tokens. */
export function compare(
  ours: Float32Array,
  { logProbs, backend }: OnnxLogProbs,
  tolerance: number,
): Compared {
  let worst = 0;
  ours.forEach((value, i) => {
    const difference = Math.abs(value - logProbs[i]!);
    // Not a number on either side is as far apart as can be.
    worst = Math.max(worst, Number.isNaN(difference) ? Infinity : difference);
  });
  const tokens = ours.length;
  const facts = { worst, tolerance, tokens, backend };
  const place = `over ${tokens} tokens (${BACKEND_WORDS[backend]})`;
  if (worst <= tolerance) {
    const message = `ONNX Runtime agrees: worst log-probability difference ${digits(worst)} ${place}.`;
    return { kind: "agrees", ...facts, message };
  }
  return {
    kind: "differs",
    ...facts,
    message: `ONNX Runtime differs: log-probabilities are up to ${digits(worst)} apart ${place}, and rounding explains ${digits(tolerance)}. The model would be trained as something else than what the file computes.`,
  };
}
