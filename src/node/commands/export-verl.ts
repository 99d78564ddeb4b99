// `export-verl`: what a run of the command line needs to go on with verl on a cluster, as a folder. What is in it is
// app/verl-bundle.ts's matter.

import path from "node:path";

import { keptTrainedModel } from "../../app/trained-model.ts";
import { keptBundle } from "../../app/verl-bundle.ts";
import { UserError } from "../../common/errors.ts";
import { defineCommand } from "../command.ts";
import { replaceFile } from "../files/replace-file.ts";
import { modelOf, problemsOf } from "../train/inputs.ts";
import { RUN_ID, RunFolder } from "../train/output.ts";

export const exportVerl = defineCommand({
  name: "export-verl",
  summary: "what a run needs to go on with verl: settings, problems, rewards, adapter",
  usage: "--run DIR [--out DIR]",
  options: {
    run: { type: "string", value: "DIR", description: "a folder of train" },
    out: {
      type: "string",
      value: "DIR",
      description: "where the bundle goes; default: the folder verl in --run",
    },
  },
  async run({ values: { run, out } }) {
    if (run === undefined) throw new UserError("export-verl needs the folder of a run: name it with --run.");
    const folder = await RunFolder.open(run);
    const started = await folder.startedWith();
    const newest = (await folder.keeping.checkpoints.whole(RUN_ID)).at(-1)?.step;
    if (!started || newest === undefined)
      throw new UserError(
        `${run} holds no run with a checkpoint. Name a folder that train has written and trained in.`,
      );
    const { keeping } = folder;
    const trained = await keptTrainedModel(keeping, RUN_ID, newest, await modelOf(started.model));
    const files = await keptBundle(keeping, RUN_ID, trained, await problemsOf(started.data));
    const place = out ?? path.join(run, "verl");
    for (const { name, bytes } of files) {
      const file = path.join(place, name);
      await replaceFile(file, bytes);
      console.log(`wrote ${file}`);
    }
  },
});
