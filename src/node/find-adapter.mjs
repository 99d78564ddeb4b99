// Decides how to start a Node process so that Dawn finds a WebGPU adapter in it: a real GPU as it is, else a fast
// software driver, else the one that came with Chromium. Drivers are chosen by environment variables that are read
// when a process starts, hence a child. Plain JavaScript, because it runs before any TypeScript does.
// It creates no device; `adapter.ts` does that, in the child.

import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { SLOW_CLEARING } from "./chromium-flags.mjs";
import { findSwiftShader } from "./find-chromium.mjs";

const PROBE = fileURLToPath(new URL("probe-adapter.mjs", import.meta.url));
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PROBE_TIMEOUT_MS = 120_000; // the software driver unpacks itself on first use

/** Lines of Dawn that nobody can act on: two limits it lowers on many drivers, and no Vulkan, which we say ourselves. */
const DAWN_NOISE =
  /^Warning: (maxDynamic\w+ artificially reduced|Couldn't load Vulkan)|^ +at operator\(\) \(.*dawn\//;

/** @typedef {{ prefix: string[], env: Record<string, string>, adapter?: { name: string, isCpu: boolean }, problem?: string }} Start */

/** Runs the probe in the given way; undefined when there is no adapter or the probe breaks. */
function probe(start) {
  const [command, ...args] = [...start.prefix, start.prefix.length > 0 ? "node" : process.execPath, PROBE];
  const env = { ...process.env, ...start.env };
  const result = spawnSync(command, args, { env, encoding: "utf8", timeout: PROBE_TIMEOUT_MS });
  const line = result.status === 0 ? result.stdout.trim().split("\n").at(-1) : undefined;
  try {
    return JSON.parse(line ?? "null") ?? undefined;
  } catch {
    return undefined;
  }
}

const tried = (start) => {
  const adapter = probe(start);
  return adapter && { ...start, adapter };
};

/** A wrapper program that brings a software driver along, when one lies beside the checkout. */
function softwareGpuTool() {
  const tool =
    process.env.SOFTWARE_GPU_TOOL ?? join(dirname(ROOT.replace(/[\\/]$/, "")), "shared/tools/software-gpu");
  return existsSync(tool) ? { prefix: [tool], env: {} } : undefined;
}

/** Chromium's SwiftShader, first with the system's Vulkan loader, then with Chromium's own. */
function swiftShaderStarts() {
  const folder = findSwiftShader();
  if (!folder) return [];
  const icd = join(folder, "vk_swiftshader_icd.json");
  const driver = { VK_DRIVER_FILES: icd, VK_ICD_FILENAMES: icd, GRADUS_DAWN_WITHOUT: SLOW_CLEARING };
  const libraries = [folder, process.env.LD_LIBRARY_PATH].filter(Boolean).join(":");
  return [
    { prefix: [], env: driver },
    { prefix: [], env: { ...driver, LD_LIBRARY_PATH: libraries } },
  ];
}

function noAdapter() {
  const hasDawn = existsSync(join(ROOT, "node_modules", "webgpu"));
  return hasDawn
    ? "No WebGPU adapter was found for Node: there is no GPU driver with Vulkan, Metal or Direct3D 12, and no Chromium " +
        "whose software driver could be borrowed. Install a GPU driver, or Chromium (Debian: apt-get install chromium)."
    : "The optional package webgpu is not installed, and without it Node has no WebGPU. Run npm ci.";
}

/**
 * How to start a child process that has an adapter. `problem` is set, as a sentence, when there is no way.
 * @returns {Start}
 */
export function findAdapter() {
  const asIs = { prefix: [], env: {} };
  const own = probe(asIs);
  if (own && !own.isCpu) return { ...asIs, adapter: own };
  const tool = process.env.SOFTWARE_GPU ? undefined : softwareGpuTool();
  const viaTool = tool && tried(tool);
  if (viaTool) return viaTool;
  if (own) return { ...asIs, adapter: own };
  for (const start of swiftShaderStarts()) {
    const found = tried(start);
    if (found) return found;
  }
  return { ...asIs, problem: noAdapter() };
}

/**
 * Starts `node ...args` in the way that `findAdapter` returned, without Dawn's known noise on stderr. Interrupts go to
 * the child, which decides; resolves to its exit code and signal.
 * @returns {Promise<{ code: number | null, signal: NodeJS.Signals | null }>}
 */
export function startNode(start, args, env = {}) {
  const [command, ...rest] = [...start.prefix, start.prefix.length > 0 ? "node" : process.execPath, ...args];
  const child = spawn(command, rest, {
    env: { ...process.env, ...start.env, ...env },
    stdio: ["inherit", "inherit", "pipe"],
  });
  const quiet = createInterface({ input: child.stderr });
  quiet.on("line", (line) => {
    if (!DAWN_NOISE.test(line)) process.stderr.write(`${line}\n`);
  });
  const stay = () => {}; // a terminal sends Ctrl-C to the child as well
  const pass = (signal) => child.kill(signal);
  process.on("SIGINT", stay);
  process.on("SIGTERM", pass);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      process.off("SIGINT", stay);
      process.off("SIGTERM", pass);
      resolve({ code, signal });
    });
  });
}
