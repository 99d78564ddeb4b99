// Small files to save on the person's disk, made from what is kept of a run; its weights are in exports.ts.

import { configCommand, configYaml, metricsCsv, metricsJsonl } from "../app/exports.ts";
import { keptProblems } from "../app/kept-files.ts";
import type { Keeping } from "../app/kept-run.ts";
import { keptConfig, keptForCluster } from "../app/kept-run.ts";
import { savedMeta } from "../app/saved-meta.ts";
import { keptBundle } from "../app/verl-bundle.ts";
import { baseName } from "../common/base-name.ts";
import { bytesOf, streamOf } from "../formats/encoded-file.ts";
import type { NamedFile } from "../formats/zip.ts";
import { zipStream } from "../formats/zip.ts";
import type { MetricRow } from "../rl/metrics.ts";
import type { DownloadId } from "./api.ts";
import { trainedOf } from "./exports.ts";

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
  const history = await historyOf(keeping, id, step);
  return what === "metrics-csv" ? metricsCsv(history) : metricsJsonl(history);
}

/** What the run needs to go on with verl, as one archive. */
async function bundleOf(keeping: Keeping, id: string, step: number | undefined): Promise<NamedFile> {
  const trained = await trainedOf(id, step);
  const files = await keptBundle(keeping, id, trained, await keptProblems(keeping.runs, id));
  const archive = zipStream(files.map(({ name, bytes }) => streamOf(name, bytes)));
  const name = `${baseName(trained.model)}-verl-step-${trained.step}.zip`;
  return { name, bytes: await bytesOf(archive) };
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
