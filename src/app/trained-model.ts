// A kept checkpoint and the model that it was trained from, as one: what an export writes and a check runs.

import { UserError } from "../common/errors.ts";
import type { LoraConfig } from "../model/lora.ts";
import { adapterShapes } from "../model/lora.ts";
import type { PolicyOptions } from "../model/memory.ts";
import type { MergedWeights } from "../model/merged-weights.ts";
import { mergedWeights } from "../model/merged-weights.ts";
import type { OpenedModel } from "../model/open-model.ts";
import type { ParameterSource } from "../model/parameters.ts";
import { parameterShapes } from "../model/weights.ts";
import type { RunConfig } from "../rl/config.ts";
import { policyOptions } from "../rl/options/index.ts";
import type { OpenCheckpoint } from "../storage/checkpoints.ts";
import { keptShape } from "./kept-files.ts";
import type { Keeping } from "./kept-run.ts";
import { keptConfig } from "./kept-run.ts";

export interface TrainedModel {
  /** What training began with. */
  readonly model: OpenedModel;
  readonly step: number;
  /** What training changed, as the checkpoint holds it: an adapter, or all weights where `lora` is absent. */
  readonly trained: { readonly source: ParameterSource; readonly lora?: LoraConfig };
  /** The model as trained. */
  readonly weights: MergedWeights;
  /** How the run holds its base on the device. */
  readonly baseType: PolicyOptions["baseType"];
}

/** An adapter whose base is no longer here: it can be taken home all the same, alone. */
export interface AdapterAlone extends Pick<TrainedModel, "step"> {
  readonly model: Pick<OpenedModel, "name" | "config">;
  readonly trained: Required<TrainedModel["trained"]>;
  /** Why the base is not here, a sentence. */
  readonly lost: string;
}

export const isAlone = (trained: TrainedModel | AdapterAlone): trained is AdapterAlone => "lost" in trained;

/** Throws UserError when the checkpoint is of another model or method. */
export function trainedModel(
  checkpoint: OpenCheckpoint,
  model: OpenedModel,
  config: RunConfig,
): TrainedModel {
  const { baseType } = policyOptions(config);
  const trained = trainedIn(checkpoint, model, config);
  const weights = mergedWeights(model.config, model.weights, trained);
  return { model, step: checkpoint.step, trained, weights, baseType };
}

function trainedIn(
  checkpoint: OpenCheckpoint,
  model: AdapterAlone["model"],
  config: RunConfig,
): TrainedModel["trained"] {
  const { lora } = policyOptions(config);
  const shapes = lora ? adapterShapes(model.config, lora) : parameterShapes(model.config);
  const stored = (name: string): string => `value/${name}`;
  for (const name of shapes.keys()) {
    if (checkpoint.tensors.has(stored(name))) continue;
    throw new UserError(
      `The checkpoint of step ${checkpoint.step} has no "${name}": it is of another model than ${model.name}.`,
    );
  }
  const source: ParameterSource = {
    name: `the checkpoint of step ${checkpoint.step}`,
    names: [...shapes.keys()],
    shape: (name) => shapes.get(name),
    read: (name) => checkpoint.read(stored(name)),
    readRows: (name, row, rows) => {
      const [, columns = 1] = shapes.get(name)!;
      return checkpoint.read(stored(name), row * columns, rows * columns);
    },
  };
  return { source, ...(lora && { lora }) };
}

/** A run's checkpoint of `step`, the newest if undefined, over the model that it began with. Throws UserError. */
export async function keptTrainedModel(
  keeping: Keeping,
  id: string,
  step: number | undefined,
  model: OpenedModel,
): Promise<TrainedModel> {
  const checkpoint = await openCheckpoint(keeping, id, step);
  return trainedModel(checkpoint, model, await keptConfig(keeping, id));
}

/**
 * The same without its base, for which `lost` says why it is not here. Throws UserError with that where all weights were
 * trained: then it is not known how the model is to be written.
 */
export async function keptAdapter(
  keeping: Keeping,
  id: string,
  step: number | undefined,
  lost: string,
): Promise<AdapterAlone> {
  const [{ modelName: name }, config] = await Promise.all([keeping.runs.load(id), keptConfig(keeping, id)]);
  if (!policyOptions(config).lora) throw new UserError(lost);
  const model = { name, config: await keptShape(keeping.runs, id) };
  const checkpoint = await openCheckpoint(keeping, id, step);
  const { source, lora } = trainedIn(checkpoint, model, config);
  return { model, step: checkpoint.step, trained: { source, lora: lora! }, lost };
}

async function openCheckpoint(
  { checkpoints }: Keeping,
  id: string,
  step: number | undefined,
): Promise<OpenCheckpoint> {
  const newest = step ?? (await checkpoints.whole(id)).at(-1)?.step;
  if (newest !== undefined) return checkpoints.open(id, newest);
  throw new UserError("This run has no checkpoint yet: save one first, or wait for the next.");
}
