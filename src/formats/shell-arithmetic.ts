// The whole numbers of bash's $((...)): + - * / %, brackets, names. Comparisons, shifts and assignments are not here.

/** The value of `text`, names looked up by `valueOf`; undefined where it is no such expression. */
export function shellArithmetic(
  text: string,
  valueOf: (name: string) => string | undefined,
): number | undefined {
  const tokens = text.match(/\d+|[A-Za-z_]\w*|[-+*/%()]|\S/g) ?? [];
  const reader = new ArithmeticReader(tokens, valueOf);
  const value = reader.sum();
  return reader.isAtEnd && Number.isSafeInteger(value) ? value : undefined;
}

class ArithmeticReader {
  readonly #tokens: readonly string[];
  readonly #valueOf: (name: string) => string | undefined;
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly string[], valueOf: (name: string) => string | undefined) {
    this.#tokens = tokens;
    this.#valueOf = valueOf;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#tokens.length;
  }

  /** NaN as soon as something is no number. */
  sum(): number {
    return this.#chain(["+", "-"], () => this.#chain(["*", "/", "%"], () => this.#single()));
  }

  #chain(operators: readonly string[], next: () => number): number {
    let value = next();
    while (operators.includes(this.#tokens[this.#at] ?? "")) {
      const operator = this.#tokens[this.#at++]!;
      value = applied(operator, value, next());
    }
    return value;
  }

  #single(): number {
    const token = this.#tokens[this.#at++];
    if (token === undefined || ++this.#depth > 100) return Number.NaN;
    if (token === "-") return -this.#single();
    if (token === "(") {
      const value = this.sum();
      return this.#tokens[this.#at++] === ")" ? value : Number.NaN;
    }
    const text = /^[A-Za-z_]/.test(token) ? this.#valueOf(token) : token;
    return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
  }
}

function applied(operator: string, a: number, b: number): number {
  if (operator === "+") return a + b;
  if (operator === "-") return a - b;
  if (operator === "*") return a * b;
  // bash rounds towards zero.
  return operator === "/" ? Math.trunc(a / b) : a % b;
}
