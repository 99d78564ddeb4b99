// The values of Hydra's command line: numbers, texts, lists and mappings as its override grammar reads them. Sweeps
// (`a,b`) and functions are no values of one run and stay text.
// Source: https://hydra.cc/docs/advanced/override_grammar/basic/

import { UserError } from "../common/errors.ts";

const INTEGER = /^[+-]?\d+(_\d+)*$/;
const FLOAT = /^[+-]?(\d+(_\d+)*(\.(\d+(_\d+)*)?)?|\.\d+(_\d+)*)(e[+-]?\d+)?$/i;

/** Brackets in brackets beyond this are no setting. */
const MAX_DEPTH = 50;

/** The value that `text` stands for; `key` is shown in messages. Throws UserError on a list or mapping with a fault. */
export function hydraValue(text: string, key: string): unknown {
  const reader = new ValueReader(text, key);
  return reader.whole();
}

class ValueReader {
  readonly #text: string;
  readonly #key: string;
  #at = 0;
  #depth = 0;

  constructor(text: string, key: string) {
    this.#text = text.trim();
    this.#key = key;
  }

  whole(): unknown {
    if (!/^[[{'"]/.test(this.#text)) return primitive(this.#text);
    const value = this.#value(",]}");
    if (this.#at < this.#text.length) throw this.#fault("goes on after its end");
    return value;
  }

  /** A value up to one of `ends`, which is left. */
  #value(ends: string): unknown {
    this.#blanks();
    const first = this.#text[this.#at];
    const value =
      first === "["
        ? this.#list()
        : first === "{"
          ? this.#mapping()
          : first === "'" || first === '"'
            ? this.#quoted(first)
            : primitive(this.#until(ends));
    this.#blanks();
    return value;
  }

  #list(): unknown[] {
    const values: unknown[] = [];
    this.#members("]", () => {
      values.push(this.#value(",]}"));
    });
    return values;
  }

  #mapping(): Record<string, unknown> {
    const entries: [string, unknown][] = [];
    this.#members("}", () => {
      const name = this.#value(":,]}");
      if (this.#text[this.#at] !== ":") throw this.#fault("has a name without a value");
      this.#at++;
      entries.push([String(name), this.#value(",]}")]);
    });
    return Object.fromEntries(entries);
  }

  /** From an opening bracket to `close`, with `member` between commas. */
  #members(close: string, member: () => void): void {
    if (++this.#depth > MAX_DEPTH) throw this.#fault("has too many brackets in brackets");
    this.#at++;
    this.#blanks();
    while (this.#text[this.#at] !== close) {
      if (this.#at >= this.#text.length) throw this.#fault(`has no "${close}" at its end`);
      member();
      if (this.#text[this.#at] === ",") this.#at++;
      else if (this.#text[this.#at] !== close)
        throw this.#fault(`has no "," or "${close}" where one is needed`);
      this.#blanks();
    }
    this.#at++;
    this.#depth--;
  }

  #quoted(quote: string): string {
    let text = "";
    for (this.#at++; this.#text[this.#at] !== quote;) {
      if (this.#at >= this.#text.length) throw this.#fault("has a quote that does not end");
      // Before a quote two backslashes are one, and a single one makes the quote a character; elsewhere they are themselves.
      const slashes = this.#slashes();
      const isBefore = this.#text[this.#at] === quote;
      text += "\\".repeat(isBefore ? Math.floor(slashes / 2) : slashes);
      if (isBefore && slashes % 2 === 0) break;
      if (this.#at < this.#text.length) text += this.#text[this.#at++]!;
    }
    this.#at++;
    return text;
  }

  /** Goes past a run of backslashes. Returns how many there were. */
  #slashes(): number {
    const start = this.#at;
    while (this.#text[this.#at] === "\\") this.#at++;
    return this.#at - start;
  }

  #until(ends: string): string {
    const start = this.#at;
    while (this.#at < this.#text.length && !ends.includes(this.#text[this.#at]!))
      this.#at += this.#text[this.#at] === "\\" ? 2 : 1;
    return this.#text.slice(start, this.#at).trim();
  }

  #blanks(): void {
    while (/\s/.test(this.#text[this.#at] ?? "")) this.#at++;
  }

  #fault(why: string): UserError {
    const shown = this.#text.length > 60 ? `${this.#text.slice(0, 60)}...` : this.#text;
    return new UserError(
      `${this.#key}: the value ${shown} ${why}. Lists are written [0.9,0.99], mappings {name:value}.`,
    );
  }
}

/** A word as a value. Python's None counts as null, which is what people mean who write it. */
function primitive(text: string): unknown {
  if (/^(null|none)$/i.test(text)) return null;
  if (/^(true|false)$/i.test(text)) return text.toLowerCase() === "true";
  if (INTEGER.test(text) || FLOAT.test(text)) return Number(text.replaceAll("_", ""));
  if (/^nan$/i.test(text)) return Number.NaN;
  if (/^[+-]?inf$/i.test(text)) return text.startsWith("-") ? -Infinity : Infinity;
  return text.replaceAll(/\\([\\()[\]{}:=, \t])/g, "$1");
}
