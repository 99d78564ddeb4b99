// Every setting of a run under its verl key, once. A default that changes learning stands in these files and nowhere else.

import { CRITIC_FIELDS } from "./critic-fields.ts";
import { CORRECTION_FIELDS } from "./correction-fields.ts";
import { DEVICE_FIELDS } from "./device-fields.ts";
import { DRIVER_FIELDS } from "./driver-fields.ts";
import { DPO_FIELDS } from "./dpo-fields.ts";
import { ENGINE_FIELDS } from "./engine-fields.ts";
import { OBJECTIVE_FIELDS } from "./objective-fields.ts";
import { PREFERENCE_FIELDS } from "./preference-fields.ts";
import { RUN_FIELDS } from "./run-fields.ts";
import { REWARD_WEIGHT_FIELDS } from "./reward-weight-fields.ts";
import { REWARD_FIELDS } from "./reward-fields.ts";

export const FIELDS = {
  ...RUN_FIELDS,
  ...OBJECTIVE_FIELDS,
  ...CRITIC_FIELDS,
  ...DRIVER_FIELDS,
  ...CORRECTION_FIELDS,
  ...PREFERENCE_FIELDS,
  ...DPO_FIELDS,
  ...REWARD_WEIGHT_FIELDS,
  ...REWARD_FIELDS,
  ...ENGINE_FIELDS,
  ...DEVICE_FIELDS,
};
