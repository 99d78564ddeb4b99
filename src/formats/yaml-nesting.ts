// Keeps texts from the YAML parser that would end it, and the page with it: V8 has no way back from a stack that runs out while
// a regular expression is compiled, which five thousand open brackets do. Counts characters, so quoted ones count as well.

/** Levels of sections; verl's have nine. */
const MAX_LEVELS = 100;
const MAX_INDENT = 200;

/** A line that is indented too far, or that opens too many lists or keys at once. */
const DEEP_LINE = new RegExp(`^[ \\t]{${MAX_INDENT}}[ \\t]*\\S|(?:[-?:][ \\t]+){${MAX_LEVELS}}`, "m");

/** Whether `text` is nested deeper than any configuration, or closes what it never opened over and over. */
export function isTooDeep(text: string): boolean {
  let level = 0;
  for (const [bracket] of text.matchAll(/[[\]{}]/g)) {
    level += bracket === "[" || bracket === "{" ? 1 : -1;
    if (Math.abs(level) > MAX_LEVELS) return true;
  }
  return DEEP_LINE.test(text);
}
