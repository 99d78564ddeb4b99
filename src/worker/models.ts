// Loading a model: the demo, or dropped files. One from a hub is hub.ts's.

import type { OpenedModel } from "../model/open-model.ts";
import { openModel } from "../model/open-model.ts";
import type { ModelApi, ModelSummary } from "./api/models.ts";
import { model, sourceOf } from "./current.ts";
import { DEMO_NAME, fetchDemoModel } from "./demo.ts";
import { modelSummary } from "./summaries.ts";

export async function take(isDemo: boolean, open: () => Promise<OpenedModel>): Promise<ModelSummary> {
  const current = await model.take(async () => ({ opened: await open(), isDemo }));
  return modelSummary(current.opened, current.isDemo);
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
};
