// What `train` and `eval` work on: a model folder and problem files, the demo's where none is named.

import { stat } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { openProblems } from "../../app/problems.ts";
import type { OpenedProblems } from "../../app/problems.ts";
import { UserError } from "../../common/errors.ts";
import type { OpenedModel } from "../../model/open-model.ts";
import { openModel } from "../../model/open-model.ts";
import { configWith, DEFAULTS } from "../../rl/config.ts";
import type { RunConfig } from "../../rl/config.ts";
import { fromVerlYaml } from "../../formats/verl-config.ts";
import { nearest } from "../../common/nearest.ts";
import { PRESETS } from "../../rl/presets/index.ts";
import { fileSource, folderSources } from "../files/source.ts";

const DEMO = fileURLToPath(new URL("../../../public/demo", import.meta.url));

/** The model of a folder, or the demo. */
export async function modelOf(folder: string | undefined): Promise<OpenedModel> {
  if (folder === undefined) return openModel(await folderSources(DEMO), "demo");
  return openModel(await folderSources(folder));
}

/** The problems of one or two files, or the demo's. */
export async function problemsOf(files: readonly string[]): Promise<OpenedProblems> {
  const paths = files.length > 0 ? files : ["train.jsonl", "test.jsonl"].map((name) => path.join(DEMO, name));
  return openProblems(await Promise.all(paths.map((file) => fileSource(file))));
}

export interface Settings {
  readonly preset?: string | undefined;
  /** A YAML file in verl's form. */
  readonly config?: string | undefined;
  /** `key=value` each. */
  readonly set?: readonly string[] | undefined;
  readonly steps?: string | undefined;
}

/** A preset (the demo's own for the demo model), a file's settings and single ones on top. */
export async function settingsOf(settings: Settings, isDemo: boolean, base?: RunConfig): Promise<RunConfig> {
  const id = settings.preset ?? (isDemo ? "grpo-demo" : "grpo-gsm8k");
  const preset = PRESETS.find((candidate) => candidate.id === id);
  if (!preset) {
    const ids = PRESETS.map((candidate) => candidate.id);
    const close = nearest(id, ids);
    throw new UserError(
      `There is no preset "${id}". ${close ? `Did you mean ${close}?` : `There are ${ids.join(", ")}.`}`,
    );
  }
  const start = base && !settings.preset ? base : configWith(preset.values, DEFAULTS);
  return configWith({ ...(await fileValues(settings.config)), ...singleValues(settings) }, start);
}

async function fileValues(file: string | undefined): Promise<Record<string, unknown>> {
  if (file === undefined) return {};
  const source = await fileSource(file);
  return fromVerlYaml(new TextDecoder().decode(await source.read(0, source.size)), source.name);
}

function singleValues({ set = [], steps }: Settings): Record<string, unknown> {
  const pairs = set.map((text) => {
    const at = text.indexOf("=");
    if (at > 0) return [text.slice(0, at).trim(), text.slice(at + 1).trim()] as const;
    throw new UserError(
      `--set takes key=value, and "${text}" is not that. Example: --set actor_rollout_ref.actor.optim.lr=1e-5`,
    );
  });
  return {
    ...Object.fromEntries(pairs),
    ...(steps !== undefined && { "trainer.total_training_steps": steps }),
  };
}

/** Whether there is something under this path. */
export const exists = (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    () => false,
  );
