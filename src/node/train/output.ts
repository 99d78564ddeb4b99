// The folder of a run of the command line: run.json says what it was started with, metrics.jsonl grows a line a step, and
// checkpoints lie below checkpoints/. Weights, metrics as a table and settings are written when training ends.

import { appendFile, mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";

import { configCommand, configYaml, metricsCsv, metricsJsonl } from "../../app/exports.ts";
import type { Keeping } from "../../app/kept-run.ts";
import { trainedModel } from "../../app/trained-model.ts";
import { weightExport } from "../../app/weight-exports.ts";
import { UserError } from "../../common/errors.ts";
import { isObject, tryJson } from "../../formats/json.ts";
import type { NamedFile } from "../../formats/zip.ts";
import type { OpenedModel } from "../../model/open-model.ts";
import type { RunConfig } from "../../rl/config.ts";
import { STEP } from "../../rl/metrics.ts";
import type { MetricRow } from "../../rl/metrics.ts";
import type { RunProgress } from "../../rl/state.ts";
import type { VerlImport } from "../../rl/verl/imported.ts";
import { Checkpoints } from "../../storage/checkpoints.ts";
import { Runs } from "../../storage/runs.ts";
import { replaceFile } from "../files/replace-file.ts";
import { openFolder } from "../files/store.ts";
import { exists } from "./inputs.ts";

/** A folder holds one run, under this name. */
export const RUN_ID = "run";

/** Where the run's model (a folder, or a hub's repository with commit and form) and problems are; absent: the demo's. */
export interface StartedWith {
  readonly model?: string;
  /** What the run began with besides the model. */
  readonly adapter?: string;
  readonly data: readonly string[];
}

export class RunFolder {
  readonly path: string;
  readonly keeping: Keeping;
  /** The row that may still grow: an evaluation belongs to the step before it. */
  #open: MetricRow | undefined;
  #writing: Promise<void> = Promise.resolve();

  private constructor(folder: string, keeping: Keeping) {
    this.path = folder;
    this.keeping = keeping;
  }

  static async open(folder: string): Promise<RunFolder> {
    const store = await openFolder(path.join(folder, "checkpoints"));
    return new RunFolder(folder, { runs: new Runs(store), checkpoints: new Checkpoints(store) });
  }

  /** What the run in this folder was started with; undefined when there is none. */
  async startedWith(): Promise<StartedWith | undefined> {
    const file = path.join(this.path, "run.json");
    if (!(await exists(file))) return undefined;
    const value = tryJson(await readFile(file, "utf8"))?.value;
    if (isObject(value) && Array.isArray(value["data"])) return value as unknown as StartedWith;
    throw new UserError(
      `${file} is not what Gradus wrote there: name model and data again with --model and --data.`,
    );
  }

  /** Makes the folder. Paths are written whole, so that the run can go on from another folder. */
  async writeStart(
    { model, adapter, data }: StartedWith,
    config: RunConfig,
    kept?: VerlImport["kept"],
  ): Promise<void> {
    const started: StartedWith = {
      ...(model !== undefined && { model }),
      ...(adapter !== undefined && { adapter: path.resolve(adapter) }),
      data: data.map((file) => path.resolve(file)),
    };
    await mkdir(this.path, { recursive: true });
    await writeFile(path.join(this.path, "run.json"), `${JSON.stringify(started, null, 2)}\n`);
    await this.#write([configYaml(config, kept), configCommand(config, kept)]);
  }

  /** Writes the metrics of a run that goes on, so that steps after its checkpoint do not stand there twice. */
  async writeHistory(history: readonly MetricRow[]): Promise<void> {
    this.#open = history.at(-1);
    const file = metricsJsonl(history.slice(0, -1));
    this.#writing = this.#writing.then(async () => void (await this.#write([file])));
    await this.#writing;
  }

  addMetrics(row: MetricRow): void {
    if (this.#open && this.#open[STEP] !== row[STEP]) this.#append(this.#open);
    this.#open = this.#open?.[STEP] === row[STEP] ? { ...this.#open, ...row } : row;
  }

  /** Everything that is to be taken home. Returns the paths. */
  async writeResults(
    model: OpenedModel,
    config: RunConfig,
    { step, history }: RunProgress,
    kept?: VerlImport["kept"],
  ): Promise<string[]> {
    await this.#writing;
    const checkpoint = await this.keeping.checkpoints.open(RUN_ID, step);
    const trained = trainedModel(checkpoint, model, config);
    const weights = await weightExport(trained, trained.trained.lora ? "adapter" : "safetensors");
    for (const { name, pieces } of weights) await replaceFile(path.join(this.path, name), pieces());
    const settings = [configYaml(config, kept), configCommand(config, kept)];
    const written = await this.#write([metricsJsonl(history), metricsCsv(history), ...settings]);
    return [...weights.map(({ name }) => path.join(this.path, name)), ...written];
  }

  #append(row: MetricRow): void {
    const file = path.join(this.path, "metrics.jsonl");
    const { bytes } = metricsJsonl([row]);
    this.#writing = this.#writing.then(() => appendFile(file, bytes));
  }

  async #write(files: readonly NamedFile[]): Promise<string[]> {
    const paths = files.map(({ name }) => path.join(this.path, name));
    await Promise.all(files.map(({ bytes }, i) => writeFile(paths[i]!, bytes)));
    return paths;
  }
}
