// Models of Qwen2.5-0.5B's exact shape with random weights, made once and kept in the machine's folder for temporary files: a
// minute and 1.3 GB.

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const MODELS = process.env["GRADUS_FULL_SIZE_MODELS"] ?? join(tmpdir(), "gradus-full-size");
const TOKENIZER = join(ROOT, "../shared/data/qwen2.5-tokenizer");

/** Paths of the files of such a model in `format`. */
export function fullSizeModel(format: string): string[] {
  const folder = join(MODELS, format);
  if (!existsSync(folder)) {
    const unfinished = `${folder}.unfinished`;
    rmSync(unfinished, { recursive: true, force: true });
    const tokenizer = existsSync(TOKENIZER) ? ["--tokenizer", TOKENIZER] : [];
    const args = [
      "make-model",
      "--like",
      "qwen2.5-0.5b",
      "--format",
      format,
      ...tokenizer,
      "--out",
      unfinished,
    ];
    execFileSync(process.execPath, [join(ROOT, "src/node/gradus.mjs"), ...args], { stdio: "inherit" });
    renameSync(unfinished, folder);
  }
  return readdirSync(folder).map((name) => join(folder, name));
}
