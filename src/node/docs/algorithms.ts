// docs/algorithms.md, whole, from the lists of the code. An entry that is added to one of them appears here by itself.

import { CHARTS, METRICS } from "../../rl/metrics.ts";
import { code, pieces, table } from "./markdown.ts";
import {
  advantagesSection,
  aggregationSection,
  klSection,
  lossesSection,
  rewardsSection,
} from "./objective.ts";
import { recipesSection } from "./recipes.ts";
import { settingsSection } from "./settings.ts";

/** Where it stands, from the root of the repository. */
export const ALGORITHMS_FILE = "docs/algorithms.md";

const metricsSection = (): string =>
  pieces(
    "## Metrics",
    "Under verl's names where verl logs them, TRL's where only TRL does. One row a step in metrics.jsonl and metrics.csv.",
    table(
      ["Metric", "Label", "Unit", "What it says", "Chart"],
      METRICS.map(({ key, label, unit, isShare, description, chart }) => [
        code(key),
        label,
        unit ?? (isShare ? "share, 0 to 1" : ""),
        description,
        CHARTS.find(({ id }) => id === chart)?.label ?? "",
      ]),
    ),
  );

export const algorithmsMarkdown = (): string =>
  `${pieces(
    "# Algorithms",
    "Every recipe, loss, estimator, reward, metric and setting, from the lists in the code: `npm run gradus -- docs` writes this file. Change the entry, not the page.",
    "[Recipes](#recipes) · [Policy losses](#policy-losses) · [Aggregation](#aggregation) · [Advantage estimators](#advantage-estimators) · [KL and entropy](#kl-and-entropy) · [Rewards](#rewards) · [Metrics](#metrics) · [All settings](#all-settings)",
    recipesSection(),
    lossesSection(),
    aggregationSection(),
    advantagesSection(),
    klSection(),
    rewardsSection(),
    metricsSection(),
    settingsSection(),
  )}\n`;
