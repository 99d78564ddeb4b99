// The files a run began with, so that it can be resumed and exported without dropping them again; large ones are kept once for
// all runs, and those of a hub where they were fetched.

import { baseName } from "../common/base-name.ts";
import { UserError } from "../common/errors.ts";
import { readJsonObject } from "../formats/json.ts";
import type { ByteSource } from "../formats/safetensors.ts";
import type { DecoderConfig } from "../model/config.ts";
import { parseDecoderConfig } from "../model/config.ts";
import type { OpenedModel } from "../model/open-model.ts";
import { openModel } from "../model/open-model.ts";
import type { ModelCache, ModelKey } from "../storage/model-cache.ts";
import type { Runs } from "../storage/runs.ts";
import { withAdapter } from "./adapter-files.ts";
import type { OpenedProblems } from "./problems.ts";
import { openProblems } from "./problems.ts";

const MODEL = "model/";
const ADAPTER = "adapter/";
const PROBLEMS = "problems/";

/** Keeps the files of a run. Throws StorageFullError when they do not fit. */
export async function keepFiles(
  runs: Runs,
  id: string,
  model: Pick<OpenedModel, "files" | "adapter">,
  problems: Pick<OpenedProblems, "files">,
): Promise<void> {
  for (const file of model.files) await runs.saveFile(id, `${MODEL}${baseName(file)}`, file);
  for (const file of model.adapter?.files ?? []) await runs.saveFile(id, `${ADAPTER}${baseName(file)}`, file);
  for (const file of problems.files) await runs.saveFile(id, `${PROBLEMS}${baseName(file)}`, file);
}

/**
 * The model of a run from its kept files, with the adapter that it began with. Throws UserError when they are damaged or were
 * not kept.
 */
export async function keptModel(runs: Runs, id: string, name: string): Promise<OpenedModel> {
  const model = await openModel(await keptFiles(runs, id, MODEL), name);
  const adapter = await keptFiles(runs, id, ADAPTER);
  return adapter.length > 0 ? withAdapter(model, adapter) : model;
}

/** The shape of a run's model: config.json is kept with the run wherever its weights are. */
export async function keptShape(runs: Runs, id: string): Promise<DecoderConfig> {
  return parseDecoderConfig(await readJsonObject(await runs.openFile(id, `${MODEL}config.json`)));
}

/** The problems of a run from its kept files. */
export const keptProblems = async (runs: Runs, id: string): Promise<OpenedProblems> =>
  openProblems(await keptFiles(runs, id, PROBLEMS));

async function keptFiles(runs: Runs, id: string, prefix: string): Promise<ByteSource[]> {
  const files = await runs.files(id);
  const wanted = files.filter(({ name }) => name.startsWith(prefix));
  return Promise.all(
    wanted.map(async ({ name }) => ({ ...(await runs.openFile(id, name)), name: name.slice(prefix.length) })),
  );
}

/** Removes a model of a hub from the cache. Throws UserError naming the runs that need it, unless it is to go even so. */
export async function removeCached(
  cache: ModelCache,
  runs: Runs,
  key: ModelKey,
  { evenIfNeeded }: { readonly evenIfNeeded: boolean },
): Promise<void> {
  const needing = await runs.needing(key);
  if (needing.length > 0 && !evenIfNeeded)
    throw new UserError(
      `${key.repository} is needed to go on with ${needing.join(" and ")}. Delete ${needing.length === 1 ? "that run" : "those runs"} first, or delete the model even so: fetched again, it serves them again.`,
    );
  await cache.remove(key);
}
