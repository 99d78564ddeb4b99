// What several rewards share of their Python forms: how JavaScript counts characters and white space, so that both forms give a
// response the same score whatever stands in it.

/** The same rule in Python, for verl, where a run of this may go on. */
export interface PythonRule {
  /** Definitions that `score` uses. The same text under several rules is written once. */
  readonly definitions: readonly string[];
  /** An expression of data_source, solution_str, ground_truth and extra_info. */
  readonly score: string;
}

/** SPACE, a character class of what JavaScript takes for white space, and `strip`. */
export const PYTHON_SPACE = String.raw`SPACE = "[\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]"


def strip(text):
    """Without white space at its ends."""
    return re.sub(rf"^{SPACE}+|{SPACE}+\Z", "", text)`;

/** A text of UTF-16 units, as JavaScript counts and cuts them. */
export const PYTHON_UNITS = String.raw`def units(text):
    """The text as JavaScript counts its characters: in units of UTF-16."""
    return "".join(map(chr, memoryview(text.encode("utf-16-le", "surrogatepass")).cast("H")))`;
