// Settings as a command that starts verl: an array of bash, because only there a comment may stand between settings. What a
// value looks like is Hydra's override grammar, and around it the shell's quotes. Knows no key; fromVerlCommand reads it back.
// Source: https://hydra.cc/docs/advanced/override_grammar/basic/

/** One setting of a command. */
export interface CommandSetting {
  /** "+" adds a key that verl does not have; "++" sets one whether verl has it or not. */
  readonly sign: "" | "+" | "++";
  readonly key: string;
  readonly value: unknown;
  /** A line above it. */
  readonly comment?: string;
}

/** Settings under one comment. */
export interface CommandGroup {
  readonly comment: string;
  readonly settings: readonly CommandSetting[];
}

/** A key that Hydra can read: words of letters, digits, _ and -, with dots. */
const KEY = /^[A-Za-z_][\w-]*(\.[A-Za-z_][\w-]*)*$/;

/**
 * A script that starts `module` with the settings of `groups`, lines of `head` as comments above and those of `before` as
 * they are. Keys that cannot stand in
 * a command are named in a comment instead.
 */
export function toVerlCommand(
  module: string,
  groups: readonly CommandGroup[],
  head: readonly string[],
  before: readonly string[] = [],
): string {
  const lines = groups
    .filter(({ settings }) => settings.length > 0)
    .map(({ comment, settings }) => [`  # ${comment}`, ...settings.flatMap(settingLines)].join("\n"));
  return [
    "#!/usr/bin/env bash",
    ...head.map((line) => `# ${line}`),
    ...before,
    "args=(",
    lines.join("\n\n"),
    ")",
    `python3 -m ${module} "\${args[@]}" "$@"`,
    "",
  ].join("\n");
}

function settingLines({ sign, key, value, comment }: CommandSetting): string[] {
  if (!KEY.test(key)) return [`  # Left out, because a command cannot name it: ${JSON.stringify(key)}`];
  const line = `  ${sign}${key}=${shellQuoted(hydraText(value))}`;
  return comment === undefined ? [line] : [`  # ${comment}`, line];
}

/** `text` as one word of the shell. */
export const shellQuoted = (text: string): string =>
  /^[\w@%+:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;

/** A value as Hydra reads it. Texts that it would take for something else, or cut, stand in quotes. */
export function hydraText(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (typeof value === "number") return numberText(value);
  if (typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return `[${value.map(hydraText).join(",")}]`;
  if (typeof value === "object") {
    const entries = Object.entries(value).map(([name, inner]) => `${nameText(name)}:${hydraText(inner)}`);
    return `{${entries.join(",")}}`;
  }
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return isPlain(text) ? text : quoted(text);
}

function numberText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  const [plain, exponent] = [String(value), value.toExponential()];
  return exponent.length < plain.length ? exponent : plain;
}

/** A name in a mapping, where quotes are not allowed. */
const nameText = (name: string): string => name.replaceAll(/[\\()[\]{}:=, \t]/g, "\\$&");

/** Texts that need no quotes: one word that is neither a number nor one of Hydra's own. */
const isPlain = (text: string): boolean =>
  /^[A-Za-z_/][\w/.-]*$/.test(text) && !/^(null|none|true|false|nan|inf)$/i.test(text);

/** Backslashes are only special before a quote and at the end. */
const quoted = (text: string): string =>
  `"${text.replaceAll(/(\\*)("|$)/g, (_, slashes: string, quote: string) => `${slashes}${slashes}${quote && `\\${quote}`}`)}"`;
