// What checkpoints need of a place to keep bytes: five calls, so that a browser's database and a folder on disk are the
// same to them. Values are bytes alone; what they mean is checkpoints.ts's and runs.ts's matter.

import { UserError } from "../common/errors.ts";

/** Bytes by key. Keys are parts of letters, digits and `%-_.` joined by "/"; no key is the folder of another. */
export interface KeyValueStore {
  /** The bytes of `key`; undefined when there are none. */
  get(key: string): Promise<Uint8Array | undefined>;
  /** Keeps `bytes`, all of them or, when it throws, what was there before. They may be changed once it resolves. */
  set(key: string, bytes: Uint8Array): Promise<void>;
  /** Forgets keys, in this order; one that is not there is no error. */
  delete(keys: readonly string[]): Promise<void>;
  /** Every key that starts with `prefix`, sorted. */
  keys(prefix: string): Promise<string[]>;
  /** Bytes that can still be written, as far as anybody can tell. */
  freeBytes(): Promise<number | undefined>;
}

/** Nothing more can be written: what was there before is whole, and a run can go on without the new bytes. */
export class StorageFullError extends UserError {}

const FULL = new Set(["QuotaExceededError", "ENOSPC", "EDQUOT"]);

/** What happened to a write that failed. */
interface FailedWrite {
  /** What could not be kept, such as "The checkpoint of step 20". */
  readonly what: string;
  /** Of all of it, as far as known. */
  readonly bytes: number;
}

/**
 * The error to throw for `error` of a write: StorageFullError where the disk or the quota is full, UserError where the
 * system refused for another reason, else `error` itself.
 */
export async function writeFailure(
  error: unknown,
  store: Pick<KeyValueStore, "freeBytes">,
  { what, bytes }: FailedWrite,
): Promise<unknown> {
  const kind = systemName(error);
  if (kind === undefined) return error;
  if (!FULL.has(kind)) {
    const said = error instanceof Error ? error.message.replace(/\.$/, "") : kind;
    return new UserError(
      `${what} was not saved: the system refused to write it (${said}). What was saved before is untouched. See that the place is writable and not used up, then save again.`,
      { cause: error },
    );
  }
  const free = await store.freeBytes().catch(() => undefined);
  // Browsers tell more than they give, so that sites cannot measure the disk.
  const room =
    free !== undefined && free < bytes ? `${megabytes(free)} are free` : "the system gives no more";
  return new StorageFullError(
    `${what} was not saved: storage is full. It needs at least ${megabytes(bytes)}, and ${room}. What was saved before is untouched, and a run can go on without it. Remove old runs or checkpoints, or free disk space.`,
    { cause: error },
  );
}

/** `QuotaExceededError` of a browser, `ENOSPC` of a file system; undefined when the error is not the system's. */
function systemName(error: unknown): string | undefined {
  if (error instanceof DOMException) return error.name;
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
  return undefined;
}

/** Bytes for messages, 10^6 to the MB. */
const megabytes = (bytes: number): string =>
  bytes < 1e5 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
