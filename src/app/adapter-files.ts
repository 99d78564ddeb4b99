// An adapter to go on from, out of files as people have them: PEFT's two, somewhere in a folder or in a zip archive.

import type { ByteSource } from "../formats/safetensors.ts";
import { isZip, unzipFiles } from "../formats/unzip.ts";
import { isAdapterFile, openAdapter } from "../model/open-adapter.ts";
import type { OpenedModel } from "../model/open-model.ts";
import type { AdapterSettings } from "../rl/options/index.ts";
import { adapterSettings } from "../rl/options/index.ts";
import { ADAPTER_PATH, keptWithAdapter } from "../rl/verl/adapter.ts";
import type { Values } from "../rl/verl/imported.ts";
import { PLACEHOLDERS } from "../rl/verl/needed.ts";

/** `model` with the adapter among `files`, in place of the one it may have. Throws UserError where that does not fit it. */
export async function withAdapter(model: OpenedModel, files: readonly ByteSource[]): Promise<OpenedModel> {
  const unpacked = await Promise.all(
    files.map(async (file) => (isZip(file) ? unzipFiles(file, isAdapterFile) : [file])),
  );
  return { ...model, adapter: await openAdapter(unpacked.flat(), model.config, model.name) };
}

/** `model` without what it would go on from. */
export function withoutAdapter({ adapter: _, ...model }: OpenedModel): OpenedModel {
  return model;
}

/** The settings that the adapter of `model` decides; none without one. */
export const fixedSettings = ({ adapter }: Pick<OpenedModel, "adapter">): Partial<AdapterSettings> =>
  adapter ? adapterSettings(adapter.lora) : {};

/** What a run's configuration has for a cluster, with the place of the adapter that it begins with, if any. */
export const keptFor = (
  { adapter }: Pick<OpenedModel, "adapter">,
  kept: Values,
  place: string = PLACEHOLDERS[ADAPTER_PATH],
): Values => keptWithAdapter(kept, adapter !== undefined, place);
