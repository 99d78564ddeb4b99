// Settings that would make a run fit, as words: the labels of the form with their values. Pure.

import type { ConfigKey } from "../rl/config.ts";
import { fieldOf } from "../rl/config.ts";
import type { Unfit } from "../worker/api.ts";
import { formatBytes, formatSetting } from "./format.ts";

type Remedy = NonNullable<Unfit["remedy"]>;

/** "Frozen weights q4, Token budget 1,024". */
const remedySettings = ({ values }: Remedy): string =>
  Object.entries(values)
    .map(([key, value]) => `${fieldOf(key as ConfigKey).label} ${valueWords(value)}`)
    .join(", ");

/** "With Frozen weights q4 it takes 1.3 GiB." */
export const remedyWords = (remedy: Remedy): string =>
  `With ${remedySettings(remedy)} it takes ${formatBytes(remedy.totalBytes)}.`;

const valueWords = (value: Remedy["values"][string]): string =>
  value === true ? "on" : typeof value === "number" ? formatSetting(value) : String(value);
