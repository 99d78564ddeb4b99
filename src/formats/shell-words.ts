// The words of a shell script as bash would split them, without running anything: quotes, escapes, comments, continued
// lines, and the variables, arrays and sums that the script itself sets. What it cannot know, such as $USER, stays as text;
// $HOME is written as OmegaConf does, which means the same in YAML.

import { shellArithmetic } from "./shell-arithmetic.ts";

/** A command: its words, quotes removed. */
export type Command = readonly string[];

const ASSIGNMENT = /^([A-Za-z_]\w*)=([^]*)$/;
/** The beginning of `name=(` or `name+=(`. */
const ARRAY = /^([A-Za-z_]\w*)(\+?)=$/;
/** `$name`, `$1`. */
const BARE = /\$([A-Za-z_]\w*|\d)/y;
/** Inside `${...}`: `name`, `name[@]`, `name:-default`, `name:=default`. */
const BRACED = /^([A-Za-z_]\w*|\d)(\[[@*]\])?(?::?[-=]([^]*))?$/;
/** Words before assignments that set variables all the same. */
const SETS = new Set(["export", "declare", "local", "readonly", "typeset"]);
/** Defaults in defaults beyond this stay text. */
const MAX_DEPTH = 20;
/** An expansion that does not end within this many characters is text. */
const MAX_EXPANSION = 1000;

/** The commands of `text`, in order; those that only set variables, and the elements of arrays, are among them. */
export function shellCommands(text: string): Command[] {
  const variables = new Map([["HOME", ["${oc.env:HOME}"]]]);
  return new ShellReader(text.replaceAll("\r\n", "\n"), variables, 0).commands();
}

class ShellReader {
  readonly #text: string;
  readonly #depth: number;
  /** A plain variable is a list of one. */
  readonly #variables: Map<string, readonly string[]>;
  readonly #commands: string[][] = [];
  #at = 0;
  #words: string[] = [];
  /** The word under way; undefined between words. */
  #word: string | undefined;
  /** The next word is where output goes. */
  #isTarget = false;
  /** Only white space since a line was continued. */
  #isContinued = false;
  /** The array whose elements are being read, and the words of its command so far. */
  #array: { readonly name: string; readonly before: string[]; readonly first: readonly string[] } | undefined;

  constructor(text: string, variables: Map<string, readonly string[]>, depth: number) {
    this.#text = text;
    this.#variables = variables;
    this.#depth = depth;
  }

