// An adapter to go on from, out of files as people have them: PEFT's two, somewhere in a folder or in a zip archive.

import type { ByteSource } from "../formats/safetensors.ts";
import { isZip, unzipFiles } from "../formats/unzip.ts";
import { isAdapterFile, openAdapter } from "../model/open-adapter.ts";
import type { OpenedModel } from "../model/open-model.ts";
import { adapterSettings } from "../rl/options/index.ts";
import type { Values } from "../rl/verl/imported.ts";

/** `model` with the adapter among `files`, in place of the one it may have. Throws UserError where that does not fit it. */
export async function withAdapter(model: OpenedModel, files: readonly ByteSource[]): Promise<OpenedModel> {
  const unpacked = files.map((file) => (isZip(file) ? unzipFiles(file, isAdapterFile) : [file]));
  const all = (await Promise.all(unpacked)).flat();
  return { ...model, adapter: await openAdapter(all, model.config, model.name) };
}

/** `model` without what it would go on from. */
export function withoutAdapter({ adapter: _, ...model }: OpenedModel): OpenedModel {
  return model;
}

/** The settings that the adapter of `model` decides; none without one. */
export const fixedSettings = ({ adapter }: Pick<OpenedModel, "adapter">): Values =>
  adapter ? adapterSettings(adapter.lora) : {};
