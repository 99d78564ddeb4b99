// The sandbox's own thread in a browser: one machine, one question at a time. Tells once whether it has started, then answers
// every question with a verdict.

import { Machine } from "./machine.ts";
import type { Sample } from "./verdict.ts";

export interface Question {
  readonly code: string;
  /** Undefined: look for the function, without calling it. */
  readonly sample: Sample | undefined;
  readonly limitMs: number;
}

const machine = new Machine();
const started = machine.start();

self.onmessage = async ({ data }: MessageEvent<Question>) => {
  await started;
  self.postMessage(await machine.judge(data.code, data.sample, data.limitMs));
};

started.then(
  () => self.postMessage("started"),
  (error: unknown) => self.postMessage({ failed: String(error) }),
);
