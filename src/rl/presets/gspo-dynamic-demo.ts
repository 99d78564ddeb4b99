// GSPO with dynamic sampling on the demo model.

import { GSPO_DEMO } from "./gspo-demo.ts";
import type { Preset } from "./preset.ts";

/** Only groups that teach something. */
export const GSPO_DYNAMIC_DEMO: Preset = {
  id: "gspo-dynamic-demo",
  label: "GSPO with dynamic sampling, demo",
  description:
    "Ratios of whole responses in a narrow window; groups whose responses all earned the same are replaced before the update.",
  source: "GSPO, arXiv:2507.18071, with the dynamic sampling of DAPO, arXiv:2503.14476",
  suits: "demo",
  values: {
    ...GSPO_DEMO.values,
    "algorithm.filter_groups.enable": true,
    "algorithm.filter_groups.metric": "seq_reward",
    "algorithm.filter_groups.max_num_gen_batches": 5,
  },
};
