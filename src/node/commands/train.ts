// `train`: the same run as in the page, in a terminal: metrics, checkpoints and weights in a folder. Ctrl-C keeps what was
// learnt.

import path from "node:path";

import { openRecorder } from "../../gpu/index.ts";
import { fixedSettings, keptFor } from "../../app/adapter-files.ts";
import { beginRun, continueRun, keptConfig, keptForCluster } from "../../app/kept-run.ts";
import type { ActiveRun } from "../../app/kept-run.ts";
import type { OpenedProblems } from "../../app/problems.ts";
import { kindWords, splitOf, trainingCount } from "../../app/problems.ts";
import { UserError } from "../../common/errors.ts";
import type { OpenedModel } from "../../model/open-model.ts";
import { checkResumable } from "../../rl/config.ts";
import type { RunConfig } from "../../rl/config.ts";
import { checkAdapter } from "../../rl/options/index.ts";
import type { RunEvent } from "../../rl/events.ts";
import { installWebGpu } from "../adapter.ts";
import { defineCommand } from "../command.ts";
import { checkByOnnxRuntime } from "../train/check-model.ts";
import { adapted, placedModel, problemsOf, readSettings } from "../train/inputs.ts";
import type { StartedWith } from "../train/output.ts";
import { RUN_ID, RunFolder } from "../train/output.ts";
import { Terminal } from "../train/terminal.ts";

const DEFAULT_OUT = "gradus-run";

export const train = defineCommand({
  name: "train",
  summary: "train a model; without arguments, the demo",
  usage: "[--model DIR] [--adapter DIR] [--data FILE] [--out DIR] [--set key=value] [--steps N] [--resume]",
  options: {
    model: {
      type: "string",
      value: "DIR",
      description:
        "a folder with config.json, tokenizer.json and weights, or owner/name[@revision][:form] at the hub; default: the demo",
    },
    adapter: {
      type: "string",
      value: "DIR",
      description: "a PEFT adapter to go on from: a folder with its two files, or a zip file of them",
    },
    data: {
      type: "string",
      value: "FILE",
      multiple: true,
      description:
        "problems or preference pairs; twice for a file to test with, whose name has test in it; default: the demo's",
    },
    out: {
      type: "string",
      value: "DIR",
      default: DEFAULT_OUT,
      description: "where metrics, checkpoints and weights go",
    },
    preset: {
      type: "string",
      value: "ID",
      description:
        "a recipe, such as dapo or cispo-aggressive (docs/algorithms.md lists them), sized for the model; default: grpo",
    },
    config: {
      type: "string",
      value: "FILE",
      description: "settings as verl YAML, or a script with a verl command",
    },
    set: {
      type: "string",
      value: "key=value",
      multiple: true,
      description: "one setting by its verl key; may be given often",
    },
    reward: {
      type: "string",
      value: "FILE",
      description: "JavaScript with your computeScore; it judges alone unless --set weighs other rewards",
    },
    steps: { type: "string", value: "N", description: "training steps in all" },
    "gpu-memory": {
      type: "string",
      value: "GIB",
      description: "refuse a run that takes more of the GPU, naming settings that make it fit",
    },
    resume: { type: "boolean", description: "go on with the run in --out" },
    "no-judge": {
      type: "boolean",
      description: "begin without comparing an ONNX model with what ONNX Runtime makes of it",
    },
  },
  async run({ values }) {
    const memory = memoryBytes(values["gpu-memory"]);
    const folder = await RunFolder.open(values.out);
    const started = await folder.startedWith();
    const newest = (await folder.keeping.checkpoints.whole(RUN_ID)).at(-1)?.step;
    checkFolder(values, started, newest);
    const modelPath = values.model ?? started?.model;
    const place = values.adapter ?? started?.adapter;
    const data = values.data ?? started?.data ?? [];
    const kept = started && (await keptConfig(folder.keeping, RUN_ID));
    const problems = await problemsOf(data);
    // Without an adapter a setting that does not fit is told before a model is fetched.
    const early =
      values.adapter === undefined ? undefined : await adapted(await placedModel(modelPath), values.adapter);
    const read = await readSettings(values, {
      isDemo: modelPath === undefined,
      base: kept,
      problems: trainingCount(problems),
      adapter: fixedSettings(early?.model ?? {}),
    });
    const { config } = read;
    if (early?.model.adapter) checkAdapter(config, early.model.adapter.lora);
    if (kept) checkResumable(kept, config);
    const { model, place: modelPlace } = early ?? (await placedModel(modelPath));
    const cluster = started
      ? (read.kept ?? (await keptForCluster(folder.keeping, RUN_ID)))
      : keptFor(model, read.kept ?? {}, place && path.resolve(place));
    tellInputs(model, problems);
    const inputs = {
      model,
      problems: splitOf(problems, config["gradus.held_out_ratio"]),
      dataName: problems.name,
      config,
      kept: cluster,
    };
    const terminal = new Terminal(config["trainer.total_training_steps"]);
    const under: { run?: ActiveRun } = {};
    const listen = listenerOf(folder, terminal, under);
    const recorder = await openRecorder({ gpu: await installWebGpu() });
    recorder.gpu.memoryBytes = memory;
    console.log(
      `${model.name}, ${problems.name}: ${inputs.problems.train.length} ${kindWords(problems.train)}, ${inputs.problems.heldOut.length} held out`,
    );
    console.log(`on ${recorder.gpu.adapterName}`);
    // The demo was compared when it was made, and what goes on was when it began.
    if (modelPath !== undefined && !started) {
      const said = await checkByOnnxRuntime(recorder, model, { isSkipped: values["no-judge"] === true });
      if (said) console.log(said);
    }
    const active = started
      ? await continueRun(recorder, folder.keeping, RUN_ID, undefined, inputs, listen)
      : await beginRun(recorder, folder.keeping, RUN_ID, inputs, listen);
    // Only now: a run that was refused leaves the folder as it was.
    const start = {
      ...(modelPlace !== undefined && { model: modelPlace }),
      ...(place !== undefined && { adapter: place }),
      data,
    };
    await folder.writeStart(start, config, cluster);
    under.run = active;
    tellEnd(newest, config["trainer.total_training_steps"]);
    await folder.writeHistory(active.trainer.progress.history);
    return follow(active, folder, { model, config, cluster, out: values.out }, terminal);
  },
});

