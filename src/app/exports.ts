// What can be taken home of a run beside its weights: metrics and settings. Works while a run goes on and after it has ended;
// the weights are in weight-exports.ts.

import { toCsv, toJsonLines } from "../formats/metrics-table.ts";
import type { CommandGroup, CommandSetting } from "../formats/to-verl-command.ts";
import { toVerlCommand } from "../formats/to-verl-command.ts";
import { toVerlYaml } from "../formats/verl-config.ts";
import type { NamedFile } from "../formats/zip.ts";
import type { RunConfig } from "../rl/config.ts";
import { STEP } from "../rl/metrics.ts";
import type { MetricRow } from "../rl/metrics.ts";
import { isAdded, labelOf, verlSettings } from "../rl/verl/export.ts";

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

/** A script whose command starts verl with the settings of `configYaml`. */
export function configCommand(config: RunConfig, kept: Kept = {}): NamedFile {
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
  const script = toVerlCommand("verl.trainer.main_ppo", groups, [HEAD, ...warnings]);
  return { name: "run_verl.sh", bytes: text(script) };
}
