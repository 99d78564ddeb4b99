// Copies of the files a run began with, so that it can be resumed and exported without dropping them again.

import type { ByteSource } from "../formats/safetensors.ts";
import type { OpenedModel } from "../model/open-model.ts";
import { openModel } from "../model/open-model.ts";
import type { Runs } from "../storage/runs.ts";
import type { OpenedProblems } from "./problems.ts";
import { openProblems } from "./problems.ts";

const MODEL = "model/";
const PROBLEMS = "problems/";

const baseName = ({ name }: ByteSource): string => name.split("/").at(-1)!;

/** Keeps copies of the files of a run. Throws StorageFullError when they do not fit. */
export async function keepFiles(
  runs: Runs,
  id: string,
  model: Pick<OpenedModel, "files">,
  problems: Pick<OpenedProblems, "files">,
): Promise<void> {
  for (const file of model.files) await runs.saveFile(id, `${MODEL}${baseName(file)}`, file);
  for (const file of problems.files) await runs.saveFile(id, `${PROBLEMS}${baseName(file)}`, file);
}

/** The model of a run from its kept files. Throws UserError when they are damaged or were not kept. */
export const keptModel = async (runs: Runs, id: string, name: string): Promise<OpenedModel> =>
  openModel(await keptFiles(runs, id, MODEL), name);

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
