// `npm test`: every check of this project, one after the other, all of them even when an early one fails. The closing
// line, "N passed, N failed, N skipped", counts the tests of all Vitest projects; types, lint and format count as one
// each. `npm test -- unit` runs the stages whose name contains the word; any other word is a filter on test files.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { findAdapter, startNode } from "../src/node/find-adapter.mjs";
import { findChromium, HOW_TO_GET_CHROMIUM } from "../src/node/find-chromium.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const AS_IS = { prefix: [], env: {} };

/** @typedef {{ passed: number, failed: number, skipped: number, note?: string }} Counts */

const STAGES = [
  { name: "types", run: () => tool("typescript/bin/tsc") },
  { name: "lint", run: () => tool("oxlint/bin/oxlint", "--type-aware", "--deny-warnings") },
  { name: "format", run: () => tool("oxfmt/bin/oxfmt", "--check") },
  { name: "unit", run: (files) => vitest("unit", AS_IS, files) },
  { name: "gpu", run: gpuTests },
  { name: "chromium", run: (files) => chromiumTests("chromium", files) },
  { name: "page", run: (files) => chromiumTests("page", files) },
];

const one = (status, note) => ({ passed: 0, failed: 0, skipped: 0, [status]: 1, note });
const nodeModule = (path) => join(ROOT, "node_modules", path);

/** Runs a checker quietly; what it says is shown only when it fails. */
function tool(path, ...args) {
  const result = spawnSync(process.execPath, [nodeModule(path), ...args], { cwd: ROOT, encoding: "utf8" });
  if (result.status === 0) return one("passed");
  console.log(`${result.stdout}${result.stderr}`.trimEnd());
  return one("failed");
}

async function gpuTests(files) {
  const start = findAdapter();
  if (start.problem) return one("failed", start.problem);
  return vitest("gpu", start, files, start.adapter.name);
}

async function chromiumTests(project, files) {
  if (findChromium()) return vitest(project, AS_IS, files);
  const status = process.env.CI === "true" ? "failed" : "skipped";
  return one(status, `no Chromium was found: ${HOW_TO_GET_CHROMIUM}`);
}

/**
 * Runs one Vitest project in a process of its own and counts its tests from the JSON report.
 * @returns {Promise<Counts>}
 */
async function vitest(project, start, files, note) {
  const folder = mkdtempSync(join(tmpdir(), "gradus-test-"));
  const report = join(folder, "report.json");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const passWithNone = files.length > 0 ? ["--passWithNoTests"] : [];
  const args = [nodeModule("vitest/vitest.mjs"), "run", "--root", ROOT, "--project", project, ...reporters];
  const { code } = await startNode(start, [...args, ...passWithNone, ...files]);
  const counts = countTests(report);
  rmSync(folder, { recursive: true, force: true });
  // A file that does not load, an error outside any test or a crash has no test to count, but fails the stage.
  const failed = Math.max(counts.failed, code === 0 ? 0 : 1);
  return { ...counts, failed, note };
}

function countTests(report) {
  try {
    const json = JSON.parse(readFileSync(report, "utf8"));
    const skipped = json.numPendingTests + json.numTodoTests;
    return { passed: json.numPassedTests, failed: json.numFailedTests, skipped };
  } catch {
    return { passed: 0, failed: 0, skipped: 0 }; // Vitest ended before it could write; its exit code tells
  }
}

function choose(words) {
  const isStage = (word) => STAGES.some((stage) => stage.name.includes(word));
  const wanted = words.filter(isStage);
  const stages = STAGES.filter(
    (stage) => wanted.length === 0 || wanted.some((word) => stage.name.includes(word)),
  );
  return { stages, files: words.filter((word) => !isStage(word)) };
}

const summary = ({ passed, failed, skipped }) => `${passed} passed, ${failed} failed, ${skipped} skipped`;

async function runAll() {
  const { stages, files } = choose(process.argv.slice(2));
  const total = { passed: 0, failed: 0, skipped: 0 };
  const lines = [];
  for (const { name, run } of stages) {
    console.log(`\n--- ${name}`);
    const begin = performance.now();
    const counts = await run(files);
    const seconds = ((performance.now() - begin) / 1000).toFixed(1);
    for (const key of Object.keys(total)) total[key] += counts[key];
    const line = `${summary(counts)} (${seconds} s)${counts.note ? `: ${counts.note}` : ""}`;
    console.log(line);
    lines.push(`${name.padEnd(10)}${line}`);
  }
  console.log(`\n${lines.join("\n")}\n\n${summary(total)}`);
  process.exitCode = total.failed > 0 ? 1 : 0;
}

await runAll();
