// One configuration for the page and for the tests. Vite builds the page from index.html; Vitest runs five projects:
// `unit` in Node, `gpu` in Node with Dawn, `chromium` in a headless browser, `page` the built page in one, `full` with a
// model of real size.
// `test/run.mjs` starts them with the right driver; this file decides no driver for Node.

import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";

import { chromiumFlags } from "./src/node/chromium-flags.mjs";
import { findChromium } from "./src/node/find-chromium.mjs";

/** Tests that need a device only, so they run in Node and in a browser. */
const GPU_TESTS = "test/**/*.gpu.test.ts";
/** Tests that need a device and files, so they run in Node alone. */
const ENGINE_TESTS = "test/**/*.engine.test.ts";

/** Tests that open the built page in a browser. */
const PAGE_TESTS = "test/**/*.page.test.ts";
/** Tests that open it with a model of a published one's size; `npm run test:full`. */
const FULL_TESTS = "test/**/*.full.test.ts";

/** ONNX Runtime and long fuzzing take seconds on a busy machine. */
const UNIT_TIMEOUT_MS = 60_000;
/** Training steps on a software driver take seconds, and some tests start the command line several times. */
const GPU_TIMEOUT_MS = 300_000;
/** A journey through the page takes several of them, in the slowest driver. */
const PAGE_TIMEOUT_MS = 300_000;
/** An hour and more a model where the processor is slow. */
const FULL_TIMEOUT_MS = 7_200_000;

const chromium = findChromium();

export default defineConfig({
  build: { target: "es2023" },
  // The sandbox is loaded only where it is needed, which a worker in one piece cannot do.
  worker: { format: "es" },
  // Their WebAssembly lies beside their modules, which bundling for development would tear apart.
  optimizeDeps: {
    exclude: ["quickjs-emscripten-core", "@jitl/quickjs-wasmfile-release-sync", "onnxruntime-web"],
  },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: [GPU_TESTS, ENGINE_TESTS, PAGE_TESTS, FULL_TESTS],
          testTimeout: UNIT_TIMEOUT_MS,
        },
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
          name: "page",
          globalSetup: ["test/setup/page.ts"],
          include: [PAGE_TESTS],
          fileParallelism: false,
          testTimeout: PAGE_TIMEOUT_MS,
          hookTimeout: PAGE_TIMEOUT_MS,
        },
      },
      {
        extends: true,
        test: {
          name: "full",
          globalSetup: ["test/setup/page.ts"],
          include: [FULL_TESTS],
          fileParallelism: false,
          testTimeout: FULL_TIMEOUT_MS,
          hookTimeout: PAGE_TIMEOUT_MS,
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
