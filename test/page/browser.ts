// The page that test/setup/page.ts built, in a real Chromium. Shared by the tests of the page.

import { fileURLToPath } from "node:url";

import type { Browser, BrowserContext, Page } from "playwright-core";
import { chromium } from "playwright-core";
import { preview } from "vite";
import type { PreviewServer } from "vite";
import { inject } from "vitest";

import { read } from "../files.ts";
import { findChromium } from "../../src/node/find-chromium.mjs";
import { chromiumFlags } from "../../src/node/chromium-flags.mjs";

const PATIENCE_MS = 120_000;
const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export interface PageUnderTest {
  readonly url: string;
  readonly context: BrowserContext;
  /** Errors that no handler of the page caught, and messages of level error. */
  readonly faults: string[];
  open(): Promise<Page>;
  close(): Promise<void>;
}

/** Serves the page, and starts a browser with a profile of its own: what one page stores, the next finds. */
export async function servePage({ withoutGpu = false } = {}): Promise<PageUnderTest> {
  const build = { outDir: inject("page") };
  const server = await preview({ root: ROOT, logLevel: "error", build, preview: { port: 0 } });
  const browser = await startChromium(withoutGpu);
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    acceptDownloads: true,
  });
  // Kernels compile for half a minute where a busy processor plays the graphics card.
  context.setDefaultTimeout(PATIENCE_MS);
  const faults: string[] = [];
  const url = addressOf(server);
  return {
    url,
    context,
    faults,
    open: async () => {
      const page = await context.newPage();
      page.on("pageerror", (error) => faults.push(error.message));
      page.on("console", (message) => {
        if (message.type() === "error") faults.push(message.text());
      });
      await page.goto(url);
      return page;
    },
    close: async () => {
      await browser.close();
      await server.close();
    },
  };
}

/** Rules of accessibility that `page` breaks as it stands, with the first element that does. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  await page.addScriptTag({ content: read("node_modules/axe-core/axe.min.js") });
  return page.evaluate(async () => {
    const { axe } = window as unknown as {
      axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
    };
    return (await axe.run()).violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
  });
}

function startChromium(withoutGpu: boolean): Promise<Browser> {
  const executablePath = findChromium();
  const args = withoutGpu ? ["--headless=new", "--no-sandbox", "--disable-gpu"] : chromiumFlags();
  return chromium.launch({ args, ...(executablePath && { executablePath }) });
}

function addressOf({ resolvedUrls }: PreviewServer): string {
  const [url] = resolvedUrls?.local ?? [];
  if (url) return url;
  throw new Error("the preview server tells no address");
}
