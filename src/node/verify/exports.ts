// The ONNX exports beside a golden model: every tensor that is read out of them against the weights that they were made
// from. float32 must be equal to the bit, float16 to the bits of the rounded weights, 4-bit blocks to what another
// implementation de-quantised; an adapter that an export holds beside its weights is added to both.

import { readdir } from "node:fs/promises";
import path from "node:path";

import { UserError } from "../../common/errors.ts";
import { roundF16 } from "../../common/f16.ts";
import { logProbOf } from "../../common/numbers.ts";
import type { OnnxFiles, OnnxModel } from "../../formats/onnx/model.ts";
import { openOnnxModel } from "../../formats/onnx/model.ts";
import type { ByteSource } from "../../formats/safetensors.ts";
import { openSafetensors } from "../../formats/safetensors.ts";
import type { Recorder } from "../../gpu/index.ts";
import type { DecoderConfig } from "../../model/config.ts";
import { mergedWeights } from "../../model/merged-weights.ts";
import { checkShapes } from "../../model/parameters.ts";
import { parameterShapes } from "../../model/weights.ts";
import { fileSource } from "../files/source.ts";
import type { Check } from "./check.ts";
import { maxAbs, mismatches } from "./check.ts";
import type { Golden } from "./golden.ts";
import { evaluate, withPolicy } from "./run.ts";

/** Both sides multiply in float32 and may differ by the order of subtracting and multiplying. */
const BLOCKS = 1e-6;
/** An adapter's products are summed in another order. */
const MERGED = 1e-6;
const LOG_PROB = 1e-4;

/** Weights of an export as another implementation de-quantised them, `w.<name>`, and Hugging Face's logits on them. */
const DEQUANTISED = "dequantised.safetensors";

type Reference = (name: string) => Promise<Float32Array>;

/**
 * The checks of each folder of `exports/`: its tensors and, where it says which logits Hugging Face computes with them, our
 * log-probabilities. None when there is no such folder.
 */
export async function exportChecks(recorder: Recorder, golden: Golden): Promise<Check[]> {
  const checks: Check[] = [];
  for (const [name, files] of await exportsOf(golden)) {
    try {
      checks.push(await tensorCheck(golden, name, files));
      const dequantised = files.get(DEQUANTISED);
      if (dequantised) checks.push(await logProbCheck(recorder, golden, name, files, dequantised));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      const failed = { worst: Infinity, unit: "mismatches", tolerance: 0, where: error.message } as const;
      checks.push({ name: `export ${name}: tensors equal`, ...failed });
    }
  }
  return checks;
}

type Files = ReadonlyMap<string, ByteSource>;

/** Name and files of each folder of `exports/`. */
export async function exportsOf({ directory }: Golden): Promise<(readonly [string, Files])[]> {
  const folder = path.join(directory, "exports");
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  return Promise.all(
    names.sort().map(async (name) => [name, await filesOf(path.join(folder, name))] as const),
  );
}

/** What an ONNX model is opened from. Throws UserError when there is none among `files`. */
export function onnxFilesOf(
  config: DecoderConfig,
  files: Files,
): OnnxFiles & { readonly config: DecoderConfig } {
  const model = [...files.values()].find((file) => file.name.endsWith(".onnx"));
  if (!model) throw new UserError("There is no .onnx file.");
  return { model, external: (file) => files.get(file), config };
}

/** The model of an export, which must have every parameter of `config` and no other. */
async function openExport(config: DecoderConfig, files: Files): Promise<OnnxModel> {
  const opened = await openOnnxModel(onnxFilesOf(config, files));
  const parameters = [...parameterShapes(config)].map(([name, shape]) => ({ name, shape }));
  checkShapes(parameters, opened);
  return opened;
}

async function tensorCheck(golden: Golden, name: string, files: Files): Promise<Check> {
  const opened = await openExport(golden.config, files);
  const { reference, tolerance } = await referenceOf(golden, opened, files);
  const unit = tolerance === 0 ? "mismatches" : "abs";
  let [worst, where] = [0, "-"];
  for (const tensor of parameterShapes(golden.config).keys()) {
    const [actual, expected] = [await opened.read(tensor), await reference(tensor)];
    const error = tolerance === 0 ? mismatches(actual, expected) : maxAbs(actual, expected).worst;
    if (error <= worst) continue;
    worst = error;
    where = tensor;
  }
  return { name: `export ${name}: tensors equal`, worst, unit, tolerance, where };
}

/** Log-probabilities of the golden sequences on an export's weights, against Hugging Face's logits on the same. */
async function logProbCheck(
  recorder: Recorder,
  golden: Golden,
  name: string,
  files: Files,
  dequantised: ByteSource,
): Promise<Check> {
  const file = await openSafetensors(dequantised);
  const { head } = (await openExport(golden.config, files)).description;
  // A head of its own in the file is a head of its own here, as in that run.
  const config = { ...golden.config, tied: golden.config.tied && head === "tied" };
  const weights = await openExport(config, files);
  const { logProb } = await withPolicy(
    recorder,
    { ...golden, config },
    { adapter: false, weights },
    (policy) => evaluate(policy, golden.groups, { temperature: 1, useAdapter: false }),
  );
  const logits = await file.readF32("logits");
  const width = file.entry("logits").shape[1]!;
  const expected = golden.groups.flatMap(({ prompt, responses }, b) =>
    responses[0]!.map((token, t) => {
      const row = (b * width + prompt.length + t - 1) * config.vocab;
      return logProbOf(logits.subarray(row, row + config.vocab), token);
    }),
  );
  const { worst, index } = maxAbs(logProb, expected);
  const where = `response token ${index}`;
  return { name: `export ${name}: log-probabilities`, worst, unit: "abs", tolerance: LOG_PROB, where };
}

async function filesOf(folder: string): Promise<Files> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  const sources = names.map(async (name) => [name, await fileSource(path.join(folder, name))] as const);
  return new Map(await Promise.all(sources));
}

/** What the tensors of an export must be, and how nearly. */
async function referenceOf(
  golden: Golden,
  { description }: OnnxModel,
  files: Files,
): Promise<{ reference: Reference; tolerance: number }> {
  const plain: Reference = (name) => golden.weights.read(name);
  const { weightType, isAdapterMerged } = description;
  if (isAdapterMerged) {
    const merged = mergedWeights(golden.config, golden.weights, {
      source: golden.adapter,
      lora: golden.lora,
    });
    return { reference: (name) => merged.read(name), tolerance: MERGED };
  }
  if (weightType === "F16") return { reference: async (name) => roundF16(await plain(name)), tolerance: 0 };
  if (weightType !== "Q4") return { reference: plain, tolerance: 0 };
  const file = files.get(DEQUANTISED);
  if (!file) throw new UserError(`Its weights have 4 bits, and there is no ${DEQUANTISED} to compare with.`);
  const dequantised = await openSafetensors(file);
  return { reference: (name) => dequantised.readF32(`w.${name}`), tolerance: BLOCKS };
}
