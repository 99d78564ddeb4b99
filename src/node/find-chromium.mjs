// Finds a Chromium or Chrome: for the browser tests, and for the software WebGPU driver that lies beside its binary.
// Plain JavaScript, because the test runner and the launcher need it before any TypeScript runs. Starts no browser.

import { existsSync, readdirSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { basename, delimiter, dirname, join } from "node:path";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];

const APPLICATIONS = {
  darwin: [
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
  ],
  win32: ["ProgramFiles", "ProgramFiles(x86)", "LOCALAPPDATA"]
    .map((name) => process.env[name])
    .filter(Boolean)
    .map((folder) => join(folder, "Google", "Chrome", "Application", "chrome.exe")),
};

/** What to tell a person who has none. */
export const HOW_TO_GET_CHROMIUM =
  "install Chromium or Chrome (Debian: apt-get install chromium; anywhere: npx playwright-core install chromium), " +
  "or set CHROMIUM_PATH to one";

/** Browsers on PATH, as a shell would find them. */
function onPath() {
  const folders = (process.env.PATH ?? "").split(delimiter).filter(Boolean);
  return NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
}

/** Browsers that Playwright has downloaded, the newest first. */
function inPlaywrightCache() {
  const caches = {
    darwin: join(homedir(), "Library", "Caches", "ms-playwright"),
    win32: join(process.env.LOCALAPPDATA ?? homedir(), "ms-playwright"),
  };
  const cache =
    process.env.PLAYWRIGHT_BROWSERS_PATH ??
    caches[process.platform] ??
    join(homedir(), ".cache", "ms-playwright");
  if (!existsSync(cache)) return [];
  const builds = readdirSync(cache).filter((name) => /^chromium-\d+$/.test(name));
  builds.sort((a, b) => Number(b.slice(9)) - Number(a.slice(9)));
  return builds.flatMap((build) => executablesBelow(join(cache, build)));
}

function executablesBelow(folder) {
  const mac = [
    ["Google Chrome for Testing.app", "Google Chrome for Testing"],
    ["Chromium.app", "Chromium"],
  ].map(([app, name]) => join(app, "Contents", "MacOS", name));
  return readdirSync(folder).flatMap((sub) =>
    ["chrome", "chrome.exe", ...mac].map((name) => join(folder, sub, name)),
  );
}

/** Path of a Chromium or Chrome executable: CHROMIUM_PATH, the usual places, Playwright's cache; or undefined. */
export function findChromium() {
  const wanted = process.env.CHROMIUM_PATH;
  if (wanted) return existsSync(wanted) ? wanted : undefined;
  const places = [...onPath(), ...(APPLICATIONS[process.platform] ?? []), ...inPlaywrightCache()];
  return places.find((path) => existsSync(path));
}

/**
 * Folder beside the real Chromium binary that holds SwiftShader's Vulkan driver, or undefined. The executable on
 * PATH is often a script (Debian, Chrome's own package), so the usual library folders are looked at, too.
 */
export function findSwiftShader() {
  const chromium = findChromium();
  if (!chromium) return undefined;
  const real = realpathSync(chromium);
  const names = [...new Set([basename(chromium), basename(real), "chromium"])];
  const folders = [dirname(real), ...names.flatMap((name) => [`/usr/lib/${name}`, `/usr/lib64/${name}`])];
  return folders.find((folder) => existsSync(join(folder, "vk_swiftshader_icd.json")));
}
