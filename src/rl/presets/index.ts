// The recipes that a person can pick, in the order of the page; a new one is a file and a line here.

import { CISPO_DEMO } from "./cispo-demo.ts";
import { DAPO_DEMO } from "./dapo-demo.ts";
import { DPO_DEMO } from "./dpo-demo.ts";
import { DPO_LORA } from "./dpo-lora.ts";
import { GMPO_DEMO } from "./gmpo-demo.ts";
import { GRPO_DEMO } from "./grpo-demo.ts";
import { GRPO_GSM8K } from "./grpo-gsm8k.ts";
import { GRPO_LORA_DEMO } from "./grpo-lora-demo.ts";
import { GSPO_DEMO } from "./gspo-demo.ts";
import { GSPO_DYNAMIC_DEMO } from "./gspo-dynamic-demo.ts";
import { PREFERENCE_DEMO } from "./preference-demo.ts";
import type { Preset } from "./preset.ts";
import { SAPO_DEMO } from "./sapo-demo.ts";
import { SFT_DEMO } from "./sft-demo.ts";

export type { Preset } from "./preset.ts";

export const PRESETS: readonly Preset[] = [
  GRPO_DEMO,
  GRPO_LORA_DEMO,
  DAPO_DEMO,
  CISPO_DEMO,
  GSPO_DEMO,
  GSPO_DYNAMIC_DEMO,
  SAPO_DEMO,
  GMPO_DEMO,
  PREFERENCE_DEMO,
  DPO_DEMO,
  SFT_DEMO,
  GRPO_GSM8K,
  DPO_LORA,
];
