// The recipes that a person can pick; a new one is a file and a line here.

import { GRPO_DEMO } from "./grpo-demo.ts";
import { GRPO_GSM8K } from "./grpo-gsm8k.ts";
import { GRPO_LORA_DEMO } from "./grpo-lora-demo.ts";
import type { Preset } from "./preset.ts";
import { SFT_DEMO } from "./sft-demo.ts";

export type { Preset } from "./preset.ts";

export const PRESETS: readonly Preset[] = [GRPO_DEMO, GRPO_LORA_DEMO, SFT_DEMO, GRPO_GSM8K];
