// `train`: the same run as in the page, in a terminal: metrics, checkpoints and weights in a folder. Ctrl-C keeps what was
// learnt.

import { openRecorder } from "../../gpu/index.ts";
import { beginRun, continueRun, keptConfig, keptForCluster } from "../../app/kept-run.ts";
import type { ActiveRun } from "../../app/kept-run.ts";
import { kindWords, splitOf, trainingCount } from "../../app/problems.ts";
import { UserError } from "../../common/errors.ts";
import type { OpenedModel } from "../../model/open-model.ts";
import { checkResumable } from "../../rl/config.ts";
import type { RunConfig } from "../../rl/config.ts";
import type { RunEvent } from "../../rl/events.ts";
import { installWebGpu } from "../adapter.ts";
import { defineCommand } from "../command.ts";
import { checkByOnnxRuntime } from "../train/check-model.ts";
import { placedModel, problemsOf, readSettings } from "../train/inputs.ts";
import { RUN_ID, RunFolder } from "../train/output.ts";
import { Terminal } from "../train/terminal.ts";

const DEFAULT_OUT = "gradus-run";

export const train = defineCommand({
  name: "train",
  summary: "train a model; without arguments, the demo",
  usage: "[--model DIR] [--data FILE] [--out DIR] [--set key=value] [--steps N] [--resume]",
  options: {
    model: {
      type: "string",
      value: "DIR",
      description:
        "a folder with config.json, tokenizer.json and weights, or owner/name[@revision][:form] at the hub; default: the demo",
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
    if (started && !values.resume)
      throw new UserError(
        `${values.out} holds a run already. Add --resume to go on with it, or name another folder with --out.`,
      );
    if (!started && values.resume)
      throw new UserError(
        `${values.out} holds no run to go on with. Leave --resume away to begin one there.`,
      );
    const newest = (await folder.keeping.checkpoints.whole(RUN_ID)).at(-1)?.step;
    if (started && newest === undefined)
      throw new UserError(
        `The run in ${values.out} ended before its first checkpoint: there is nothing to go on from. Begin it again in another folder, or remove this one first.`,
      );
    const modelPath = values.model ?? started?.model;
    const data = values.data ?? started?.data ?? [];
    const kept = started && (await keptConfig(folder.keeping, RUN_ID));
    const problems = await problemsOf(data);
    const read = await readSettings(values, modelPath === undefined, kept, trainingCount(problems));
    const { config } = read;
    const cluster = read.kept ?? (started ? await keptForCluster(folder.keeping, RUN_ID) : {});
    if (kept) checkResumable(kept, config);
    const { model, place } = await placedModel(modelPath);
    for (const { where, why } of problems.refused.slice(0, 5)) console.log(`left out ${where}: ${why}`);
    if (problems.refused.length > 5) console.log(`and ${problems.refused.length - 5} rows more.`);
    const inputs = {
      model,
      problems: splitOf(problems, config["gradus.held_out_ratio"]),
      dataName: problems.name,
      config,
      kept: cluster,
    };
    const terminal = new Terminal(config["trainer.total_training_steps"]);
    const under: { run?: ActiveRun } = {};
    const listen = (event: RunEvent): void => {
      if (event.type === "metrics") folder.addMetrics(event.row);
      // A run that waits for other settings has nobody here to give them: it is kept and ended.
      if (event.type === "state" && event.state === "paused" && event.message) {
        terminal.line(event.message);
        under.run?.trainer.stop();
      }
      terminal.hear(event);
    };
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
    await folder.writeStart({ ...(place !== undefined && { model: place }), data }, config, cluster);
    under.run = active;
    const total = config["trainer.total_training_steps"];
    if (newest !== undefined && newest >= total)
      console.log(
        `The run is at its last step, ${newest} of ${total}: nothing is left to train. For more steps add --steps ${2 * newest}.`,
      );
    await folder.writeHistory(active.trainer.progress.history);
    return follow(active, folder, { model, config, cluster, out: values.out }, terminal);
  },
});

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