  commands(): Command[] {
    while (this.#at < this.#text.length) this.#step();
    this.#endArray();
    this.#endCommand();
    return this.#commands;
  }

  /** The text as if it stood in double quotes. */
  quotedText(): string {
    this.#add("");
    while (this.#at < this.#text.length) this.#quotedStep();
    return this.#word!;
  }

  #step(): void {
    const char = this.#text[this.#at]!;
    if (this.#match(/\\[ \t]*\n/y) !== undefined) {
      this.#isContinued = true;
      return;
    }
    if (char === "#" && this.#word === undefined) return this.#comment();
    if (/[ \t]/.test(char)) {
      this.#at++;
      return this.#endWord();
    }
    this.#isContinued = false;
    if (/[\n;|&()]/.test(char)) this.#separator(char);
    else if (char === ">" || char === "<") this.#redirect();
    else if (char === "'") this.#add(this.#quoted("'"));
    else if (char === "`") this.#add(this.#quoted("`"));
    else if (char === '"') this.#doubleQuoted();
    else if (char === "\\") this.#add(this.#take(2).slice(1));
    else if (char === "$") this.#expand();
    else this.#add(this.#take(1));
  }

  #separator(char: string): void {
    this.#at++;
    const [, name, isMore] = (char === "(" && this.#word !== undefined && ARRAY.exec(this.#word)) || [];
    if (name !== undefined && !this.#array) {
      const first = isMore === "+" ? (this.#variables.get(name) ?? []) : [];
      this.#array = { name, before: this.#words, first };
      this.#words = [];
      this.#word = undefined;
    } else if (!this.#array) this.#endCommand();
    else if (char === ")") this.#endArray();
    else this.#endWord();
  }

  #endArray(): void {
    if (!this.#array) return;
    this.#endWord();
    const { name, before, first } = this.#array;
    this.#variables.set(name, [...first, ...this.#words]);
    if (this.#words.length > 0) this.#commands.push(this.#words);
    this.#array = undefined;
    this.#words = before;
  }

  /** A comment between continued lines ends the command in bash; a line commented out is meant, so here it does not. */
  #comment(): void {
    const comment = this.#match(/[^\n]*/y)!;
    if (this.#isContinued && /\\[ \t]*$/.test(comment)) this.#at++;
  }

  #doubleQuoted(): void {
    this.#at++;
    // An array in quotes is a word an element, and none is no word.
    const whole = this.#match(/\$\{[A-Za-z_]\w*\[@\]\}(?=")/y);
    const elements = whole === undefined ? undefined : this.#variables.get(/\w+/.exec(whole)![0]);
    if (elements) {
      this.#at++;
      for (const [index, element] of elements.entries()) {
        if (index > 0) this.#endWord();
        this.#add(element);
      }
      return;
    }
    this.#add(whole ?? "");
    while (this.#at < this.#text.length && this.#text[this.#at] !== '"') this.#quotedStep();
    this.#at++;
  }

  #quotedStep(): void {
    const escaped = this.#match(/\\[\\"$`\n]/y);
    if (escaped !== undefined) this.#add(escaped === "\\\n" ? "" : escaped.slice(1));
    else if (this.#text[this.#at] === "$") this.#add(this.#expanded() ?? "");
    else this.#add(this.#take(1));
  }

  #quoted(quote: string): string {
    const end = this.#text.indexOf(quote, this.#at + 1);
    const inner = this.#text.slice(this.#at + 1, end < 0 ? undefined : end);
    this.#at = end < 0 ? this.#text.length : end + 1;
    return inner;
  }

  /** What stands for an expansion; undefined for the arguments of the script, which has none. */
  #expanded(): string | undefined {
    if (this.#match(/\$[@*]/y) !== undefined) return undefined;
    const bare = this.#match(BARE);
    if (bare !== undefined) return this.#variables.get(bare.slice(1))?.join(" ") ?? bare;
    const bracket = this.#text[this.#at + 1] ?? "";
    if (bracket !== "{" && bracket !== "(") return this.#take(1);
    const all = this.#take(this.#lengthTo(bracket === "{" ? "}" : ")"));
    if (all.startsWith("$((") && all.endsWith("))")) return this.#sum(all);
    return bracket === "{" ? this.#braced(all) : all;
  }

  #sum(all: string): string {
    const inner = all.slice(3, -2).replaceAll(/\$\{?(\w+)\}?/g, "$1");
    return String(shellArithmetic(inner, (name) => this.#variables.get(name)?.join(" ")) ?? all);
  }

  #braced(all: string): string {
    const [, name, , otherwise] = BRACED.exec(all.slice(2, -1)) ?? [];
    const value = name === undefined ? undefined : this.#variables.get(name);
    if (value !== undefined) return value.join(" ");
    if (otherwise === undefined || this.#depth >= MAX_DEPTH) return all;
    const read = new ShellReader(otherwise, this.#variables, this.#depth + 1).quotedText();
    return read.replace(/^(["'])([^]*)\1$/, "$2");
  }

  /** Characters from a `$` to the bracket that closes what it opens, or 1 where none does. */
  #lengthTo(close: string): number {
    const open = this.#text[this.#at + 1]!;
    let depth = 0;
    const end = Math.min(this.#text.length, this.#at + MAX_EXPANSION);
    for (let at = this.#at + 1; at < end; at++) {
      if (this.#text[at] === open) depth++;
      else if (this.#text[at] === close && --depth === 0) return at + 1 - this.#at;
    }
    return 1;
  }

  /** A variable that is a word of its own falls apart at its white space; inside a word it is taken whole. */
  #expand(): void {
    const start = this.#at;
    const text = this.#expanded() ?? "";
    const isText = text === this.#text.slice(start, this.#at);
    if (text !== "" && (isText || this.#word !== undefined)) return this.#add(text);
    for (const [index, part] of text.split(/\s+/).entries()) {
      if (index > 0) this.#endWord();
      if (part !== "") this.#add(part);
    }
  }

  /** `> file`, `2>&1`: where output goes is no part of the command. */
  #redirect(): void {
    if (this.#word !== undefined && /^\d+$/.test(this.#word)) this.#word = undefined;
    this.#endWord();
    this.#match(/[<>]+&?/y);
    this.#isTarget = true;
  }

  #endWord(): void {
    if (this.#word === undefined) return;
    if (!this.#isTarget) this.#words.push(this.#word);
    this.#isTarget = false;
    this.#word = undefined;
  }

  #endCommand(): void {
    this.#endWord();
    this.#isTarget = false;
    const rest = SETS.has(this.#words[0] ?? "") ? this.#words.slice(1) : this.#words;
    const settings = rest.filter((word) => !word.startsWith("-")).map((word) => ASSIGNMENT.exec(word));
    if (settings.every((setting) => setting !== null)) {
      for (const [, name, value] of settings) this.#variables.set(name!, [value!]);
    }
    if (this.#words.length > 0) this.#commands.push(this.#words);
    this.#words = [];
  }

  #add(text: string): void {
    this.#word = (this.#word ?? "") + text;
  }

  #take(count: number): string {
    this.#at += count;
    return this.#text.slice(this.#at - count, this.#at);
  }

  /** What `pattern`, which must be sticky, finds here. */
  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const [found] = pattern.exec(this.#text) ?? [];
    if (found !== undefined) this.#at += found.length;
    return found;
  }
}
