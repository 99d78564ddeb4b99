// Files of a folder by name, wherever they lie in it.

import { baseName } from "../common/base-name.ts";
import { UserError } from "../common/errors.ts";
import type { ByteSource } from "../formats/safetensors.ts";

const depth = ({ name }: ByteSource): number => name.split("/").length;

/** The file of this name; of several the one that lies highest. Throws UserError when two `things` have one each. */
export function findFile(
  files: readonly ByteSource[],
  name: string,
  things: "models" | "adapters",
): ByteSource | undefined {
  const found = files.filter((file) => baseName(file) === name).toSorted((a, b) => depth(a) - depth(b));
  const [file, other] = found;
  if (!file || !other || depth(other) > depth(file)) return file;
  throw new UserError(
    `There are two files called ${name} (${file.name} and ${other.name}), so two ${things} were dropped at once. Drop the files of one.`,
  );
}

/** Names of the first of `files`, to say what was given. */
export const givenNames = (files: readonly ByteSource[]): string =>
  files.map(baseName).slice(0, 8).join(", ") || "none";
