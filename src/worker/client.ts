// The page's side of the worker: starts it and hides comlink, so that the rest of the page sees a WorkerApi and nothing else.

import { proxy, wrap } from "comlink";

import type { WorkerApi } from "./api.ts";

/** Starts the worker. Every call is asynchronous; callbacks may be plain functions. */
export function openWorker(): WorkerApi {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "gradus" });
  const remote = wrap<Record<string, (...args: unknown[]) => unknown>>(worker);
  return new Proxy({} as WorkerApi, {
    get:
      (_, name: string) =>
      (...args: unknown[]) =>
        remote[name]!(
          ...args.map((argument) => (typeof argument === "function" ? proxy(argument) : argument)),
        ),
  });
}
