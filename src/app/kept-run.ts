// A run together with what is kept of it: begins or resumes a trainer, writes its record and checkpoints, and hands back
// what a page or a terminal shows. The same for IndexedDB and for a folder on disk.

import { BugError, UserError } from "../common/errors.ts";
import type { Recorder } from "../gpu/index.ts";
import { measureDevice, restoreDevice } from "../model/device-choices.ts";
import type { OpenedModel } from "../model/open-model.ts";
import { configWith, keptSettings } from "../rl/config.ts";
import type { RunConfig } from "../rl/config.ts";
import type { RunEvent, RunListener } from "../rl/events.ts";
import { checkFit } from "../rl/fit.ts";
import { hasHeldOut, heldOutAccuracy } from "../rl/held-out.ts";
import { withFasterEngine } from "../rl/measure-rollouts.ts";
import { createRun } from "../rl/run.ts";
import type { Run, RunProblems } from "../rl/run.ts";
import type { RunProgress, RunState, SavedState } from "../rl/state.ts";
import { FRESH, restoreTensors } from "../rl/state.ts";
import type { Outcome } from "../rl/trainer.ts";
import { Trainer } from "../rl/trainer.ts";
import { policyOptions } from "../rl/options/index.ts";
import type { Checkpoints } from "../storage/checkpoints.ts";
import type { RunRecord, Runs } from "../storage/runs.ts";
import { distinctName } from "./run-name.ts";
import type { SavedMeta } from "./saved-meta.ts";
import { metaOf, savedMeta } from "./saved-meta.ts";

/** Where runs are kept. */
export interface Keeping {
  readonly runs: Runs;
  readonly checkpoints: Checkpoints;
}

export interface RunInputs {
  readonly model: OpenedModel;
  readonly problems: RunProblems;
  /** Shown in lists. */
  readonly dataName: string;
  readonly config: RunConfig;
  /** Settings that only a cluster understands, kept for the way back to verl; absent: none, or those the run has. */
  readonly kept?: Readonly<Record<string, unknown>>;
}

/** A run that holds device memory. */
export interface ActiveRun {
  readonly id: string;
  readonly config: RunConfig;
  readonly trainer: Trainer;
  /** Settles when training has ended and memory is free; rejects with what made it fail. */
  readonly ended: Promise<Outcome>;
}

/** Begins a run: its record is kept before its first step. Returns once it is under way. */
export async function beginRun(
  recorder: Recorder,
  keeping: Keeping,
  id: string,
  inputs: RunInputs,
  listener: RunListener,
): Promise<ActiveRun> {
  listener({ type: "state", state: "loading", step: 0 });
  checkFit(inputs.model, inputs.config, recorder.gpu);
  await measureDevice(recorder, policyOptions(inputs.config));
  const run = await withFasterEngine(await load(recorder, inputs, listener), listener);
  const now = Date.now();
  const record: RunRecord = {
    id,
    name: distinctName(inputs.config, inputs.model.name, (await keeping.runs.list()).runs),
    createdAt: now,
    updatedAt: now,
    modelName: inputs.model.name,
    dataName: inputs.dataName,
    config: run.config,
    ...keptOf(inputs),
    step: 0,
    totalSteps: inputs.config["trainer.total_training_steps"],
    state: "running",
    history: [],
  };
  return activate(run, keeping, record, listener, FRESH);
}

/** Continues a run from the checkpoint of `step`, the newest if undefined. `inputs` must be those it began with. */
export async function continueRun(
  recorder: Recorder,
  keeping: Keeping,
  id: string,
  step: number | undefined,
  inputs: RunInputs,
  listener: RunListener,
): Promise<ActiveRun> {
  listener({ type: "state", state: "loading", step: 0 });
  checkFit(inputs.model, inputs.config, recorder.gpu);
  const record = await keeping.runs.load(id);
  const saved = await savedState(keeping, id, step);
  if (!restoreDevice(recorder, saved.device)) {
    listener({
      type: "notice",
      message: `This run began on "${saved.device.adapterName}" and goes on on "${recorder.gpu.adapterName}": its numbers will differ in the last digits from those it would have had there.`,
    });
    await measureDevice(recorder, policyOptions(inputs.config));
  }
  const run = await load(recorder, inputs, listener);
  try {
    await restoreTensors(run, saved);
  } catch (error) {
    run.destroy();
    throw error;
  }
  const totalSteps = inputs.config["trainer.total_training_steps"];
  const goesOn = { ...record, config: inputs.config, ...keptOf(inputs), totalSteps };
  return activate(run, keeping, goesOn, listener, saved.progress);
}

const keptOf = ({ kept = {} }: RunInputs): Pick<RunRecord, "kept"> =>
  Object.keys(kept).length === 0 ? {} : { kept };

/** The settings a kept run began with, `changes` on top. */
export async function keptConfig(
  { runs }: Keeping,
  id: string,
  changes: Readonly<Record<string, unknown>> = {},
): Promise<RunConfig> {
  const { config } = await runs.load(id);
  return configWith(changes, keptSettings(config));
}

/** What a kept run's configuration had for a cluster; runs of earlier versions have nothing. */
export const keptForCluster = async (
  { runs }: Keeping,
  id: string,
): Promise<Readonly<Record<string, unknown>>> => (await runs.load(id)).kept ?? {};

