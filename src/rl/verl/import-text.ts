// A pasted text as settings: YAML, a command that starts verl, a script around it, a launcher's options, or bare assignments.

import { assignmentsAsYaml } from "../../formats/assignments.ts";
import { hydraValue } from "../../formats/hydra-value.ts";
import type { VerlCommand } from "../../formats/verl-command.ts";
import { fromVerlCommand } from "../../formats/verl-command.ts";
import { fromVerlYaml } from "../../formats/verl-config.ts";
import type { RunConfig } from "../config.ts";
import { importVerl, isKnownAnyhow, ownName } from "../verl-import.ts";
import type { ImportOptions, Values, VerlImport } from "./imported.ts";
import { isPreference } from "./short-names.ts";

const MODE = "gradus.mode";

/**
 * Reads YAML, or a shell command or script, and imports it as `importVerl` does. Throws UserError when the text is neither;
 * `file` is how its message calls the text.
 */
export function importVerlText(
  text: string,
  base: RunConfig,
  { file, ...options }: ImportOptions & { readonly file?: string } = {},
): VerlImport {
  const { values, notes } = isCommand(text) ? commandValues(text) : yamlValues(text, file);
  const read = importVerl(values, base, options);
  return { ...read, notes: [...notes, ...read.notes] };
}

interface Read {
  readonly values: Values;
  readonly notes: readonly string[];
}

function yamlValues(text: string, file: string | undefined): Read {
  const repeats: string[] = [];
  const values = fromVerlYaml(assignmentsAsYaml(text) ?? text, file, (name) => repeats.push(name));
  const notes = [...new Set(repeats)].map((name) => {
    const count = repeats.filter((other) => other === name).length + 1;
    return `${name} stands there ${count} times: the first is taken.`;
  });
  return { values, notes };
}

function commandValues(text: string): Read {
  const command = fromVerlCommand(text);
  const settings = { ...command.values, ...Object.fromEntries(command.options.map(optionSetting)) };
  const { launchers } = command;
  const isPairs = isPreference(Object.keys(settings), launchers) && !("gradus.mode" in settings);
  const removed = command.removed.map((key) => [`~${key}`, null] as const);
  const values = { ...settings, ...Object.fromEntries(removed), ...(isPairs && { [MODE]: "preference" }) };
  return { values, notes: commandNotes(command, isPairs) };
}

function commandNotes({ launchers }: VerlCommand, isPairs: boolean): string[] {
  return [
    ...(launchers.length > 1
      ? [
          `${launchers[0]} is started ${launchers.length} times: the settings are read together, the last of each.`,
        ]
      : []),
    ...(isPairs ? [`These are settings of group self-play preference: ${MODE} is preference.`] : []),
  ];
}

/** An option of a launcher is a setting when its name is one; others stay options. */
function optionSetting(option: string): readonly [string, unknown] {
  const [, name, value] = /^--?([\w.-]+)=([^]*)$/.exec(option) ?? [];
  const [flag, ...rest] = option.split("=");
  const key = name?.replaceAll("-", "_") ?? "";
  const isSetting = value !== undefined && isKnownAnyhow(ownName(key));
  return isSetting ? [key, hydraValue(value, key)] : [flag!, rest.length > 0 ? rest.join("=") : undefined];
}

/** Whether the text starts verl or a script, or has `key=value` before anything like `key: value`. */
function isCommand(text: string): boolean {
  const code = text.replaceAll(/^\s*#.*$/gm, "");
  if (/(^|[\s./\\])main_\w+(\.py)?(\s|$)/m.test(code)) return true;
  if (/^[ \t]*(?:\w+=\S+[ \t]+)*(?:(?:ba|z)?sh[ \t]+|source[ \t]+)?[\w./-]*\.sh(\s|$)/m.test(code))
    return true;
  if (assignmentsAsYaml(text) !== undefined) return false;
  const first = /^\s*(?!#)(?:export\s+)?[+~\w.@/-]+\s*(:(?=\s|$)|\+?=)/m.exec(text);
  return first !== null && first[1] !== ":";
}
