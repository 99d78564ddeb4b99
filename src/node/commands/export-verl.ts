// `export-verl`: what a run of the command line needs to go on with verl on a cluster, as a folder. What is in it is
// app/verl-bundle.ts's matter.

import path from "node:path";

import { keptConfig, keptForCluster } from "../../app/kept-run.ts";
import { splitOf } from "../../app/problems.ts";
import { keptTrainedModel } from "../../app/trained-model.ts";
import { verlBundle } from "../../app/verl-bundle.ts";
import { weightExport } from "../../app/weight-exports.ts";
import { UserError } from "../../common/errors.ts";
import { bytesOfAll } from "../../formats/encoded-file.ts";
import { trainsAdapter } from "../../rl/options/index.ts";
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
    const config = await keptConfig(folder.keeping, RUN_ID);
    const problems = splitOf(await problemsOf(started.data), config["gradus.held_out_ratio"]);
    const model = await modelOf(started.model);
    const trained = await keptTrainedModel(folder.keeping, RUN_ID, newest, model);
    const files = verlBundle({
      step: newest,
      modelName: model.name,
      adapter: trainsAdapter(config) ? await bytesOfAll(await weightExport(trained, "adapter")) : [],
      config,
      kept: await keptForCluster(folder.keeping, RUN_ID),
      problems,
    });
    const place = out ?? path.join(run, "verl");
    for (const { name, bytes } of files) {
      const file = path.join(place, name);
      await replaceFile(file, bytes);
      console.log(`wrote ${file}`);
    }
  },
});
