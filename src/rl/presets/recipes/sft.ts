// Supervised fine-tuning: what reinforcement learning is compared with.

import type { Recipe } from "../recipe.ts";

export const SFT: Recipe = {
  id: "sft",
  label: "Supervised",
  fullName: "Supervised fine-tuning",
  family: "supervised",
  description: "Imitate the worked answers instead of finding them by reward.",
  source: "docs/demo.md",
  values: { "gradus.mode": "sft" },
};
