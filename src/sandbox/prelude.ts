// What runs in the sandbox before a person's text, in its language: takes away what would make two runs differ, and keeps
// the tools that the outside calls, because a person's text may replace any global.

/** File names of the two texts in a stack. */
export const PRELUDE_FILE = "gradus.js";
export const OWN_FILE = "reward.js";

/** Evaluates to {parse, judge, describe}: arguments out of JSON, the score that a function gives them, an error in words as JSON. */
export const PRELUDE = `(() => {
  const { parse, stringify } = JSON;
  const text = String;
  const missing = (name) => () => {
    throw new ReferenceError(name + " is not there: a response must earn the same every time");
  };
  Math.random = missing("Math.random");
  globalThis.Date = Object.assign(function () { missing("Date")(); }, { now: missing("Date.now") });
  const quiet = () => {};
  globalThis.console = { log: quiet, info: quiet, debug: quiet, warn: quiet, error: quiet };
  const Wrong = TypeError;
  const kindOf = (value) =>
    value === null || value === undefined ? "nothing"
    : typeof value === "string" ? "a text"
    : typeof value === "function" ? "a function"
    : typeof value === "object" && typeof value.then === "function" ? "a promise, which is not waited for"
    : typeof value === "object" ? "an object without a score"
    : "a " + typeof value;
  return {
    parse,
    judge(compute, args) {
      const value = compute(args[0], args[1], args[2], args[3]);
      const isPlain = typeof value !== "object" || value === null;
      const score = isPlain || value.score === undefined ? value : value.score;
      if (typeof score === "number") return score;
      if (typeof score === "boolean") return score ? 1 : 0;
      throw new Wrong("it returned " + kindOf(score) + " where a number is needed");
    },
    describe(error) {
      if (typeof error !== "object" || error === null) return stringify(["", "it threw " + text(error), ""]);
      return stringify([text(error.name), text(error.message), text(error.stack)]);
    },
  };
})()`;

/** Finds the function, also where it is a const. */
export const FIND = `typeof computeScore === "function" ? computeScore
  : typeof compute_score === "function" ? compute_score : undefined`;
