// What a person probably meant by a setting that nobody knows.

import { editDistance } from "../../common/nearest.ts";
import type { Refusal } from "./imported.ts";
import { fullNames } from "./short-names.ts";

/** A word longer than this is no slip of a name. */
const MAX_LETTERS = 60;

/** What stands last in a name. */
const lastOf = (key: string): string => key.slice(key.lastIndexOf(".") + 1);

/** The refusal of a setting that nobody knows, with what it may have been meant to be. */
export function unknownSetting(
  key: string,
  value: unknown,
  settings: readonly string[],
  names: readonly string[],
): Refusal {
  const close = suggestion(key, settings, names);
  const what = close ? `Did you mean ${close}?` : "Take it out, or look for its name in All settings.";
  return { key, value, kind: "unknown", why: `There is no setting "${key}". ${what}` };
}

/**
 * What `key` was meant to be: what it may be short for, or a name whose last word is the same or nearly so, in the section
 * most like it. `names` are `settings` and everything else that is known.
 */
function suggestion(key: string, settings: readonly string[], names: readonly string[]): string | undefined {
  const short = fullNames(key, settings);
  if (short.length > 0 && short.length <= 3) return short.join(" or ");
  const last = lastOf(key).toLowerCase();
  if (last.length > MAX_LETTERS) return undefined;
  const allowed = Math.max(1, Math.min(3, Math.floor(last.length / 4)));
  let best: { readonly name: string; readonly slips: number; readonly sections: number } | undefined;
  for (const name of names) {
    const other = lastOf(name);
    if (Math.abs(other.length - last.length) > allowed) continue;
    const slips = editDistance(last, other);
    const sections = sharedSections(name, key);
    // One letter is like every other.
    if (slips > allowed || (slips >= last.length && sections === 0)) continue;
    if (!best || slips < best.slips || (slips === best.slips && sections > best.sections))
      best = { name, slips, sections };
  }
  return best?.name;
}

/** How many words two names have in common. */
function sharedSections(a: string, b: string): number {
  const words = new Set(b.split("."));
  return a.split(".").filter((word) => words.has(word)).length;
}
