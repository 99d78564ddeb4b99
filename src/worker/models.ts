// Loading a model: the demo, or dropped files. One from a hub is hub.ts's.

import { withAdapter, withoutAdapter } from "../app/adapter-files.ts";
import type { OpenedModel } from "../model/open-model.ts";
import { openModel } from "../model/open-model.ts";
import type { ModelApi, ModelSummary } from "./api/models.ts";
import { model, needLoaded, sourceOf } from "./current.ts";
import { DEMO_NAME, fetchDemoModel } from "./demo.ts";
import { modelSummary } from "./summaries.ts";

export async function take(isDemo: boolean, open: () => Promise<OpenedModel>): Promise<ModelSummary> {
  const current = await model.take(async () => ({ opened: await open(), isDemo }));
  return modelSummary(current.opened, current.isDemo);
}

/** Changes the model that is loaded, unless another one has come meanwhile. */
async function change(
  work: (opened: OpenedModel) => OpenedModel | Promise<OpenedModel>,
): Promise<ModelSummary> {
  const loaded = needLoaded();
  const { opened, isDemo } = model.replace(loaded, { ...loaded, opened: await work(loaded.opened) });
  return modelSummary(opened, isDemo);
}

export const modelApi: ModelApi = {
  useDemoModel: (onProgress) =>
    take(true, async () => {
      const files = await fetchDemoModel((done, total) =>
        onProgress({ what: "the demo model", done, total }),
      );
      return openModel(files, DEMO_NAME);
    }),
  useModelFiles: (files, onProgress) =>
    take(false, () => {
      onProgress({ what: files[0]?.name ?? "model", done: 0, total: 1 });
      return openModel(files.map(sourceOf));
    }),
  useAdapterFiles: (files) => change((opened) => withAdapter(opened, files.map(sourceOf))),
  removeAdapter: () => change(withoutAdapter),
};
