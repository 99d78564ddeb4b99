// Settings before a run: what they would hold on the device, verl's form of them, and a reward function on trial.

import { fixedSettings, keptFor } from "../app/adapter-files.ts";
import { configCommand, configYaml } from "../app/exports.ts";
import { trainingCount } from "../app/problems.ts";
import { testReward, testSamples } from "../app/reward-test.ts";
import { importVerlText } from "../rl/verl/import-text.ts";
import type { RecipeApi } from "./api/recipe.ts";
import { device, model, needModel, problems } from "./current.ts";
import { planSummary } from "./summaries.ts";

export const recipeApi: RecipeApi = {
  plan: async (config) => planSummary(needModel(), config, (await device()).gpu),

  importSettings: async (text, config) => {
    const loaded = problems.value?.opened;
    const adapter = fixedSettings(model.value?.opened ?? {});
    return importVerlText(text, config, { problems: loaded && trainingCount(loaded), adapter });
  },
  exportSettings: async (what, config, imported) => {
    const kept = keptFor(model.value?.opened ?? {}, imported);
    const { name, bytes } = what === "config" ? configYaml(config, kept) : configCommand(config, kept);
    return new File([bytes as Uint8Array<ArrayBuffer>], name);
  },

  testReward: (code, limitMs, group) => testReward(code, limitMs, testSamples(problems.value?.opened, group)),
};
