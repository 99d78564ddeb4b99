// `export`: the trained weights of a run of `train`, in the form that another tool loads, checked before they are kept.

import path from "node:path";

import { makeExport } from "../../app/make-export.ts";
import type { TrainedModel } from "../../app/trained-model.ts";
import { keptTrainedModel } from "../../app/trained-model.ts";
import type { WeightForm } from "../../app/weight-exports.ts";
import { formsOf, WEIGHT_FORMS } from "../../app/weight-exports.ts";
import { UserError } from "../../common/errors.ts";
import { openRecorder } from "../../gpu/index.ts";
import { installWebGpu } from "../adapter.ts";
import { defineCommand } from "../command.ts";
import { FolderPlace } from "../export/folder-place.ts";
import { modelOf } from "../train/inputs.ts";
import { RUN_ID, RunFolder } from "../train/output.ts";

export const exportCommand = defineCommand({
  name: "export",
  summary: "write the trained weights of a run for other tools, checked in ONNX Runtime",
  usage: "RUN_DIR --out DIR [--as FORM] [--step N] [--anyway]",
  takesNames: true,
  options: {
    out: {
      type: "string",
      value: "DIR",
      description: "where the files go; those of the same names are replaced",
    },
    as: {
      type: "string",
      value: "FORM",
      description: `${WEIGHT_FORMS.join(" | ")}; default: adapter, or safetensors where all weights were trained`,
    },
    step: { type: "string", value: "N", description: "of which checkpoint; default: the newest" },
    anyway: { type: "boolean", description: "keep the files also where the check fails" },
  },
  async run({ values: { out, as, step, anyway }, positionals }) {
    const [folder, ...more] = positionals;
    if (folder === undefined || more.length > 0)
      throw new UserError(
        `export takes one folder of a run, and ${positionals.length} are named: name the --out of train.`,
      );
    if (out === undefined) throw new UserError("There is no folder to write to: name one with --out DIR.");
    if (step !== undefined && !/^\d{1,9}$/.test(step))
      throw new UserError(`--step is "${step}": a whole number is needed.`);
    const { trained, base } = await trainedIn(folder, step === undefined ? undefined : Number(step));
    if (base !== undefined && path.resolve(base) === path.resolve(out))
      throw new UserError(
        `${out} is the model that the run began with, and the export would take its place: every later export needs it. Name another folder with --out.`,
      );
    const form = formOf(trained, as);
    const recorder = await openRecorder({ gpu: await installWebGpu() });
    const place = new FolderPlace(path.resolve(out));
    const stop = new AbortController();
    const onInterrupt = (): void => stop.abort(new UserError("Stopped: nothing was written."));
    process.once("SIGINT", onInterrupt).once("SIGTERM", onInterrupt);
    try {
      const { isGood, message } = await makeExport(trained, form, place, {
        device: () => Promise.resolve(recorder),
        signal: stop.signal,
      });
      if (!isGood && !anyway)
        throw new UserError(`Nothing was written: ${message} --anyway keeps the files all the same.`);
      for (const file of await place.keep()) console.log(`wrote ${file}`);
      console.log(message);
    } finally {
      process.off("SIGINT", onInterrupt).off("SIGTERM", onInterrupt);
      await place.clear();
    }
  },
});

interface TrainedIn {
  readonly trained: TrainedModel;
  /** Where the model is that the run began with; undefined: the demo. */
  readonly base: string | undefined;
}

async function trainedIn(folder: string, step: number | undefined): Promise<TrainedIn> {
  const run = await RunFolder.open(folder);
  const started = await run.startedWith();
  if (!started)
    throw new UserError(
      `There is no run in ${folder}: it has no run.json. Name the folder that train wrote to.`,
    );
  const trained = await keptTrainedModel(run.keeping, RUN_ID, step, await modelOf(started.model));
  return { trained, base: started.model };
}

function formOf(trained: TrainedModel, as: string | undefined): WeightForm {
  const forms = formsOf(trained);
  const form = as === undefined ? forms[0]! : forms.find((name) => name === as);
  if (form) return form;
  const why = as === "adapter" ? "The run trained all weights, so it has no adapter. " : "";
  throw new UserError(`${why}--as is "${as}": one of ${forms.join(", ")} is needed.`);
}
