// What goes into the sandbox and what comes out of it, as plain data: it may cross to another thread.

/** What a function is asked to judge, in the order of its arguments; verl's compute_score has the same. */
export interface Sample {
  readonly dataSource: string;
  /** Text of the response. */
  readonly solution: string;
  readonly groundTruth: string;
  /** Fields of the problem's row; only what JSON can hold arrives. */
  readonly extraInfo: Readonly<Record<string, unknown>>;
}

/** Why a function gave no score. */
export interface Fault {
  /** Words without the place: "TypeError: cannot read property 'x' of undefined". */
  readonly message: string;
  /** Place in the function's text, both from 1; absent where none is to blame. */
  readonly line?: number;
  readonly column?: number;
}

export type Verdict = { readonly score: number } | { readonly fault: Fault };

/** Where a function went wrong, in words: "line 3, column 7: TypeError: ...". */
export const faultWords = ({ message, line, column }: Fault): string =>
  line === undefined
    ? message
    : `line ${line}${column === undefined ? "" : `, column ${column}`}: ${message}`;
