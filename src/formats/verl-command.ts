// A pasted command that starts verl, or the script around it, as flat settings. Knows no key; see verl-config.ts for YAML.

import { UserError } from "../common/errors.ts";
import { hydraValue } from "./hydra-value.ts";
import type { Command } from "./shell-words.ts";
import { shellCommands } from "./shell-words.ts";
import { flatten } from "./verl-config.ts";

/** What a command asks for. */
export interface VerlCommand {
  /** By dotted key; `+key` and `++key` count as `key`. Of a key set twice, the last. */
  readonly values: Readonly<Record<string, unknown>>;
  /** Keys that `~key` takes out. */
  readonly removed: readonly string[];
  /** Options such as `--config-name=ppo_megatron_trainer`, or `--rollout_n=8` of a launcher, with their values. */
  readonly options: readonly string[];
  /** Launchers such as `./train.sh` that are started, as often as they are; their options are read together. */
  readonly launchers: readonly string[];
}

/** `verl.trainer.main_ppo`, `recipe/dapo/main_dapo.py`: the word after which the settings stand. */
const MAIN = /(^|[./\\])main_\w+(\.py)?$/;
const SETTING = /^(\+\+?|~)?([\w@:/-]+(?:\.[\w@:/-]+)*)(?:=([^]*))?$/;
/** `./train.sh`: a script that somebody wrote around verl; its options are settings of its own making. */
const LAUNCHER = /(^|[./\\])[\w-]+\.sh$/;
/** A setting that cannot be a variable of the shell. */
const DOTTED = /^(\+\+?|~)?\w+\.[\w.]+=/;
/** Options of Hydra that take the next word. */
const TAKES_WORD = /^(--config-(name|path|dir)|-c[npd]|--package|-p)$/;

const MAX_CHARACTERS = 2 ** 20;

/** Reads a command. Throws UserError when `text` has no settings, two commands, or a value with a fault. */
export function fromVerlCommand(text: string): VerlCommand {
  if (text.length > MAX_CHARACTERS)
    throw new UserError(`The text has ${text.length} characters: it is no command that starts a run.`);
  const { words, launchers } = settingWords(shellCommands(text));
  const values = new Map<string, unknown>();
  const removed: string[] = [];
  const options: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    if (word.startsWith("-")) {
      const next = optionValue(word, words[at + 1]);
      options.push(next === undefined ? word : `${word}=${next}`);
      if (next !== undefined) at++;
      continue;
    }
    const [, sign, key, value] = SETTING.exec(word) ?? [];
    if (key && sign === "~") removed.push(key);
    else if (key && value !== undefined) setValue(values, key, value);
    // What is left of "$@", the arguments of the script itself; a launcher may have others.
    else if (word !== "" && launchers.length === 0)
      throw new UserError(`"${word}" is no setting: a.b.c=value is needed. Correct the command.`);
  }
  if (values.size + removed.length + options.length > 0)
    return { values: Object.fromEntries(values), removed, options, launchers };
  throw new UserError(
    "The text holds no settings: paste a command such as python3 -m verl.trainer.main_ppo algorithm.adv_estimator=grpo.",
  );
}

/** The word that belongs to the option before it. */
function optionValue(option: string, next: string | undefined): string | undefined {
  if (next === undefined || option.includes("=")) return undefined;
  if (TAKES_WORD.test(option)) return next;
  const isOther = next.startsWith("--") || next.includes("=");
  return option.startsWith("--") && !isOther ? next : undefined;
}

interface Words {
  readonly words: readonly string[];
  readonly launchers: readonly string[];
}

/** The words after the program of the one command that starts verl; without such, every setting of the text. */
function settingWords(commands: readonly Command[]): Words {
  const starts = commands.flatMap((command, index) =>
    command.some((word) => MAIN.test(word)) ? [index] : [],
  );
  if (starts.length > 1)
    throw new UserError(`The text holds ${starts.length} commands that start verl. Paste one of them.`);
  const [start] = starts;
  if (start === undefined) return looseWords(commands);
  const command = commands[start]!;
  // A comment or a forgotten "\" ends a command early; lines of nothing but settings are meant to belong to it.
  const rest = commands.slice(start + 1);
  const end = rest.findIndex((words) => !words.every((word) => DOTTED.test(word)));
  const main = command.findIndex((word) => MAIN.test(word));
  const words = [...command.slice(main + 1), ...rest.slice(0, end < 0 ? undefined : end).flat()];
  return { words, launchers: [] };
}

/** Every setting of a text that does not start verl itself, with the options of launchers in it. */
function looseWords(commands: readonly Command[]): Words {
  const launchers: string[] = [];
  const isSetting = (word: string): boolean => SETTING.test(word) && word.includes("=");
  const words = commands.flatMap((command) => {
    const at = command.findIndex((word) => LAUNCHER.test(word));
    if (at < 0) return command.filter(isSetting);
    launchers.push(command[at]!);
    return [...command.slice(0, at).filter(isSetting), ...command.slice(at + 1)];
  });
  return { words, launchers };
}

function setValue(values: Map<string, unknown>, key: string, text: string): void {
  flatten(new Map([[key, hydraValue(text, key)]]), "", (name, value) => {
    // Delete first, so that settings stand in the order of their last word.
    values.delete(name);
    values.set(name, value);
  });
}
