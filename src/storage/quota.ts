// How much a browser lets this page keep, and the request not to throw it away. Where the browser does not say, neither
// does this file.

export interface StorageEstimate {
  /** Undefined where the browser does not tell. */
  readonly usedBytes: number | undefined;
  readonly quotaBytes: number | undefined;
  /** False: the browser may delete everything when the disk gets full. */
  readonly isPersisted: boolean;
}

/** Missing in Node, and in pages that are not a secure context. */
const storageManager = (): StorageManager | undefined =>
  typeof navigator === "undefined" ? undefined : (navigator.storage as StorageManager | undefined);

/** What the browser tells about this page's storage. */
export async function storageEstimate(): Promise<StorageEstimate> {
  const manager = storageManager();
  const estimate = await manager?.estimate?.();
  const isPersisted = (await manager?.persisted?.()) ?? false;
  return { usedBytes: estimate?.usage, quotaBytes: estimate?.quota, isPersisted };
}

/**
 * Asks the browser to keep what is stored until the user removes it; some browsers ask the user. Resolves to whether it
 * will. From a page: workers cannot ask.
 */
export async function askForPersistence(): Promise<boolean> {
  const manager = storageManager();
  if (await manager?.persisted?.()) return true;
  return (await manager?.persist?.()) ?? false;
}
