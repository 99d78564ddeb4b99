// Settings that only offline preference has: its pairs are given, so nothing is sampled, ranked or repeated in rounds.

import type { Field } from "./field.ts";

export const DPO_FIELDS = {
  "gradus.dpo_reference": {
    kind: "boolean",
    label: "Compare with a reference",
    help: "Judge log-probabilities by the model the run began with. Off, nothing holds the policy near it. Costs one more forward pass; with full fine-tuning also a copy of the weights.",
    mode: "dpo",
    topic: "Preference",
    watch: "preference/kl",
    default: true,
    source: "DPO and TRL; off is what TRL called reference_free",
    isFixedInRun: true,
  },
} as const satisfies Record<string, Field>;
