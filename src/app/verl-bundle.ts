// What a person needs to go on with verl on a cluster where the tab is too small: settings and command, problems as parquet, the
// rewards as Python, the adapter to start from, and three lines that say how. All paths are those below the bundle's folder.

import { UserError } from "../common/errors.ts";
import { bytesOfAll } from "../formats/encoded-file.ts";
import { writeParquet } from "../formats/parquet-write.ts";
import type { Problem } from "../formats/problem.ts";
import { kindOf, verlRowOf } from "../formats/problem.ts";
import type { NamedFile } from "../formats/zip.ts";
import type { RunConfig } from "../rl/config.ts";
import { fieldOf } from "../rl/config.ts";
import type { RunProblems } from "../rl/run.ts";
import { ADAPTER_PATH } from "../rl/verl/adapter.ts";
import type { Values } from "../rl/verl/imported.ts";
import { MODEL_PATH, PLACEHOLDERS } from "../rl/verl/needed.ts";
import { rewardFile } from "../rl/verl/reward-file.ts";
import { configCommand, configYaml } from "./exports.ts";
import type { Keeping } from "./kept-run.ts";
import { keptConfig, keptForCluster } from "./kept-run.ts";
import type { OpenedProblems } from "./problems.ts";
import { splitOf } from "./problems.ts";
import type { AdapterAlone, TrainedModel } from "./trained-model.ts";
import { weightExport } from "./weight-exports.ts";

export interface BundledRun {
  /** Of the checkpoint that verl goes on from. */
  readonly step: number;
  readonly modelName: string;
  /** PEFT's files of it; none where all weights were trained. */
  readonly adapter: readonly NamedFile[];
  readonly config: RunConfig;
  /** What an import has kept for a cluster. */
  readonly kept: Values;
  readonly problems: RunProblems;
}

const TRAIN = "data/train.parquet";
const TEST = "data/test.parquet";
const ADAPTER = "adapter";
const REWARD = "reward.py";
/** An older section for a reward function, which verl puts above the newer one. */
const OLD_REWARD = "custom_reward_function";

const text = (name: string, value: string): NamedFile => ({ name, bytes: new TextEncoder().encode(value) });

/** The bundle of a kept run, to go on from `trained`. Throws UserError as `verlBundle` does. */
export async function keptBundle(
  keeping: Keeping,
  id: string,
  trained: TrainedModel | AdapterAlone,
  problems: OpenedProblems,
): Promise<readonly NamedFile[]> {
  const [config, kept] = await Promise.all([keptConfig(keeping, id), keptForCluster(keeping, id)]);
  return verlBundle({
    step: trained.step,
    modelName: trained.model.name,
    adapter: trained.trained.lora ? await bytesOfAll(await weightExport(trained, "adapter")) : [],
    config,
    kept,
    problems: splitOf(problems, config["gradus.held_out_ratio"]),
  });
}

/** The files of a bundle, with folders in their names. Throws UserError where verl's trainer cannot go on with such a run. */
export function verlBundle(run: BundledRun): readonly NamedFile[] {
  const { adapter, config, problems } = run;
  checkTrainable(config, problems);
  const modelPath = modelPathOf(run);
  const others = Object.entries(run.kept).filter(([key]) => !key.startsWith(OLD_REWARD));
  const kept = { ...Object.fromEntries(others), ...placesOf(run, modelPath) };
  return [
    text("README.md", readme(run, modelPath)),
    configYaml(config, kept),
    // Its paths are relative, so that it must be started where it lies.
    configCommand(config, kept, ['cd "$(dirname "$0")"']),
    { name: TRAIN, bytes: parquetOf(problems.train, "train") },
    ...(problems.heldOut.length > 0 ? [{ name: TEST, bytes: parquetOf(problems.heldOut, "test") }] : []),
    text(REWARD, rewardFile(config, modelPath)),
    ...adapter.map(({ name, bytes }) => ({ name: `${ADAPTER}/${name}`, bytes })),
  ];
}

/** Throws UserError naming the method, or the data, that verl's trainer by rewards does not take. */
function checkTrainable(config: RunConfig, { train, heldOut }: RunProblems): void {
  const field = fieldOf("gradus.mode");
  const mode = config["gradus.mode"];
  if (mode !== "rl") {
    const label = "choices" in field ? field.choices.find(({ value }) => value === mode)?.label : undefined;
    throw new UserError(
      `The run's method is "${label ?? mode}", and verl's main_ppo, which a bundle is for, trains by rewards alone. Download its configuration and its weights instead.`,
    );
  }
  if ([...train, ...heldOut].some((problem) => kindOf(problem) === "pairs"))
    throw new UserError(
      "The run's data are preference pairs, and verl's main_ppo takes problems with a ground truth. Download the run's configuration and its weights instead.",
    );
}

/** verl's files of problems. */
const parquetOf = (problems: readonly Problem[], split: string): Uint8Array =>
  writeParquet(problems.map((problem, index) => verlRowOf(problem, { split, index })));

/** Where verl finds the model: as an import had it, its name at the hub, or to be filled in. */
function modelPathOf({ kept, modelName }: BundledRun): string {
  const named = kept[MODEL_PATH];
  if (typeof named === "string" && named !== PLACEHOLDERS[MODEL_PATH]) return named;
  return /^[\w.-]+\/[\w.-]+$/.test(modelName) ? modelName : PLACEHOLDERS[MODEL_PATH];
}

/** Settings that name what lies in the bundle. verl needs a file to test with, also where nothing is held out. */
const placesOf = ({ adapter, problems: { heldOut } }: BundledRun, modelPath: string): Values => ({
  [MODEL_PATH]: modelPath,
  "data.train_files": TRAIN,
  "data.val_files": heldOut.length > 0 ? TEST : TRAIN,
  "reward.custom_reward_function.path": REWARD,
  "reward.custom_reward_function.name": "compute_score",
  ...(adapter.length > 0 && { [ADAPTER_PATH]: ADAPTER }),
});

/** Three lines. */
function readme({ step, modelName, adapter, config, problems }: BundledRun, modelPath: string): string {
  const begin =
    adapter.length > 0
      ? `from the adapter of step ${step} in ${ADAPTER}/`
      : `from the model itself; to go on from step ${step}, put the run's trained weights with the model's config and tokenizer files into model/ and set ${MODEL_PATH} to model`;
  const place =
    modelPath === PLACEHOLDERS[MODEL_PATH]
      ? `set ${MODEL_PATH} in run_verl.sh (or config.yaml) to the model that was trained, ${modelName} in Hugging Face's form`
      : `the model is ${modelPath} (${MODEL_PATH})`;
  const tests = problems.heldOut.length > 0 ? `tests on ${TEST}` : "has no problems held out to test on";
  const needs = config["gradus.reward_weight.custom"] === 0 ? "" : ", which needs the Python package quickjs";
  return [
    `Unpack this folder where every machine of the cluster sees it, with verl of August 2026 installed; ${place}.`,
    `\`bash run_verl.sh\` trains on ${TRAIN}, ${tests}, and begins ${begin}.`,
    `Rewards come from ${REWARD}${needs}; devices, machines and loggers are the first settings in run_verl.sh, and config.yaml holds the same for \`--config-name=config\`.`,
    "",
  ].join("\n");
}
