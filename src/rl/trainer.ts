// The loop around steps: evaluates, trains, keeps, pauses and resumes. What a step does is step.ts; where a checkpoint goes
// is the keeper's matter, and a step that fails leaves the last one as it was.

import { messageOf } from "../common/error-words.ts";
import { deviceChoices } from "../model/device-choices.ts";
import { Interrupted, StepControl, StepRefused } from "./control.ts";
import type { Evaluation, RunEvent, RunListener, RunState as State } from "./events.ts";
import { evaluateHeldOut, hasHeldOut, isEvaluated } from "./held-out.ts";
import { STEP } from "./metrics.ts";
import type { MetricRow } from "./metrics.ts";
import { dpoStep } from "./preference/dpo-step.ts";
import { preferenceStep } from "./preference/step.ts";
import type { Run } from "./run.ts";
import { runSecondsLeft } from "./run-time.ts";
import type { RunProgress, RunState } from "./state.ts";
import { afterCritic, FRESH, readTensors } from "./state.ts";
import type { StepSample } from "./sample.ts";
import type { StepResult } from "./step.ts";
import { rlStep, supervisedStep } from "./step.ts";

/** Keeps checkpoints. */
export interface Keeper {
  /** Writes a checkpoint whole or not at all; returns its bytes. Throws UserError when the disk is full. */
  save(state: RunState): Promise<number>;
}

/** What `train` came to. */
export type Outcome = "finished" | "stopped";

/** Trains one run; `train` may be called once. */
export class Trainer {
  readonly #run: Run;
  readonly #keeper: Keeper;
  readonly #listener: RunListener;
  #progress: RunProgress;
  #wanted: "run" | "pause" | "stop" = "run";
  #control: StepControl | undefined;
  /** Settles when a pause ends. */
  #proceed: (() => void) | undefined;
  #isEvaluationWanted = false;
  #isSaveWanted = false;
  /** Progress of the newest checkpoint, so that none is written twice. */
  #saved: RunProgress | undefined;
  /** Progress that was last tried to keep: a full disk is asked again only when somebody asks for it. */
  #tried: RunProgress | undefined;
  #pending: StepSample | undefined;
  #hasEnded = false;
  /** Why a pause was not asked for. */
  #reason: string | undefined;

  /** `progress` is that of the checkpoint that the policy was restored from. */
  constructor(run: Run, keeper: Keeper, listener: RunListener, progress: RunProgress = FRESH) {
    this.#run = run;
    this.#keeper = keeper;
    this.#listener = listener;
    this.#progress = progress;
    if (progress !== FRESH) this.#saved = progress;
  }

  get progress(): RunProgress {
    return this.#progress;
  }

  /** Trains until the last step, or until `stop`. Throws what made it fail, after telling it as an event. */
  async train(): Promise<Outcome> {
    try {
      this.#tell("running");
      const outcome = await this.#loop();
      this.#hasEnded = true;
      this.#tell("finished");
      return outcome;
    } catch (error) {
      this.#hasEnded = true;
      this.#tell("failed", messageOf(error));
      throw error;
    }
  }

