// One configuration for the page and for the tests. Vite builds the page from index.html; Vitest runs three projects:
// `unit` in Node, `gpu` in Node with Dawn, `chromium` in a headless browser. `test/run.mjs` starts them with the right
// driver; this file decides no driver for Node.

import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";

import { findChromium } from "./src/node/find-chromium.mjs";

/** Tests that need a device only, so they run in Node and in a browser. */
const GPU_TESTS = "test/**/*.gpu.test.ts";
/** Tests that need a device and files, so they run in Node alone. */
const ENGINE_TESTS = "test/**/*.engine.test.ts";

/** Training steps on a software driver take seconds. */
const GPU_TIMEOUT_MS = 120_000;

/**
 * Chromium has no WebGPU in headless Linux without a GPU unless it is told to use its own software driver.
 * GRADUS_BROWSER_GPU=1 leaves that out, on a machine with a GPU.
 */
const SOFTWARE_DRIVER = [
  "--use-webgpu-adapter=swiftshader",
  "--enable-features=Vulkan",
  "--disable-vulkan-surface",
];

const chromium = findChromium();

function chromiumFlags(): string[] {
  const software = process.platform === "linux" && !process.env["GRADUS_BROWSER_GPU"];
  return ["--headless=new", "--no-sandbox", "--enable-unsafe-webgpu", ...(software ? SOFTWARE_DRIVER : [])];
}

export default defineConfig({
  build: { target: "es2023" },
  test: {
    projects: [
      {
        extends: true,
        test: { name: "unit", include: ["test/**/*.test.ts"], exclude: [GPU_TESTS, ENGINE_TESTS] },
      },
      {
        extends: true,
        test: {
          name: "gpu",
          include: [GPU_TESTS, ENGINE_TESTS],
          setupFiles: ["test/setup/webgpu.ts"],
          // One process after the other: each file gets a fresh Dawn, and they do not share the processor cores.
          pool: "forks",
          fileParallelism: false,
          testTimeout: GPU_TIMEOUT_MS,
          hookTimeout: GPU_TIMEOUT_MS,
        },
      },
      {
        extends: true,
        test: {
          name: "chromium",
          include: [GPU_TESTS],
          fileParallelism: false,
          testTimeout: GPU_TIMEOUT_MS,
          hookTimeout: GPU_TIMEOUT_MS,
          browser: {
            enabled: true,
            headless: true,
            ui: false,
            screenshotFailures: false,
            provider: playwright({
              launchOptions: { args: chromiumFlags(), ...(chromium && { executablePath: chromium }) },
            }),
            instances: [{ browser: "chromium" }],
          },
        },
      },
    ],
  },
});
