// The shape of a command and the reading of its arguments. Commands live in commands/, one file each; this file knows
// none of them and prints nothing.

import { parseArgs } from "node:util";

import { UserError } from "../common/errors.ts";
import { nearest } from "../common/nearest.ts";

/** One option of a command: what `parseArgs` of Node takes, and a line of help. */
export interface Option {
  readonly type: "string" | "boolean";
  readonly description: string;
  /** What stands for the value in the help text, e.g. `folder`. */
  readonly value?: string;
  readonly short?: string;
  readonly multiple?: boolean;
  readonly default?: string | boolean | string[];
}

export type Options = Readonly<Record<string, Option>>;

type OneValue<O extends Option> = O["type"] extends "boolean" ? boolean : string;
type Value<O extends Option> = O["multiple"] extends true ? OneValue<O>[] : OneValue<O>;

/** What `run` receives: the options by name (undefined where not given and without default), and the rest in order. */
export interface Arguments<O extends Options> {
  readonly values: {
    readonly [K in keyof O]: O[K] extends { default: {} } ? Value<O[K]> : Value<O[K]> | undefined;
  };
  readonly positionals: readonly string[];
}

export interface Command<O extends Options = Options> {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What follows the name, e.g. `<model folder> [options]`. */
  readonly usage: string;
  readonly options: O;
  /** Set where arguments without an option before them are read; elsewhere they are refused. */
  readonly takesNames?: boolean;
  /** Set where everything after the name belongs to somebody else: arguments arrive unread in `positionals`. */
  readonly takesRawArguments?: boolean;
  /** Prints results on stdout, throws on failure; a number is the exit code. */
  run(args: Arguments<O>): Promise<number | void>;
}

/** Checks a command's type where it is written, and forgets its option types where it is listed. */
export function defineCommand<const O extends Options>(command: Command<O>): Command {
  return command as unknown as Command;
}

/** Reads `args` for `command`; throws UserError naming the nearest known option. */
export function readArguments(command: Command, args: readonly string[]): Arguments<Options> {
  if (command.takesRawArguments) return { values: {}, positionals: args };
  const options = Object.fromEntries(
    Object.entries(command.options).map(([name, { description, value, ...option }]) => [name, option]),
  );
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    if (positionals.length > 0 && !command.takesNames) throw new UserError(unasked(command, positionals[0]!));
    return { values: values as Arguments<Options>["values"], positionals };
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(argumentProblem(command, error as Error), { cause: error });
  }
}

function unasked({ name, options }: Command, argument: string): string {
  const names = Object.entries(options).flatMap(([key, { type }]) => (type === "string" ? [`--${key}`] : []));
  const hint =
    names.length > 0
      ? `A value needs its option in front: ${names.join(", ")}.`
      : `npm run gradus -- ${name} --help tells what it does.`;
  return `${name} takes no argument "${argument}". ${hint}`;
}

function argumentProblem(command: Command, error: Error): string {
  const help = `npm run gradus -- ${command.name} --help lists them.`;
  const unknown = /^Unknown option '--?([^'=]+)/.exec(error.message)?.[1];
  if (!unknown) return `${error.message.split("\n")[0]} (options of ${command.name}: ${help})`;
  const known = nearest(unknown, Object.keys(command.options));
  const hint = known ? ` Did you mean --${known}?` : "";
  return `${command.name} has no option --${unknown}.${hint} ${help}`;
}
