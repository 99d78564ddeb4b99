// The files of the checkout as the tests about text see them: paths relative to the root, with forward slashes.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Folders that hold nothing written by hand. */
const NOT_OURS = new Set(["node_modules", "dist", "coverage", ".git"]);

/** Text of a file of the checkout. */
export const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");

export const readBytes = (path: string): Buffer => readFileSync(join(ROOT, path));

export const exists = (path: string): boolean => existsSync(join(ROOT, path));

/** Paths of all files below `folder` (or of the whole checkout) whose name ends with one of `endings`, sorted. */
export function filesBelow(folder: string, ...endings: string[]): string[] {
  if (!exists(folder)) return [];
  const paths = readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === "." ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return NOT_OURS.has(entry.name) ? [] : filesBelow(path, ...endings);
    return endings.some((ending) => entry.name.endsWith(ending)) ? [path] : [];
  });
  return paths.sort();
}
