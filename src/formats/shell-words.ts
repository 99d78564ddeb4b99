// The words of a shell script as bash would split them, without running anything: quotes, escapes, comments, continued
// lines, and variables that the script itself sets. What it cannot know, such as $HOME, stays as text.

/** A command: its words, quotes removed. */
export type Command = readonly string[];

const ASSIGNMENT = /^([A-Za-z_]\w*)=([^]*)$/;

/** `$name`, `${name}`, `${name:-default}`. */
const VARIABLE = /^\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?::?-([^}]*))?\})/;

/** The commands of `text`, in order; those that only set variables are among them. */
export function shellCommands(text: string): Command[] {
  return new ShellReader(text.replaceAll("\r\n", "\n")).commands();
}

class ShellReader {
  readonly #text: string;
  #at = 0;
  readonly #variables = new Map<string, string>();
  readonly #commands: string[][] = [];
  #words: string[] = [];
  /** The word under way; undefined between words. */
  #word: string | undefined;
  /** The next word is where output goes. */
  #isTarget = false;
  /** Only white space since a line was continued. */
  #isContinued = false;

  constructor(text: string) {
    this.#text = text;
  }

  commands(): Command[] {
    while (this.#at < this.#text.length) this.#step();
    this.#endCommand();
    return this.#commands;
  }

  #step(): void {
    const char = this.#text[this.#at]!;
    const continued = this.#match(/^\\[ \t]*\n/);
    if (continued !== undefined) {
      this.#isContinued = true;
      return;
    }
    if (char === "#" && this.#word === undefined) {
      this.#comment();
      return;
    }
    if (/[ \t]/.test(char)) {
      this.#at++;
      this.#endWord();
      return;
    }
    this.#isContinued = false;
    if (/[\n;|&()]/.test(char)) {
      this.#at++;
      this.#endCommand();
    } else if (char === ">" || char === "<") this.#redirect();
    else if (char === "'") this.#add(this.#quoted("'"));
    else if (char === '"') this.#doubleQuoted();
    else if (char === "\\") this.#add(this.#take(2).slice(1));
    else if (char === "$") this.#expand();
    else this.#add(this.#take(1));
  }

  /** A comment between continued lines ends the command in bash; a line commented out is meant, so here it does not. */
  #comment(): void {
    const comment = this.#match(/^[^\n]*/)!;
    if (this.#isContinued && /\\[ \t]*$/.test(comment)) this.#at++;
  }

  #doubleQuoted(): void {
    this.#at++;
    this.#add("");
    while (this.#at < this.#text.length && this.#text[this.#at] !== '"') {
      const escaped = this.#match(/^\\[\\"$`\n]/);
      if (escaped !== undefined) this.#add(escaped === "\\\n" ? "" : escaped.slice(1));
      else if (this.#text[this.#at] === "$") this.#expand();
      else this.#add(this.#take(1));
    }
    this.#at++;
  }

  #quoted(quote: string): string {
    const end = this.#text.indexOf(quote, this.#at + 1);
    const inner = this.#text.slice(this.#at + 1, end < 0 ? undefined : end);
    this.#at = end < 0 ? this.#text.length : end + 1;
    return inner;
  }

  #expand(): void {
    // All arguments of the script: it has none.
    if (this.#match(/^\$[@*]/) !== undefined) return;
    const variable = VARIABLE.exec(this.#text.slice(this.#at));
    if (!variable) {
      this.#add(this.#match(/^\$\([^()]*\)/) ?? this.#match(/^\$\{[^}]*\}/) ?? this.#take(1));
      return;
    }
    const [all, bare, braced, otherwise] = variable;
    this.#at += all.length;
    this.#add(this.#variables.get(bare ?? braced!) ?? otherwise ?? all);
  }

  /** `> file`, `2>&1`: where output goes is no part of the command. */
  #redirect(): void {
    if (this.#word !== undefined && /^\d+$/.test(this.#word)) this.#word = undefined;
    this.#endWord();
    this.#match(/^[<>]+&?/);
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
    const settings = this.#words.map((word) => ASSIGNMENT.exec(word));
    if (settings.every((setting) => setting !== null)) {
      for (const [, name, value] of settings) this.#variables.set(name!, value!);
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

  #match(pattern: RegExp): string | undefined {
    const [found] = pattern.exec(this.#text.slice(this.#at)) ?? [];
    if (found !== undefined) this.#at += found.length;
    return found;
  }
}
