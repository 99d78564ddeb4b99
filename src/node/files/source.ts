// Files on disk as sources of bytes, read in ranges, so that a model of gigabytes never lies in memory whole.

import { open, readdir, stat } from "node:fs/promises";
import path from "node:path";

import { UserError } from "../../common/errors.ts";
import type { ByteSource } from "../../formats/safetensors.ts";

/** Opens a file. Throws UserError when it is not there or is a folder. */
export async function fileSource(file: string, name = path.basename(file)): Promise<ByteSource> {
  const info = await stat(file).catch(() => undefined);
  if (!info) throw new UserError(`There is no file ${file}. Check the path.`);
  if (!info.isFile()) throw new UserError(`${file} is a folder, and a file is needed. Name a file in it.`);
  return {
    name,
    size: info.size,
    read: async (start, end) => {
      const handle = await open(file);
      try {
        const bytes = new Uint8Array(Math.max(0, Math.min(end, info.size) - start));
        const { bytesRead } = await handle.read(bytes, 0, bytes.length, start);
        return bytes.subarray(0, bytesRead);
      } finally {
        await handle.close();
      }
    },
  };
}

/** The files of a folder and of its folder `onnx`, which hub repositories have. Throws UserError when it is no folder. */
export async function folderSources(
  folder: string,
  wanted = "config.json, tokenizer.json and weights",
): Promise<ByteSource[]> {
  const info = await stat(folder).catch(() => undefined);
  if (!info?.isDirectory())
    throw new UserError(
      `${folder} is ${info ? "a file" : "not there"}, and a folder with ${wanted} is needed.`,
    );
  const name = path.basename(path.resolve(folder));
  const places = ["", "onnx/"];
  const found = await Promise.all(
    places.map(async (place) => {
      const inside = path.join(folder, place);
      const entries = await readdir(inside, { withFileTypes: true }).catch(() => []);
      return entries
        .filter((entry) => entry.isFile())
        .map((entry) => fileSource(path.join(inside, entry.name), `${name}/${place}${entry.name}`));
    }),
  );
  return Promise.all(found.flat());
}
