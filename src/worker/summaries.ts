// What the page shows of a device, a model, problems, a plan and kept runs, as plain data.

import { busyRuns } from "../storage/run-lock.ts";
import type { Keeping } from "../app/kept-run.ts";
import type { OpenedProblems } from "../app/problems.ts";
import { kindOfDataset, splitOf } from "../app/problems.ts";
import type { Problem } from "../formats/problem.ts";
import type { ByteSource } from "../formats/safetensors.ts";
import type { Gpu, Recorder } from "../gpu/index.ts";
import { FAMILIES } from "../model/families.ts";
import { adapterShapes } from "../model/lora.ts";
import type { OpenedAdapter } from "../model/open-adapter.ts";
import type { OpenedModel } from "../model/open-model.ts";
import { parameterShapes } from "../model/weights.ts";
import { DEFAULTS } from "../rl/config.ts";
import type { RunConfig } from "../rl/config.ts";
import { fitRun } from "../rl/fit.ts";
import { adapterSettings, policyOptions } from "../rl/options/index.ts";
import type { CheckpointInfo } from "../storage/checkpoints.ts";
import type { RunRecord } from "../storage/runs.ts";
import type {
  AdapterSummary,
  CheckpointSummary,
  DeviceSummary,
  ModelSummary,
  PlanSummary,
  ProblemsSummary,
  RunSummary,
  Unfit,
} from "./api.ts";

const PREVIEWED = 3;
const LISTED = 100;

export const deviceSummary = ({ gpu }: Recorder): DeviceSummary => ({
  name: gpu.adapterName,
  isSoftware: gpu.isSoftware,
  hasF16: gpu.features.has("shader-f16"),
  hasSubgroups: gpu.features.has("subgroups"),
  maxBufferBytes: gpu.maxBufferBytes,
  ...(gpu.memoryBytes !== undefined && { memoryBytes: gpu.memoryBytes }),
  liveBytes: gpu.liveBytes,
});

const elements = (shapes: ReadonlyMap<string, readonly number[]>): number =>
  [...shapes.values()].reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0);

export const modelSummary = (model: OpenedModel, isDemo: boolean): ModelSummary => ({
  name: model.name,
  isDemo,
  isOnnx: model.onnx !== undefined,
  architecture: FAMILIES[model.config.family].label,
  source: model.source,
  parameters: elements(parameterShapes(model.config)),
  layers: model.config.layers,
  hidden: model.config.hidden,
  vocab: model.config.vocab,
  files: listed(model.files),
  ...(model.adapter && { adapter: adapterSummary(model.adapter) }),
});

const listed = (files: readonly ByteSource[]): ModelSummary["files"] =>
  files.map(({ name, size }) => ({ name, bytes: size }));

const adapterSummary = ({ lora, types, step, notices, files }: OpenedAdapter): AdapterSummary => ({
  settings: adapterSettings(lora),
  types,
  ...(step !== undefined && { step }),
  notices,
  files: listed(files),
});

export function problemsSummary(
  problems: OpenedProblems,
  model: OpenedModel | undefined,
  isDemo: boolean,
): ProblemsSummary {
  const { train, heldOut } = splitOf(problems, DEFAULTS["gradus.held_out_ratio"]);
  const promptOf = ({ messages }: Problem): string | undefined =>
    model?.template.render(messages, { addGenerationPrompt: true });
  return {
    name: problems.name,
    isDemo,
    kind: kindOfDataset(problems.train),
    format: problems.train.format,
    count: train.length + heldOut.length,
    train: train.length,
    heldOut: heldOut.length,
    preview: problems.train.problems.slice(0, PREVIEWED).map((problem) => {
      const prompt = promptOf(problem);
      const { question, groundTruth, pair } = problem;
      return { question, groundTruth, ...(pair && { pair }), ...(prompt !== undefined && { prompt }) };
    }),
    refused: problems.refused.slice(0, LISTED),
    refusedCount: problems.refused.length,
  };
}

export function planSummary(
  model: Pick<OpenedModel, "config" | "weights" | "onnx" | "files">,
  config: RunConfig,
  gpu: Gpu,
): PlanSummary | Unfit {
  const { plan, problem, remedy } = fitRun(model, config, gpu);
  if (!plan) return { problem: problem!, ...(remedy && { remedy }) };
  const { bytes, total } = plan;
  const { lora } = policyOptions(config);
  return {
    bytes: [...bytes].map(([owner, count]) => ({ owner, bytes: count })),
    totalBytes: total,
    trainableParameters: elements(lora ? adapterShapes(model.config, lora) : parameterShapes(model.config)),
  };
}

/** Every kept run, last changed first; `ownId` is this tab's. */
export async function runSummaries(
  { runs, checkpoints }: Keeping,
  ownId: string | undefined,
): Promise<RunSummary[]> {
  const [{ runs: records }, busy] = await Promise.all([runs.list(), busyRuns()]);
  return Promise.all(
    records.map(async ({ config: _, kept: __, history, ...record }) => ({
      ...record,
      isBusy: busy.has(record.id) && record.id !== ownId,
      checkpoints: (await checkpoints.whole(record.id)).map((info) => checkpointSummary(info, history)),
    })),
  );
}

function checkpointSummary(
  { step, bytes, savedAt, summary: { accuracy } }: CheckpointInfo,
  history: RunRecord["history"],
): CheckpointSummary {
  const reward = history.find((row) => row["training/global_step"] === step)?.["critic/score/mean"];
  return {
    step,
    bytes,
    savedAt,
    ...(typeof accuracy === "number" && { strict: accuracy }),
    ...(reward !== undefined && { reward }),
  };
}
