// A person's function behind a wall. In a browser it runs in a thread of its own, which is ended when it does not answer; in
// Node, which has no such threads of the same kind, in this one. Load it only when there is such a function: it brings an interpreter.

import { UserError } from "../common/errors.ts";
import { tooSlow } from "./fault.ts";
import type { Machine } from "./machine.ts";
import type { Question } from "./thread.ts";
import type { Sample, Verdict } from "./verdict.ts";

export type { Fault, Sample, Verdict } from "./verdict.ts";
export { faultWords } from "./verdict.ts";

/** Beyond its time limit, before a thread is ended: the interpreter ends it more gently where it can, and machines are busy. */
const SLACK_MS = 1000;

export interface Sandbox {
  /**
   * Judges one response by the function in the text, which is run anew: nothing is remembered between calls. Call it again when it has
   * answered. Rejects with UserError when the interpreter cannot be loaded, and with nothing else.
   */
  judge(sample: Sample): Promise<Verdict>;
  /** Runs the text and looks for the function, without calling it: a score of 0 where all is well. */
  check(): Promise<Verdict>;
  dispose(): void;
}

/** A sandbox for the text of one function, with a time limit for each call. */
export const openSandbox = (code: string, limitMs: number): Sandbox =>
  typeof Worker === "undefined" ? new LocalSandbox(code, limitMs) : new ThreadSandbox(code, limitMs);

const notLoaded = (why: string): UserError =>
  new UserError(
    `The interpreter for your reward function could not be loaded: ${why}. Reload the page, or turn the function's weight to 0.`,
  );

class LocalSandbox implements Sandbox {
  readonly #code: string;
  readonly #limitMs: number;
  #machine: Promise<Machine> | undefined;

  constructor(code: string, limitMs: number) {
    this.#code = code;
    this.#limitMs = limitMs;
  }

  judge = (sample: Sample): Promise<Verdict> => this.#ask(sample);
  check = (): Promise<Verdict> => this.#ask(undefined);

  async #ask(sample: Sample | undefined): Promise<Verdict> {
    this.#machine ??= import("./machine.ts").then((module) => new module.Machine());
    try {
      return await (await this.#machine).judge(this.#code, sample, this.#limitMs);
    } catch (error) {
      throw notLoaded(String(error));
    }
  }

  dispose(): void {}
}

class ThreadSandbox implements Sandbox {
  readonly #code: string;
  readonly #limitMs: number;
  #thread: Promise<Worker> | undefined;

  constructor(code: string, limitMs: number) {
    this.#code = code;
    this.#limitMs = limitMs;
  }

  judge = (sample: Sample): Promise<Verdict> => this.#ask(sample);
  check = (): Promise<Verdict> => this.#ask(undefined);

  async #ask(sample: Sample | undefined): Promise<Verdict> {
    this.#thread ??= startThread();
    const thread = await this.#thread;
    const question: Question = { code: this.#code, sample, limitMs: this.#limitMs };
    return new Promise((answer) => {
      const timer = setTimeout(() => {
        this.dispose();
        answer({ fault: { message: tooSlow(this.#limitMs) } });
      }, this.#limitMs + SLACK_MS);
      thread.onmessage = ({ data }: MessageEvent<Verdict>) => {
        clearTimeout(timer);
        answer(data);
      };
      thread.postMessage(question);
    });
  }

  dispose(): void {
    void this.#thread?.then(
      (thread) => thread.terminate(),
      () => {},
    );
    this.#thread = undefined;
  }
}

/** A thread that is ready to answer. Rejects with UserError. */
function startThread(): Promise<Worker> {
  const thread = new Worker(new URL("./thread.ts", import.meta.url), {
    type: "module",
    name: "gradus-sandbox",
  });
  return new Promise((ready, refuse) => {
    thread.onerror = (event) => refuse(notLoaded(event.message || "its file is missing"));
    thread.onmessage = ({ data }: MessageEvent<"started" | { readonly failed: string }>) =>
      data === "started" ? ready(thread) : refuse(notLoaded(data.failed));
  });
}
