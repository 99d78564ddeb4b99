// Runs before `npm start`, `npm test`, `npm run gradus` and `npm run bench`, so that a fresh clone needs no other
// command: checks the Node version and installs the packages when they are missing or older than the lockfile.
// It uses nothing but Node, and does not update anything.

import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const OLDEST_NODE = [20, 19];

const root = fileURLToPath(new URL("..", import.meta.url));

function fail(sentence, details = "") {
  console.error(`${details}${sentence}`);
  process.exit(1);
}

function checkNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  const [oldMajor, oldMinor] = OLDEST_NODE;
  if (major > oldMajor || (major === oldMajor && minor >= oldMinor)) return;
  fail(
    `Gradus needs Node ${OLDEST_NODE.join(".")} or newer, this is ${process.versions.node}. Install a newer Node.`,
  );
}

/** True when npm's own record of what it installed is there and not older than the lockfile. */
function isInstalled() {
  const record = join(root, "node_modules", ".package-lock.json");
  return existsSync(record) && statSync(record).mtimeMs >= statSync(join(root, "package-lock.json")).mtimeMs;
}

/** Runs npm quietly and returns its result. */
function npm(...words) {
  const args = [...words, "--no-audit", "--no-fund", "--loglevel=error"];
  // npm says where it lives; that spares a shell on Windows, where `npm` is a script.
  const script = process.env.npm_execpath;
  const [command, rest] = script?.endsWith(".js") ? [process.execPath, [script, ...args]] : ["npm", args];
  const shell = command === "npm" && process.platform === "win32";
  return spawnSync(command, rest, { cwd: root, shell, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

function install() {
  console.log("Installing packages (once) ...");
  let result = npm("ci");
  // A lockfile written against a registry that lacks the binaries of some other platform does not name them, which
  // `npm ci` refuses (EUSAGE); `install` takes the same versions from it and leaves it alone.
  if (result.status !== 0 && result.stderr?.includes("EUSAGE")) result = npm("install", "--no-save");
  if (result.status === 0) return;
  const output = result.error?.message ?? `${result.stdout}${result.stderr}`;
  fail(
    "The packages could not be installed (npm's words are above). Check the network, then try again.",
    `${output.trimEnd()}\n`,
  );
}

checkNode();
if (!isInstalled()) install();
