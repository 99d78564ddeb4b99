// What can be taken home of a run: trained weights, metrics, settings. Reads checkpoints, so it works while a run goes on and
// after it has ended.

import { UserError } from "../common/errors.ts";
import { toCsv, toJsonLines } from "../formats/metrics-table.ts";
import { peftAdapterFiles } from "../formats/peft.ts";
import { writeSafetensors } from "../formats/safetensors.ts";
import type { CommandGroup, CommandSetting } from "../formats/to-verl-command.ts";
import { toVerlCommand } from "../formats/to-verl-command.ts";
import { toVerlYaml } from "../formats/verl-config.ts";
import type { NamedFile } from "../formats/zip.ts";
import { zipFiles } from "../formats/zip.ts";
import type { DecoderConfig } from "../model/config.ts";
import { adapterShapes } from "../model/lora.ts";
import { parameterShapes } from "../model/weights.ts";
import type { RunConfig } from "../rl/config.ts";
import { STEP } from "../rl/metrics.ts";
import type { MetricRow } from "../rl/metrics.ts";
import { policyOptions } from "../rl/options/index.ts";
import { isAdded, labelOf, verlSettings } from "../rl/verl/export.ts";
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

type Kept = Readonly<Record<string, unknown>>;

const HEAD = "Settings of a run of Gradus, for verl of August 2026.";

/**
 * verl's nested YAML, each setting with its label. What verl knows under another value is written as verl has it. `kept` is
 * what an import has kept for a cluster, by dotted key. verl starts from it with --config-path and --config-name.
 */
export function configYaml(config: RunConfig, kept: Kept = {}): NamedFile {
  const { needs, run, own, kept: rest, warnings, engine } = verlSettings(config, kept);
  const needed = needs.map(({ key, value }) => [key, value] as const);
  const values = {
    "hydra.searchpath": ["pkg://verl.trainer.config"],
    defaults: [
      "ppo_trainer",
      ...(engine === undefined ? [] : [{ "override model_engine": engine }]),
      "_self_",
    ],
    ...Object.fromEntries(needed),
    ...rest,
    ...run,
    ...own,
  };
  const comments = {
    hydra: "verl's own files, which this one stands on.",
    gradus: "verl does not read this section.",
    ...Object.fromEntries(needs.map(({ key, comment }) => [key, comment])),
    ...Object.fromEntries(Object.keys(config).map((key) => [key, labelOf(key)])),
  };
  const head = [
    HEAD,
    "python3 -m verl.trainer.main_ppo --config-path=$PWD --config-name=config",
    ...warnings,
  ];
  const lines = head.map((line) => `# ${line}\n`).join("");
  return { name: "config.yaml", bytes: text(`${lines}\n${toVerlYaml(values, comments)}`) };
}

const signOf = (key: string): "+" | "" => (isAdded(key) ? "+" : "");

/** A script whose command starts verl with the settings of `configYaml`, after the lines of `before`. */
export function configCommand(config: RunConfig, kept: Kept = {}, before: readonly string[] = []): NamedFile {
  const { needs, run, own, kept: rest, warnings, engine } = verlSettings(config, kept);
  const group = (comment: string, values: Kept, sign?: CommandSetting["sign"]): CommandGroup => ({
    comment,
    settings: Object.entries(values).map(([key, value]) => ({
      sign: sign ?? signOf(key),
      key,
      value,
    })),
  });
  const groups = [
    {
      comment: "What verl needs besides: look at these first.",
      settings: [...(engine === undefined ? [] : [{ key: "model_engine", value: engine }]), ...needs].map(
        (need) => ({ sign: signOf(need.key), ...need }),
      ),
    },
    group("The settings of the run.", run),
    group("Kept from the configuration that was imported.", rest, "++"),
    group("verl does not read these.", own),
  ];
  const script = toVerlCommand("verl.trainer.main_ppo", groups, [HEAD, ...warnings], before);
  return { name: "run_verl.sh", bytes: text(script) };
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
  if (lora) return peftAdapterFiles({ lora, baseModelName: model.name, tensors, step: checkpoint.step });
  const bytes = writeSafetensors(
    [...tensors].map(([name, { shape, values }]) => [name, shape, values] as const),
  );
  return [{ name: "model.safetensors", bytes }];
}

/** One file to save: the only one, or a zip archive of several. */
export const asOneFile = (files: readonly NamedFile[], archive: string): NamedFile =>
  files.length === 1 ? files[0]! : { name: archive, bytes: zipFiles(files) };