/** Throws UserError where what is asked for does not suit what the folder holds. */
function checkFolder(
  { out, resume, adapter }: { out: string; resume: boolean | undefined; adapter: string | undefined },
  started: StartedWith | undefined,
  newest: number | undefined,
): void {
  if (!started) {
    if (!resume) return;
    throw new UserError(`${out} holds no run to go on with. Leave --resume away to begin one there.`);
  }
  if (!resume)
    throw new UserError(
      `${out} holds a run already. Add --resume to go on with it, or name another folder with --out.`,
    );
  if (newest === undefined)
    throw new UserError(
      `The run in ${out} ended before its first checkpoint: there is nothing to go on from. Begin it again in another folder, or remove this one first.`,
    );
  if (adapter !== undefined)
    throw new UserError(
      `The run in ${out} goes on from its own checkpoint, and --adapter begins one: leave it away, or name another folder with --out.`,
    );
}

/** Says so where a run goes on that has no step left. */
function tellEnd(newest: number | undefined, total: number): void {
  if (newest === undefined || newest < total) return;
  console.log(
    `The run is at its last step, ${newest} of ${total}: nothing is left to train. For more steps add --steps ${2 * newest}.`,
  );
}

/** What is to be known of what was opened, before anything is trained. */
function tellInputs({ adapter }: OpenedModel, { refused }: OpenedProblems): void {
  if (adapter) {
    const { rank, alpha, targets } = adapter.lora;
    const step = adapter.step === undefined ? "" : `, step ${adapter.step}`;
    console.log(`going on from an adapter: rank ${rank}, alpha ${alpha}, ${targets.join(" ")}${step}`);
    for (const notice of adapter.notices) console.log(notice);
  }
  for (const { where, why } of refused.slice(0, 5)) console.log(`left out ${where}: ${why}`);
  if (refused.length > 5) console.log(`and ${refused.length - 5} rows more.`);
}

/** Writes down what a run tells, and ends one that waits for other settings: there is nobody here to give them. */
const listenerOf =
  (folder: RunFolder, terminal: Terminal, under: { run?: ActiveRun }) =>
  (event: RunEvent): void => {
    if (event.type === "metrics") folder.addMetrics(event.row);
    if (event.type === "state" && event.state === "paused" && event.message) {
      terminal.line(event.message);
      under.run?.trainer.stop();
    }
    terminal.hear(event);
  };

function memoryBytes(gib: string | undefined): number | undefined {
  if (gib === undefined) return undefined;
  if (Number(gib) > 0) return Number(gib) * 2 ** 30;
  throw new UserError(`--gpu-memory is "${gib}": a number of GiB above 0 is needed, such as 4.`);
}

interface Following {
  readonly model: OpenedModel;
  readonly config: RunConfig;
  /** Settings that only a cluster understands. */
  readonly cluster: Readonly<Record<string, unknown>>;
  readonly out: string;
}

/** Waits for the end; Ctrl-C keeps a checkpoint first, a second one gives up. */
async function follow(
  { trainer, ended }: ActiveRun,
  folder: RunFolder,
  { model, config, cluster, out }: Following,
  terminal: Terminal,
): Promise<number> {
  let isAsked = false;
  const onInterrupt = (): void => {
    if (isAsked) process.exit(130);
    isAsked = true;
    terminal.line("Stopping: a checkpoint is being kept. Ctrl-C again leaves at once, without one.");
    trainer.stop();
  };
  process.on("SIGINT", onInterrupt);
  process.on("SIGTERM", onInterrupt);
  try {
    const outcome = await ended;
    if (trainer.progress.step === 0) {
      terminal.line("Stopped before the first step: nothing to keep.");
      return 130;
    }
    const files = await folder.writeResults(model, config, trainer.progress, cluster);
    for (const file of files) terminal.line(`wrote ${file}`);
    terminal.line(
      `Other forms, checked in ONNX Runtime: npm run gradus -- export ${out} --as onnx --out DIR`,
    );
    if (outcome === "finished") return 0;
    terminal.line(
      `Stopped at step ${trainer.progress.step}. Go on with: npm run gradus -- train --out ${out} --resume`,
    );
    return 130;
  } finally {
    process.off("SIGINT", onInterrupt);
    process.off("SIGTERM", onInterrupt);
  }
}
