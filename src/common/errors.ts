// The three kinds of failure that reach a person. `name` carries the kind, because a worker boundary keeps only
// `name` and `message` of an Error. This file formats nothing and catches nothing.

/** Something the user can fix: a file, a setting, a browser. The message says what happened, why, and what to do. */
export class UserError extends Error {
  override readonly name = "UserError";
}

/** The device, its limits or its memory: the run cannot go on as configured on this machine. */
export class GpuError extends Error {
  override readonly name = "GpuError";
}

/** A fault of ours: an assumption of the code does not hold. */
export class BugError extends Error {
  override readonly name = "BugError";
}
