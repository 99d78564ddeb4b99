// Whether ONNX Runtime says the same about the loaded model: asked when a model of the person's own comes in, and what they
// make of the answer.

import { messageOf } from "../../common/error-words.ts";
import type { Verdict } from "../../worker/api.ts";
import type { SessionCore } from "./core.ts";

/** A comparison under way, or its outcome; `isAccepted`: the person trains whatever it is. */
export type Judgement =
  | { readonly stage: string }
  | { readonly verdict: Verdict; readonly isAccepted: boolean };

const SKIPPED: Verdict = {
  kind: "skipped",
  message: "Not compared with ONNX Runtime: whether this file is read rightly here is not known.",
};

export class SessionJudge {
  readonly #core: SessionCore;
  /** Counts questions, so that the answer to an earlier one is left. */
  #asked = 0;

  constructor(core: SessionCore) {
    this.#core = core;
  }

  /** Compares the loaded model. What goes wrong on the way is a verdict as well: nothing is known then. */
  async ask(): Promise<void> {
    const turn = ++this.#asked;
    const show = (judgement: Judgement | undefined): void => {
      if (turn === this.#asked) this.#core.set({ judgement });
    };
    show({ stage: "Loading ONNX Runtime" });
    try {
      const verdict = await this.#core.worker.judge((stage) => show({ stage }));
      show(verdict && { verdict, isAccepted: false });
    } catch (error) {
      const message = `Not compared: ${messageOf(error)}`;
      show({ verdict: { kind: "skipped", message }, isAccepted: false });
    }
  }

  /** The person does not want to wait, and trains without knowing. */
  async skip(): Promise<void> {
    const left = this.forget();
    this.#core.set({ judgement: { verdict: SKIPPED, isAccepted: true } });
    await left;
  }

  accept(isAccepted: boolean): void {
    const { judgement } = this.#core.state;
    if (judgement && "verdict" in judgement) this.#core.set({ judgement: { ...judgement, isAccepted } });
  }

  /** The verdict was on another model; a comparison under way leaves the device. */
  forget(): Promise<void> {
    this.#asked++;
    this.#core.set({ judgement: undefined });
    return this.#core.worker.leaveJudging();
  }
}

/** Why training has to wait for the comparison or for the person, or undefined. */
export function whyUnjudged(judgement: Judgement | undefined): string | undefined {
  if (!judgement) return undefined;
  if ("stage" in judgement) return "The model is compared with ONNX Runtime";
  const { verdict, isAccepted } = judgement;
  if (verdict.kind === "agrees" || isAccepted) return undefined;
  return "ONNX Runtime does not confirm the model";
}
