// Builds the page once for all tests that open it.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "vite";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** The folder of the built page. */
    readonly page: string;
  }
}

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export default async function setup(project: TestProject): Promise<() => void> {
  const outDir = mkdtempSync(join(tmpdir(), "gradus-page-"));
  await build({ root: ROOT, logLevel: "error", build: { outDir, emptyOutDir: true } });
  project.provide("page", outDir);
  return () => rmSync(outDir, { recursive: true, force: true });
}
