// Starts the command line: `npm run gradus -- <command>`. First as a launcher, which finds a WebGPU adapter for Node and
// starts this file again as a child in which it is visible; in the child it runs cli.ts through Vite, which strips
// types and resolves `?raw` imports of WGSL, so there is no build step. It knows no command.

import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const SELF = fileURLToPath(import.meta.url);
const args = process.argv.slice(2);

/** Finds the adapter, starts the child and ends as it ended. */
async function launch() {
  const { findAdapter, startNode } = await import("./find-adapter.mjs");
  const start = findAdapter();
  // A command that needs no GPU still runs; one that does reports the problem.
  const env = { GRADUS_CHILD: "1", ...(start.problem && { GRADUS_NO_ADAPTER: start.problem }) };
  const { code, signal } = await startNode(start, ["--enable-source-maps", SELF, ...args], env);
  if (signal) process.kill(process.pid, signal);
  else process.exitCode = code ?? 1;
}

/** Runs cli.ts in this process. */
async function runCommand() {
  const { createServer } = await import("vite");
  const vite = await createServer({
    root: ROOT,
    configFile: false,
    server: { middlewareMode: true, hmr: false, ws: false, watch: null },
    appType: "custom",
    optimizeDeps: { noDiscovery: true },
    logLevel: "error",
  });
  const { main } = await vite.ssrLoadModule("/src/node/cli.ts");
  const code = await main(args, (error) => vite.ssrFixStacktrace(error));
  await vite.close();
  // Dawn keeps the process alive as long as its instance exists, so leave; after what was printed is out.
  process.stdout.write("", () => process.exit(code));
}

const needsNoGpu = args.length === 0 || args.includes("--help") || args.includes("-h");
if (process.env.GRADUS_CHILD || needsNoGpu) await runCommand();
else await launch();
