// Whether an export is what was trained. It is read back from where it was written; then ONNX Runtime runs it, and its
// log-probabilities are held against our engine on the same weights, and against the checkpoint as it was trained: the second
// says how much the file's rounding changes the model. What fails is not offered.

import { GpuError, UserError } from "../common/errors.ts";
import type { ByteSource } from "../formats/safetensors.ts";
import type { Recorder } from "../gpu/index.ts";
import { mergedWeights } from "../model/merged-weights.ts";
import type { OpenedModel } from "../model/open-model.ts";
import type { JudgedAdapter, Measure, OnnxLogProbs } from "../rollout/onnxruntime/judge.ts";
import { compare, engineLogProbs, measureOf, onnxLogProbs } from "../rollout/onnxruntime/judge.ts";
import type { PiecesOptions } from "../rollout/onnxruntime/pieces.ts";
import { onnxLogProbsInPieces } from "../rollout/onnxruntime/pieces.ts";
import { judgedTokens } from "./judge.ts";
import type { WrittenExport } from "./read-back.ts";
import { readBack } from "./read-back.ts";
import type { AdapterAlone, TrainedModel } from "./trained-model.ts";
import { isAlone } from "./trained-model.ts";
import type { WeightForm } from "./weight-exports.ts";

export interface ExportCheck {
  /** False: the file is not what was trained. */
  readonly isGood: boolean;
  /** What was found, a sentence or two. */
  readonly message: string;
  /** Largest difference of a log-probability between ONNX Runtime on the file and the checkpoint, where both were run. */
  readonly worst?: number;
}

export interface CheckOptions {
  /** Absent: nothing is run, for the reason that `unrun` gives. */
  readonly recorder?: Recorder | undefined;
  /** Default: a run has the device. */
  readonly unrun?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Checks what was written, each file under its name in the export. Rejects with the signal's reason when it is stopped. */
export async function checkExport(
  written: readonly ByteSource[],
  form: WeightForm,
  trained: TrainedModel | AdapterAlone,
  { recorder, unrun = TAKEN, signal }: CheckOptions = {},
): Promise<ExportCheck> {
  try {
    const back = await readBack(written, form, trained);
    signal?.throwIfAborted();
    const notRun = (why: string): ExportCheck => good(back, `Not run in ONNX Runtime: ${why}`);
    if (isAlone(trained)) return notRun(trained.lost);
    if (!recorder) return notRun(unrun);
    try {
      return await runBeside(back, trained, { recorder, signal });
    } catch (error) {
      // What was written is as it should be; there is no room to run it.
      if (error instanceof GpuError) return notRun(error.message);
      throw error;
    }
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof UserError) return { isGood: false, message: error.message };
    throw error;
  }
}

const TAKEN = "a run has the device. Make it again after the run for that.";

const good = ({ blockError }: WrittenExport, message: string): ExportCheck => ({
  isGood: true,
  message: `Read back: every tensor is as it was trained${blockError > 0 ? ", rounded to 4 bits where it is so stored" : ""}. ${message}`,
});

/** An export as ONNX Runtime runs it, and what our engine runs beside it. */
interface Runnable {
  readonly run: (tokens: readonly number[]) => Promise<OnnxLogProbs>;
  readonly adapter?: JudgedAdapter;
  readonly model: Pick<OpenedModel, "config" | "weights">;
  readonly measure: Measure;
}

async function runBeside(
  back: WrittenExport,
  trained: TrainedModel,
  { recorder, signal }: CheckOptions & { recorder: Recorder },
): Promise<ExportCheck> {
  const tokens = judgedTokens(trained.model.tokenizer);
  const { run, adapter, model, measure } = runnableOf(back, trained, { recorder, signal });
  signal?.throwIfAborted();
  const theirs = await run(tokens).catch(unlessMissing);
  if (typeof theirs === "string") return good(back, `Not run in ONNX Runtime: ${theirs}`);
  signal?.throwIfAborted();
  const { baseType } = measure;
  const ours = await engineLogProbs(recorder, model, tokens, { baseType, ...(adapter && { adapter }) });
  signal?.throwIfAborted();
  const verdict = compare(ours, theirs, measure.tolerance);
  if (verdict.kind === "differs")
    return {
      isGood: false,
      message: `ONNX Runtime computes something else from this file than it should: log-probabilities are up to ${digits(verdict.worst!)} apart over ${tokens.length - 1} tokens, and rounding explains ${digits(verdict.tolerance!)}. Save another form, and report this.`,
    };
  const live = await liveLogProbs(recorder, trained, tokens);
  const { worst } = compare(live, theirs, Infinity);
  const distance = `worst log-probability difference ${digits(worst!)} over ${tokens.length - 1} tokens`;
  return { ...good(back, `ONNX Runtime against the checkpoint: ${distance}.`), worst: worst! };
}

/** Two digits, small numbers in powers of ten. */
const digits = (value: number): string =>
  value === 0 || value >= 0.01 ? String(Number(value.toPrecision(2))) : value.toExponential(1);

/** Log-probabilities of the checkpoint as it was trained: over its base, with its adapter. */
function liveLogProbs(
  recorder: Recorder,
  { model, trained }: TrainedModel,
  tokens: readonly number[],
): Promise<Float32Array> {
  const { source, lora } = trained;
  const { config } = model;
  if (!lora) {
    const { baseType } = measureOf(config, source, FLOATS);
    return engineLogProbs(recorder, { config, weights: source }, tokens, { baseType });
  }
  const { baseType } = measureOf(config, model.weights, model.onnx?.description ?? FLOATS);
  return engineLogProbs(recorder, model, tokens, { baseType, adapter: { lora, source } });
}

/** Of weights that are no ONNX file, as ONNX Runtime is given them here. */
const FLOATS = { weightType: "F32", computesInHalves: false } as const;

/** ONNX files run as they are, an adapter of such inside its base; other weights in pieces. */
function runnableOf(
  { model, adapter }: WrittenExport,
  trained: TrainedModel,
  options: PiecesOptions,
): Runnable {
  const base = trained.model;
  const { recorder } = options;
  if (model?.onnx) {
    const { onnx } = model;
    const measure = measureOf(model.config, model.weights, onnx.description);
    return { run: (tokens) => onnxLogProbs(onnx, tokens, { recorder }), model, measure };
  }
  if (adapter?.lora && base.onnx) {
    const { onnx } = base;
    const judged = { lora: adapter.lora, source: adapter.source };
    const run = (tokens: readonly number[]) => onnxLogProbs(onnx, tokens, { recorder, adapter: judged });
    const measure = measureOf(base.config, base.weights, onnx.description);
    return { run, adapter: judged, model: base, measure };
  }
  const { config } = base;
  const merged = { config, weights: model?.weights ?? mergedWeights(config, base.weights, adapter!) };
  const measure = measureOf(config, merged.weights, FLOATS);
  return { run: (tokens) => onnxLogProbsInPieces(merged, tokens, options), model: merged, measure };
}

/** What ONNX Runtime said, where it has no kernel for a node or no memory; anything else is a fault of the file. */
function unlessMissing(error: unknown): string {
  if (error instanceof GpuError) return error.message;
  if (error instanceof UserError && MISSING.test(error.message)) return error.message;
  throw error;
}

const MISSING =
  /could not find an implementation|not.implemented|bad_alloc|out of memory|could not be loaded/i;
