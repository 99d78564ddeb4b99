// Files to save on the person's disk, made from what is kept of a run.

import {
  asOneFile,
  configCommand,
  configYaml,
  metricsCsv,
  metricsJsonl,
  trainedWeights,
} from "../app/exports.ts";
import { keptProblems, keptShape } from "../app/kept-files.ts";
import type { Keeping } from "../app/kept-run.ts";
import { keptConfig, keptForCluster } from "../app/kept-run.ts";
import { splitOf } from "../app/problems.ts";
import { savedMeta } from "../app/saved-meta.ts";
import { verlBundle } from "../app/verl-bundle.ts";
import { UserError } from "../common/errors.ts";
import type { NamedFile } from "../formats/zip.ts";
import type { MetricRow } from "../rl/metrics.ts";
import { trainsAdapter } from "../rl/options/index.ts";
import type { OpenCheckpoint } from "../storage/checkpoints.ts";
import type { DownloadId } from "./api.ts";

/** The file for `what` of a run, at its newest checkpoint where `step` is undefined. Throws UserError. */
export async function downloadOf(
  keeping: Keeping,
  what: DownloadId,
  id: string,
  step: number | undefined,
): Promise<File> {
  const { name, bytes } = await fileOf(keeping, what, id, step);
  return new File([bytes as Uint8Array<ArrayBuffer>], name);
}

async function fileOf(
  keeping: Keeping,
  what: DownloadId,
  id: string,
  step: number | undefined,
): Promise<NamedFile> {
  if (what === "config" || what === "command") {
    const [config, kept] = await Promise.all([keptConfig(keeping, id), keptForCluster(keeping, id)]);
    return what === "config" ? configYaml(config, kept) : configCommand(config, kept);
  }
  if (what === "verl-bundle") return bundleOf(keeping, id, step);
  if (what !== "weights") {
    const history = await historyOf(keeping, id, step);
    return what === "metrics-csv" ? metricsCsv(history) : metricsJsonl(history);
  }
  const record = await keeping.runs.load(id);
  const checkpoint = await open(keeping, id, step);
  const model = { name: record.modelName, config: await keptShape(keeping.runs, id) };
  const files = await trainedWeights(checkpoint, model, await keptConfig(keeping, id));
  return asOneFile(files, `${record.modelName}-adapter-step-${checkpoint.step}.zip`);
}

/** What the run needs to go on with verl, as one archive. */
async function bundleOf(keeping: Keeping, id: string, step: number | undefined): Promise<NamedFile> {
  const { modelName } = await keeping.runs.load(id);
  const checkpoint = await open(keeping, id, step);
  const config = await keptConfig(keeping, id);
  const model = { name: modelName, config: await keptShape(keeping.runs, id) };
  const files = verlBundle({
    step: checkpoint.step,
    modelName,
    adapter: trainsAdapter(config) ? await trainedWeights(checkpoint, model, config) : [],
    config,
    kept: await keptForCluster(keeping, id),
    problems: splitOf(await keptProblems(keeping.runs, id), config["gradus.held_out_ratio"]),
  });
  return asOneFile(files, `${modelName.split("/").at(-1)}-verl-step-${checkpoint.step}.zip`);
}

/** Up to a checkpoint, or all that the run has logged. */
async function historyOf(
  keeping: Keeping,
  id: string,
  step: number | undefined,
): Promise<readonly MetricRow[]> {
  if (step === undefined) return (await keeping.runs.load(id)).history;
  const { meta } = await keeping.checkpoints.open(id, step);
  return savedMeta(meta, `The checkpoint of step ${step}`).progress.history;
}

async function open({ checkpoints }: Keeping, id: string, step: number | undefined): Promise<OpenCheckpoint> {
  const newest = step ?? (await checkpoints.whole(id)).at(-1)?.step;
  if (newest !== undefined) return checkpoints.open(id, newest);
  throw new UserError("This run has no checkpoint yet: save one first, or wait for the next.");
}
