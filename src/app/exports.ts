// What can be taken home of a run: trained weights, metrics, settings. Reads checkpoints, so it works while a run goes on and
// after it has ended.

import { UserError } from "../common/errors.ts";
import { toCsv, toJsonLines } from "../formats/metrics-table.ts";
import { peftAdapterFiles } from "../formats/peft.ts";
import { writeSafetensors } from "../formats/safetensors.ts";
import { toVerlYaml } from "../formats/verl-config.ts";
import type { NamedFile } from "../formats/zip.ts";
import { zipFiles } from "../formats/zip.ts";
import type { DecoderConfig } from "../model/config.ts";
import { adapterShapes } from "../model/lora.ts";
import { parameterShapes } from "../model/weights.ts";
import { fieldOf } from "../rl/config.ts";
import type { ConfigKey, RunConfig } from "../rl/config.ts";
import { STEP } from "../rl/metrics.ts";
import type { MetricRow } from "../rl/metrics.ts";
import { miniBatchSize, policyOptions } from "../rl/options/index.ts";
import type { OpenCheckpoint } from "../storage/checkpoints.ts";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** A run's metrics, a row a step, with the step's number first. */
const table = (history: readonly MetricRow[]): MetricRow[] =>
  history.map((row) => ({ step: row[STEP]!, ...row }));

export const metricsJsonl = (history: readonly MetricRow[]): NamedFile => ({
  name: "metrics.jsonl",
  bytes: text(toJsonLines(table(history))),
});

export const metricsCsv = (history: readonly MetricRow[]): NamedFile => ({
  name: "metrics.csv",
  bytes: text(toCsv(table(history))),
});

/**
 * verl's nested YAML, each setting with its label. What verl knows under another value is written as verl has it. `kept` is
 * what an import has kept for a cluster, by dotted key.
 */
export function configYaml(config: RunConfig, kept: Readonly<Record<string, unknown>> = {}): NamedFile {
  const factor = config["actor_rollout_ref.actor.loss_scale_factor"];
  const values = {
    ...kept,
    ...config,
    "actor_rollout_ref.actor.ppo_mini_batch_size": miniBatchSize(config),
    "actor_rollout_ref.actor.loss_scale_factor": factor > 0 ? factor : null,
  };
  const comments = Object.fromEntries(
    (Object.keys(config) as ConfigKey[]).map((key) => [key, fieldOf(key).label] as const),
  );
  return { name: "config.yaml", bytes: text(toVerlYaml(values, comments)) };
}

export interface TrainedModel {
  readonly name: string;
  readonly config: DecoderConfig;
}

/**
 * The trained weights of a checkpoint: model.safetensors under Hugging Face's names, or an adapter in PEFT's form. Throws
 * UserError when the checkpoint is damaged or of another model.
 */
export async function trainedWeights(
  checkpoint: OpenCheckpoint,
  model: TrainedModel,
  config: RunConfig,
): Promise<readonly NamedFile[]> {
  const { lora } = policyOptions(config);
  const shapes = lora ? adapterShapes(model.config, lora) : parameterShapes(model.config);
  const tensors = new Map<string, { shape: readonly number[]; values: Float32Array }>();
  for (const [name, shape] of shapes) {
    if (!checkpoint.tensors.has(`value/${name}`))
      throw new UserError(
        `The checkpoint of step ${checkpoint.step} has no "${name}": it is of another model than ${model.name}.`,
      );
    tensors.set(name, { shape, values: await checkpoint.read(`value/${name}`) });
  }
  if (lora) return peftAdapterFiles({ lora, baseModelName: model.name, tensors });
  const bytes = writeSafetensors(
    [...tensors].map(([name, { shape, values }]) => [name, shape, values] as const),
  );
  return [{ name: "model.safetensors", bytes }];
}

/** One file to save: the only one, or a zip archive of several. */
export const asOneFile = (files: readonly NamedFile[], archive: string): NamedFile =>
  files.length === 1 ? files[0]! : { name: archive, bytes: zipFiles(files) };
