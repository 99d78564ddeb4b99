// The command line: picks a command, runs it, turns what went wrong into a sentence and an exit code. What a command
// does is in commands/; how this file gets to run, with an adapter and without a build, is in gradus.mjs.

import { isForPerson } from "../common/error-words.ts";
import { UserError } from "../common/errors.ts";
import { nearest } from "../common/nearest.ts";
import { readArguments, type Command } from "./command.ts";
import { COMMANDS } from "./commands/index.ts";

/** Runs the command that `args` name and returns the exit code. `fixStack` maps the stack of a bug to the sources. */
export async function main(args: readonly string[], fixStack: (error: Error) => void): Promise<number> {
  try {
    return await dispatch(args);
  } catch (thrown) {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    if (isForPerson(error)) {
      console.error(error.message);
    } else {
      fixStack(error);
      console.error(`This is a fault in Gradus, not in what you typed.\n${error.stack}`);
    }
    return 1;
  }
}

async function dispatch(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === "--help" || name === "-h") {
    console.log(overview());
    return 0;
  }
  const command = findCommand(name);
  const asksHelp = command.takesRawArguments
    ? rest[0] === "--help"
    : rest.includes("--help") || rest.includes("-h");
  if (asksHelp) {
    console.log(commandHelp(command));
    return 0;
  }
  return (await command.run(readArguments(command, rest))) ?? 0;
}

function findCommand(name: string): Command {
  const command = COMMANDS.find((candidate) => candidate.name === name);
  if (command) return command;
  const names = COMMANDS.map((candidate) => candidate.name);
  const close = nearest(name, names);
  const hint = close ? `Did you mean "${close}"?` : `There are: ${names.join(", ")}.`;
  throw new UserError(`There is no command "${name}". ${hint} npm run gradus -- --help explains each.`);
}

function overview(): string {
  const lines = table(COMMANDS.map((command) => [command.name, command.summary]));
  return [
    "Gradus post-trains small language models by reinforcement learning, on the GPU of this machine.",
    "",
    "Usage: npm run gradus -- <command> [options]",
    "",
    ...lines,
    "",
    "npm run gradus -- <command> --help tells more about one.",
  ].join("\n");
}

function commandHelp(command: Command): string {
  const options = Object.entries(command.options).map(([name, option]): [string, string] => {
    const value = option.type === "string" ? ` <${option.value ?? "text"}>` : "";
    const preset = option.default === undefined ? "" : ` (default: ${String(option.default)})`;
    return [`${option.short ? `-${option.short}, ` : ""}--${name}${value}`, option.description + preset];
  });
  const usage = `Usage: npm run gradus -- ${command.name} ${command.usage}`.trimEnd();
  return [command.summary, "", usage, ...(options.length > 0 ? ["", ...table(options)] : [])].join("\n");
}

function table(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
