// How much of the GPU runs may take, as the person says: browsers do not tell. Kept in this browser, for it is the machine's.

const KEY = "gradus.gpuMemory";

/** In bytes; undefined where nobody has said, or the browser keeps nothing. */
export function keptGpuMemory(): number | undefined {
  try {
    const bytes = Number(localStorage.getItem(KEY));
    return bytes > 0 ? bytes : undefined;
  } catch {
    return undefined;
  }
}

export function keepGpuMemory(bytes: number | undefined): void {
  try {
    if (bytes === undefined) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, String(bytes));
  } catch {
    // It counts until the page is closed then.
  }
}
