// `eval`: greedy answers to held-out problems, strict and flexible accuracy with a 95 % interval; of a model, or of what a
// run has made of it.

import { openRecorder } from "../../gpu/index.ts";
import { keptConfig, restoreKept } from "../../app/kept-run.ts";
import { splitOf } from "../../app/problems.ts";
import { UserError } from "../../common/errors.ts";
import { measureDevice } from "../../model/device-choices.ts";
import { StepControl } from "../../rl/control.ts";
import { evaluateHeldOut } from "../../rl/held-out.ts";
import { createRun } from "../../rl/run.ts";
import { policyOptions } from "../../rl/options/index.ts";
import { installWebGpu } from "../adapter.ts";
import { defineCommand } from "../command.ts";
import { modelOf, problemsOf, settingsOf } from "../train/inputs.ts";
import { RUN_ID, RunFolder } from "../train/output.ts";
import { Terminal } from "../train/terminal.ts";

export const evalCommand = defineCommand({
  name: "eval",
  summary: "accuracy of a model, or of a run's checkpoint, on held-out problems",
  usage: "[--model DIR] [--data FILE] [--run DIR] [--step N] [--show N]",
  options: {
    model: {
      type: "string",
      value: "DIR",
      description:
        "a folder with config.json, tokenizer.json and weights, or owner/name at the hub; default: the demo",
    },
    data: { type: "string", value: "FILE", multiple: true, description: "problems, as for train" },
    run: { type: "string", value: "DIR", description: "a folder of train: evaluate what it has trained" },
    step: { type: "string", value: "N", description: "its checkpoint of this step; default: the newest" },
    preset: { type: "string", value: "ID", description: "a recipe, as for train" },
    config: {
      type: "string",
      value: "FILE",
      description: "settings as verl YAML, or a script with a verl command",
    },
    set: { type: "string", value: "key=value", multiple: true, description: "one setting by its verl key" },
    show: { type: "string", value: "N", default: "3", description: "answers to print" },
  },
  async run({ values }) {
    const wanted = values.step === undefined ? undefined : wholeNumber("step", values.step);
    const shown = wholeNumber("show", values.show);
    if (wanted !== undefined && values.run === undefined)
      throw new UserError(`--step ${wanted} is a step of a run: name its folder with --run.`);
    const folder = values.run === undefined ? undefined : await RunFolder.open(values.run);
    const started = await folder?.startedWith();
    if (folder && !started)
      throw new UserError(`${values.run} holds no run. Name a folder that train has written.`);
    const modelPath = values.model ?? started?.model;
    const kept = folder && (await keptConfig(folder.keeping, RUN_ID));
    const config = await settingsOf(values, modelPath === undefined, kept);
    const model = await modelOf(modelPath);
    const problems = splitOf(
      await problemsOf(values.data ?? started?.data ?? []),
      config["gradus.held_out_ratio"],
    );
    if (problems.heldOut.length === 0)
      throw new UserError(
        "No problem is held out, so there is nothing to evaluate on. Set gradus.held_out_ratio above 0.",
      );
    const recorder = await openRecorder({ gpu: await installWebGpu() });
    await measureDevice(recorder, policyOptions(config));
    const run = await createRun(recorder, model, problems, config);
    const step = folder ? await restoreKept(run, folder.keeping, RUN_ID, wanted) : 0;
    const terminal = new Terminal(config["trainer.total_training_steps"]);
    const { row, evaluation } = await evaluateHeldOut(
      run,
      new StepControl(step, (event) => terminal.hear(event)),
    );
    terminal.hear({ type: "metrics", row });
    for (const { question, groundTruth, response, isStrict } of evaluation?.samples.slice(0, shown) ?? [])
      console.log(`\n${question}\n${response}\n${isStrict ? "right" : `wrong: ${groundTruth}`}`);
    run.destroy();
  },
});

function wholeNumber(option: string, text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new UserError(`--${option} is "${text}": a whole number is needed.`);
}
