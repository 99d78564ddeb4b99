// Which settings of a configuration go together, where not all do.

import { UserError } from "../../common/errors.ts";
import type { ConfigKey, RunConfig } from "../config.ts";
import { configWith } from "../config.ts";
import type { Values } from "./imported.ts";

/**
 * `base` with those of `fitting` that go together, `over` on top. Calls `refuse` with each of the others and the reason,
 * and takes it out of `fitting`. Throws UserError when `over` itself does not fit.
 */
export function together(
  fitting: Map<ConfigKey, unknown>,
  base: RunConfig,
  over: Values,
  refuse: (key: ConfigKey, value: unknown, why: string) => void,
): RunConfig {
  const attempt = (keys: readonly ConfigKey[]): RunConfig | UserError => {
    try {
      return configWith({ ...Object.fromEntries(keys.map((key) => [key, fitting.get(key)])), ...over }, base);
    } catch (error) {
      if (error instanceof UserError) return error;
      throw error;
    }
  };
  const keys = [...fitting.keys()];
  const fits = (chosen: readonly ConfigKey[]): boolean => !(attempt(chosen) instanceof UserError);
  let stay = keys;
  // One setting too many is the usual case, and the later of two is the one that was added.
  while (stay.length > 0 && !fits(stay)) {
    const single = stay.toReversed().find((key) => fits(stay.filter((other) => other !== key)));
    stay = stay.filter((key) => key !== (single ?? stay.at(-1)));
  }
  for (const key of keys.filter((candidate) => !stay.includes(candidate))) {
    const problem = attempt([...stay, key]);
    if (problem instanceof UserError) {
      refuse(key, fitting.get(key), problem.message);
      fitting.delete(key);
    } else stay = [...stay, key];
  }
  const config = attempt(stay);
  if (config instanceof UserError) throw config;
  return config;
}
