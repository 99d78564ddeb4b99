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
export function openSandbox(code: string, limitMs: number): Sandbox {
  const place: Place = typeof Worker === "undefined" ? new HerePlace() : new ThreadPlace();
  return {
    judge: (sample) => place.ask({ code, sample, limitMs }),
    check: () => place.ask({ code, sample: undefined, limitMs }),
    dispose: () => place.dispose(),
  };
}

/** Where an interpreter runs. */
interface Place {
  ask(question: Question): Promise<Verdict>;
  dispose(): void;
}

const notLoaded = (why: string): UserError =>
  new UserError(
    `The interpreter for your reward function could not be loaded: ${why}. Reload the page, or turn the function's weight to 0.`,
  );

class HerePlace implements Place {
  #machine: Promise<Machine> | undefined;

  async ask({ code, sample, limitMs }: Question): Promise<Verdict> {
    this.#machine ??= import("./machine.ts").then((module) => new module.Machine());
    try {
      return await (await this.#machine).judge(code, sample, limitMs);
    } catch (error) {
      throw notLoaded(String(error));
    }
  }

  dispose(): void {}
}

class ThreadPlace implements Place {
  #thread: Promise<Worker> | undefined;

  async ask(question: Question): Promise<Verdict> {
    const { limitMs } = question;
    this.#thread ??= startThread();
    const thread = await this.#thread;
    return new Promise((answer) => {
      const timer = setTimeout(() => {
        this.dispose();
        answer({ fault: { message: tooSlow(limitMs) } });
      }, limitMs + SLACK_MS);
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