/** Puts a kept checkpoint, the newest if `step` is undefined, into a run that was just created. Returns its step. */
export async function restoreKept(
  run: Run,
  keeping: Keeping,
  id: string,
  step: number | undefined,
): Promise<number> {
  const saved = await savedState(keeping, id, step);
  await restoreTensors(run, saved);
  return saved.progress.step;
}

async function savedState(
  { checkpoints }: Keeping,
  id: string,
  step: number | undefined,
): Promise<SavedState> {
  const newest = step ?? (await checkpoints.whole(id)).at(-1)?.step;
  if (newest === undefined)
    throw new UserError(`Run ${id} has no whole checkpoint to go on from. Begin it again from its settings.`);
  const open = await checkpoints.open(id, newest);
  const meta = savedMeta(open.meta, `The checkpoint of step ${newest}`);
  return {
    name: `The checkpoint of step ${newest}`,
    progress: meta.progress,
    device: meta.device,
    read: (tensor) => open.read(tensor),
  };
}

async function load(
  recorder: Recorder,
  { model, problems, config }: RunInputs,
  listener: RunListener,
): Promise<Run> {
  const run = await createRun(recorder, model, problems, config, (done, total) =>
    listener({ type: "progress", phase: "load", step: 0, done, total }),
  );
  if (run.tooLong > 0)
    listener({
      type: "notice",
      message: `${run.tooLong} problems are left out: their prompts have more than ${config["data.max_prompt_length"]} tokens (data.max_prompt_length).`,
    });
  if (run.longPairs > 0)
    listener({
      type: "notice",
      message: `${run.longPairs} pairs are left out: a response has more than ${config["data.max_response_length"]} tokens with its end (data.max_response_length).`,
    });
  if (!hasHeldOut(run))
    listener({
      type: "notice",
      message:
        "No problem is held out, so accuracy is not measured. Set a held-out share, or drop a file of problems to test with.",
    });
  return run;
}

function activate(
  run: Run,
  keeping: Keeping,
  record: RunRecord,
  listener: RunListener,
  progress: RunProgress,
): ActiveRun {
  const { id } = record;
  const keeper = new RunKeeper(keeping, record, run.config, progress);
  const heard = (event: RunEvent): void => {
    keeper.hear(event);
    listener(event);
  };
  const trainer = new Trainer(run, { save: (state) => keeper.save(state) }, heard, progress);
  keeper.progress = () => trainer.progress;
  const ended = trainUntilEnd(run, trainer, keeper);
  // Whoever waits for it hears of a failure; nobody may be waiting yet.
  ended.catch(() => {});
  return { id, config: run.config, trainer, ended };
}

async function trainUntilEnd(run: Run, trainer: Trainer, keeper: RunKeeper): Promise<Outcome> {
  try {
    return await trainer.train();
  } finally {
    run.destroy();
    await keeper.settled();
  }
}

/** Keeps a run's record in step with its events. A record that cannot be written is no reason to stop training. */
class RunKeeper {
  readonly #keeping: Keeping;
  readonly #config: RunConfig;
  #record: RunRecord;
  #writing: Promise<void> = Promise.resolve();
  progress: () => RunProgress;

  constructor(keeping: Keeping, record: RunRecord, config: RunConfig, progress: RunProgress) {
    this.progress = () => progress;
    this.#keeping = keeping;
    this.#record = record;
    this.#config = config;
    this.#write();
  }

  /** Writes checkpoint and record, then removes what is more than the run is to keep. Returns the checkpoint's bytes. */
  async save({ progress, device, tensors }: RunState): Promise<number> {
    const { checkpoints } = this.#keeping;
    const { id } = this.#record;
    let bytes = 0;
    const counted = async function* (): AsyncGenerator<readonly [string, Float32Array]> {
      for await (const tensor of tensors) {
        bytes += tensor[1].byteLength;
        yield tensor;
      }
    };
    const accuracy = heldOutAccuracy(progress);
    const meta: SavedMeta = { progress, device, ...(accuracy !== undefined && { accuracy }) };
    await checkpoints.save(id, { step: progress.step, meta: metaOf(meta), tensors: counted() });
    this.#write();
    await this.settled();
    await this.#dropLater(progress.step);
    await checkpoints.prune(id, { newest: this.#config["trainer.max_actor_ckpt_to_keep"], best: "accuracy" });
    return bytes;
  }

  /**
   * A run that goes on from an earlier step leaves what it had learnt after that, as soon as it has kept something newer:
   * else the newest would not be where it stands.
   */
  async #dropLater(step: number): Promise<void> {
    const { checkpoints } = this.#keeping;
    const later = (await checkpoints.list(this.#record.id)).filter((info) => info.step > step);
    for (const info of later) await checkpoints.remove(this.#record.id, info.step);
  }

  hear(event: RunEvent): void {
    if (event.type !== "state" || event.state === "loading") return;
    const state = event.state === "pausing" ? "running" : event.state;
    if (state === this.#record.state && state === "running") return;
    this.#record = { ...this.#record, state };
    this.#write();
  }

  settled(): Promise<void> {
    return this.#writing;
  }

  #write(): void {
    const { step, history } = this.progress();
    this.#record = { ...this.#record, step, history, updatedAt: Date.now() };
    const record = this.#record;
    this.#writing = this.#writing
      .then(() => this.#keeping.runs.save(record))
      .catch((error: unknown) => {
        if (!(error instanceof UserError))
          throw new BugError("a run's record could not be written", { cause: error });
      });
  }
}
