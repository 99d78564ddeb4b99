// Group preference on the demo model.

import { GRPO_DEMO } from "./grpo-demo.ts";
import type { Preset } from "./preset.ts";

/** Pairs of better and worse responses in place of advantages. Learns at the learning rate of the GRPO recipe; measured with one seed. */
export const PREFERENCE_DEMO: Preset = {
  id: "preference-demo",
  label: "Group preference, demo",
  description:
    "The responses of a group are ranked by reward, and the better of every pair is raised over the worse.",
  source:
    "group self-play preference (beta and margin); learning rate of the GRPO recipe, measured on the demo",
  suits: "demo",
  values: {
    ...GRPO_DEMO.values,
    "gradus.mode": "preference",
    "gradus.preference_beta": 0.1,
    "gradus.preference_margin": 0.1,
  },
};