  /** Leaves the step under way if it has not begun to update, else finishes it; then keeps a checkpoint and waits. */
  pause(): void {
    if (this.#wanted !== "run" || this.#hasEnded) return;
    this.#wanted = "pause";
    this.#tried = undefined;
    this.#tell("pausing");
    this.#control?.interrupt();
  }

  proceed(): void {
    if (this.#wanted !== "pause" || this.#hasEnded) return;
    this.#wanted = "run";
    this.#tried = undefined;
    if (this.#proceed) this.#proceed();
    else this.#tell("running");
  }

  /** Like `pause`, and ends `train`. */
  stop(): void {
    if (this.#wanted === "stop" || this.#hasEnded) return;
    this.#wanted = "stop";
    this.#tried = undefined;
    this.#tell("pausing");
    this.#control?.interrupt();
    this.#proceed?.();
  }

  /** Evaluates before the next step. */
  evaluateSoon(): void {
    this.#isEvaluationWanted = true;
  }

  /** Keeps what has been learnt so far; a step under way is begun again after it, unless it is updating already. */
  saveSoon(): void {
    if (this.#saved === this.#progress) return;
    this.#isSaveWanted = true;
    this.#control?.interrupt();
  }

  async #loop(): Promise<Outcome> {
    const total = this.#run.config["trainer.total_training_steps"];
    for (;;) {
      const isWaiting = this.#wanted !== "run" && this.#tried !== this.#progress;
      if (isWaiting || this.#isSaveWanted) await this.#save();
      if (this.#wanted === "stop") return "stopped";
      if (this.#wanted === "pause") {
        await this.#wait();
        continue;
      }
      try {
        if (this.#isEvaluationDue()) await this.#evaluate();
        else if (this.#isSaveDue()) await this.#save();
        else if (this.#progress.step < total) await this.#step();
        else if (this.#saved === this.#progress) return "finished";
        else this.#pauseBecause(NOT_KEPT);
      } catch (error) {
        if (error instanceof StepRefused) this.#pauseBecause(error.message);
        else if (!(error instanceof Interrupted)) throw error;
      }
    }
  }

  /** Nothing is lost, but it does not go on like this. */
  #pauseBecause(message: string): void {
    if (this.#wanted === "run") this.#wanted = "pause";
    this.#reason = message;
  }

  async #wait(): Promise<void> {
    const pause = new Promise<void>((resolve) => {
      this.#proceed = resolve;
    });
    this.#tell("paused", this.#reason);
    this.#reason = undefined;
    await pause;
    this.#proceed = undefined;
    if (this.#wanted === "run") this.#tell("running");
  }

  /** After its step's number, at the end, and when asked for; once a step. */
  #isEvaluationDue(): boolean {
    const { config } = this.#run;
    const { step } = this.#progress;
    if (!hasHeldOut(this.#run) || isEvaluated(this.#progress)) {
      this.#isEvaluationWanted = false;
      return false;
    }
    if (this.#isEvaluationWanted) return true;
    const every = config["trainer.test_freq"];
    if (step === 0) return config["trainer.val_before_train"];
    return every > 0 && (step % every === 0 || step === config["trainer.total_training_steps"]);
  }

  #isSaveDue(): boolean {
    const { config } = this.#run;
    const { step } = this.#progress;
    if (step === 0 || [this.#saved, this.#tried].includes(this.#progress)) return false;
    const every = config["trainer.save_freq"];
    return step >= config["trainer.total_training_steps"] || (every > 0 && step % every === 0);
  }

  async #evaluate(): Promise<void> {
    const { row, evaluation } = await this.#under(this.#progress.step, (control) =>
      evaluateHeldOut(this.#run, control),
    );
    this.#isEvaluationWanted = false;
    if (!evaluation) return this.#log(row, {});
    this.#log(row, { evaluations: [...withoutMiddleSamples(this.#progress.evaluations), evaluation] });
    this.#listener({ type: "evaluation", evaluation });
  }

  async #step(): Promise<void> {
    const progress = this.#progress;
    const step = progress.step + 1;
    const result = await this.#under(step, (control) => this.#oneStep(progress, control));
    this.#pending = undefined;
    const skippedUpdates = progress.skippedUpdates + result.skipped;
    const critic = result.critic && afterCritic(progress.critic, result.critic);
    this.#log(
      {
        ...result.metrics,
        "actor/skipped_updates": skippedUpdates,
        ...(critic && { "critic/skipped_updates": critic.skippedUpdates }),
      },
      {
        step,
        optimizerSteps: progress.optimizerSteps + result.applied,
        skippedUpdates,
        drawn: progress.drawn + result.drawn,
        ...(critic && { critic }),
        ...(result.klControl && { klControl: result.klControl }),
        ...(result.entropyControl && { entropyControl: result.entropyControl }),
      },
    );
    const skipped = result.skipped + (result.critic?.skipped ?? 0);
    if (skipped > 0) this.#tellSkipped(step, skipped);
  }

  #oneStep(progress: RunProgress, control: StepControl): Promise<StepResult> {
    const mode = this.#run.config["gradus.mode"];
    if (mode === "sft") return supervisedStep(this.#run, progress, control);
    if (mode === "dpo") return dpoStep(this.#run, progress, control);
    const sampledStep = mode === "preference" ? preferenceStep : rlStep;
    return sampledStep(this.#run, progress, control, this.#pending, (sample) => {
      this.#pending = sample;
    });
  }

  #tellSkipped(step: number, count: number): void {
    const updates = count === 1 ? "one update" : `${count} updates`;
    this.#listener({
      type: "notice",
      message: `Step ${step}: ${updates} left out because a gradient was not finite; the weights are as before. If this goes on, lower the learning rate.`,
    });
  }

  async #under<T>(step: number, work: (control: StepControl) => Promise<T>): Promise<T> {
    this.#control = new StepControl(step, (event) => this.#listener(this.#withRunTime(event)));
    try {
      return await work(this.#control);
    } finally {
      this.#control = undefined;
    }
  }

  #withRunTime(event: RunEvent): RunEvent {
    if (event.type !== "progress") return event;
    const left = runSecondsLeft(this.#progress, this.#run.config);
    return left === undefined ? event : { ...event, runSecondsLeft: left };
  }

  /** Adds numbers to the row of their step. */
  #log(row: MetricRow, change: Partial<RunProgress>): void {
    const { history } = this.#progress;
    const last = history.at(-1);
    const isSameStep = last?.[STEP] === row[STEP];
    const merged = isSameStep ? [...history.slice(0, -1), { ...last, ...row }] : [...history, row];
    this.#progress = { ...this.#progress, ...change, history: merged };
    this.#listener({ type: "metrics", row });
  }

  /** A failure to keep is told, and training goes on: the former checkpoint is whole. */
  async #save(): Promise<void> {
    this.#isSaveWanted = false;
    const progress = this.#progress;
    if (this.#saved === progress) return;
    this.#tried = progress;
    const { policy } = this.#run;
    this.#listener({ type: "progress", phase: "save", step: progress.step, done: 0, total: 1 });
    try {
      const device = deviceChoices(policy.recorder);
      const bytes = await this.#keeper.save({ progress, device, tensors: readTensors(this.#run) });
      this.#saved = progress;
      this.#listener({ type: "checkpoint", step: progress.step, bytes });
    } catch (error) {
      if (!(error instanceof Error) || error.name !== "UserError") throw error;
      this.#listener({ type: "notice", message: error.message });
    }
  }

  #tell(state: State, message?: string): void {
    this.#listener({
      type: "state",
      state,
      step: this.#progress.step,
      ...(message !== undefined && { message }),
    });
  }
}

/** The end would free the only copy of what was learnt. */
const NOT_KEPT =
  "The last step is done, and its weights are not saved yet: make room, then resume to save them. Stopping ends the run with the checkpoint before.";

/** Answers are compared between the first evaluation and the last; those in between would fill every checkpoint. */
const withoutMiddleSamples = (evaluations: readonly Evaluation[]): Evaluation[] =>
  evaluations.map((evaluation, i) => (i === 0 ? evaluation : { ...evaluation, samples: [] }));
