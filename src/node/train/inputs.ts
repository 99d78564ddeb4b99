// What `train` and `eval` work on: a model folder and problem files, the demo's where none is named.

import { stat } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { withAdapter } from "../../app/adapter-files.ts";
import { openProblems } from "../../app/problems.ts";
import type { OpenedProblems } from "../../app/problems.ts";
import { UserError } from "../../common/errors.ts";
import { decodeText } from "../../formats/json.ts";
import { isZip } from "../../formats/unzip.ts";
import type { OpenedModel } from "../../model/open-model.ts";
import { openModel } from "../../model/open-model.ts";
import { CONFIG_KEYS, configWith, DEFAULTS } from "../../rl/config.ts";
import type { RunConfig } from "../../rl/config.ts";
import { nearestHint } from "../../common/nearest.ts";
import type { Preset } from "../../rl/presets/index.ts";
import { adapterPreset, presetById, PRESETS } from "../../rl/presets/index.ts";
import { importVerlText } from "../../rl/verl/import-text.ts";
import type { ImportOptions, VerlImport } from "../../rl/verl/imported.ts";
import { fileSource, folderSources } from "../files/source.ts";
import { hubModel, isHubName } from "./hub-model.ts";

const DEMO = fileURLToPath(new URL("../../../public/demo", import.meta.url));

/** A model, and where it is such that it means the same tomorrow and from another folder; absent: the demo. */
export interface PlacedModel {
  readonly model: OpenedModel;
  readonly place?: string;
}

/** A model with the adapter of a folder, or of a zip file. Throws UserError where it does not fit. */
export async function adapted({ model, ...where }: PlacedModel, place: string): Promise<PlacedModel> {
  const sources = isZip({ name: place })
    ? [await fileSource(place)]
    : await folderSources(place, "adapter_config.json and adapter_model.safetensors");
  return { model: await withAdapter(model, sources), ...where };
}

/**
 * The model of a folder or, where there is none, of a hub's repository (`owner/name`, with `@revision` and `:form` or
 * without), or the demo.
 */
export const modelOf = async (place: string | undefined): Promise<OpenedModel> =>
  (await placedModel(place)).model;

/** The same, with where it is. */
export async function placedModel(place: string | undefined): Promise<PlacedModel> {
  if (place === undefined) return { model: await openModel(await folderSources(DEMO), "demo") };
  if (!isHubName(place) || (await exists(place)))
    return { model: await openModel(await folderSources(place)), place: path.resolve(place) };
  const { model, name } = await hubModel(place);
  return { model, place: name };
}

/** The problems of one or two files, or the demo's. */
export async function problemsOf(files: readonly string[]): Promise<OpenedProblems> {
  const paths = files.length > 0 ? files : ["train.jsonl", "test.jsonl"].map((name) => path.join(DEMO, name));
  return openProblems(await Promise.all(paths.map((file) => fileSource(file))));
}

export interface Settings {
  readonly preset?: string | undefined;
  /** A YAML file in verl's form, or a script with a command that starts verl. */
  readonly config?: string | undefined;
  /** `key=value` each. */
  readonly set?: readonly string[] | undefined;
  readonly steps?: string | undefined;
  /** A JavaScript file with the person's own reward function. */
  readonly reward?: string | undefined;
}

/** What settings depend on besides what was typed. */
export interface Surroundings {
  readonly isDemo: boolean;
  /** Those of the run that goes on. */
  readonly base?: RunConfig | undefined;
  readonly problems?: ImportOptions["problems"];
  /** Settings that the adapter decides which the run goes on from. */
  readonly adapter?: ImportOptions["adapter"];
}

/** A run's settings, and what a file had for a cluster. */
export interface ReadSettings {
  readonly config: RunConfig;
  /** Absent without a file. */
  readonly kept?: VerlImport["kept"];
}

/** The settings alone, see `readSettings`. */
export const settingsOf = async (settings: Settings, isDemo: boolean, base?: RunConfig): Promise<RunConfig> =>
  (await readSettings(settings, { isDemo, base })).config;

/** A preset (sized for the model where only its form is named), a file's settings and single ones on top. Prints what the file gave. */
export async function readSettings(
  settings: Settings,
  { isDemo, base, problems, adapter = {} }: Surroundings,
): Promise<ReadSettings> {
  const named = presetOf(settings.preset ?? "grpo", isDemo);
  const preset = Object.keys(adapter).length > 0 ? adapterPreset(named) : named;
  const start = base && !settings.preset ? base : configWith({ ...preset.values, ...adapter }, DEFAULTS);
  const single = { ...(await ownReward(settings.reward)), ...singleValues(settings) };
  const read = await fileSettings(settings.config, start, { over: single, problems, adapter });
  if (settings.reward === undefined) return read;
  return { ...read, config: judgedByOwn(read.config, single) };
}

/** The settings of a file on top of `start`, those of `options.over` above both. */
async function fileSettings(
  file: string | undefined,
  start: RunConfig,
  options: ImportOptions,
): Promise<ReadSettings> {
  if (file === undefined) return { config: configWith(options.over ?? {}, start) };
  const source = await fileSource(file);
  const text = new TextDecoder().decode(await source.read(0, source.size));
  const read = importVerlText(text, start, { ...options, file: source.name });
  const wrong = read.refused.filter(({ kind }) => kind !== "elsewhere");
  if (wrong.length > 0) throw new UserError(`${source.name}: ${wrong.map(({ why }) => why).join(" ")}`);
  for (const line of reportOf(read, source.name)) console.log(line);
  return { config: read.config, kept: read.kept };
}

/** The preset of a whole id, or of a form on the sizes that suit the model. Throws UserError naming the forms. */
function presetOf(id: string, isDemo: boolean): Preset {
  const preset = presetById(id, isDemo ? "demo" : "own");
  if (preset) return preset;
  const forms = [...new Set(PRESETS.map(({ form }) => form))];
  const known = [...forms, ...PRESETS.map((candidate) => candidate.id)];
  throw new UserError(
    `There is no preset "${id}". ${nearestHint(id, known, `There are ${forms.join(", ")}.`)}`,
  );
}

/** What became of a file's settings, a line each for what it could not simply apply. */
function reportOf({ applied, kept, about, refused, notes }: VerlImport, file: string): string[] {
  const files = new Set(refused.map(({ keptAs }) => keptAs));
  const cluster = Object.keys(kept).filter((key) => !files.has(key));
  return [
    `${file}: ${applied.length} applied, ${cluster.length} only for a cluster, ${refused.length} not taken`,
    ...cluster.map((key) => `  for a cluster: ${key} (${about[key]})`),
    ...refused.map(({ key, why }) => `  not taken: ${key}. ${why}`),
    ...notes.map((note) => `  ${note}`),
  ];
}

/** The person's own function, out of its file. */
async function ownReward(file: string | undefined): Promise<Record<string, unknown>> {
  if (file === undefined) return {};
  const source = await fileSource(file);
  return { "gradus.reward_function": decodeText(await source.read(0, source.size)).text };
}

/** Judged by the person's function alone, as in verl, unless it has a weight already. */
function judgedByOwn(config: RunConfig, single: Readonly<Record<string, unknown>>): RunConfig {
  const own = "gradus.reward_weight.custom";
  if (config[own] !== 0) return config;
  const weights = CONFIG_KEYS.filter((key) => key.startsWith("gradus.reward_weight."));
  const alone = Object.fromEntries(weights.map((key) => [key, key === own ? 1 : 0]));
  return configWith({ ...alone, ...single }, config);
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
