// What one damaged file may cost: no array beyond the allowance, no growth of the process beyond it, no long wait. Arrays are
// seen when they are made, since a large one that is dropped at once leaves no trace, and memory that is only asked for is
// not resident.

/** Bytes that reading a small file may take, whatever it claims. */
export const ALLOWANCE = 256 * 2 ** 20;
/** On a busy machine; what is not stuck takes milliseconds. */
const SLOW_MS = 10_000;

const ARRAYS = [
  "Uint8Array",
  "Uint16Array",
  "Uint32Array",
  "Float32Array",
  "Float64Array",
  "ArrayBuffer",
] as const;
type ArrayConstructor = new (...args: unknown[]) => { readonly byteLength: number };

export interface Cost {
  /** What it took too much of, or undefined. */
  readonly excess: string | undefined;
}

/** Runs `work` with an eye on what it takes; its error is the caller's. */
export async function costOf(work: () => Promise<void>): Promise<Cost> {
  const scope = globalThis as unknown as Record<string, ArrayConstructor>;
  const originals = ARRAYS.map((name) => [name, scope[name]!] as const);
  let largest = 0;
  for (const [name, original] of originals) {
    scope[name] = new Proxy(original, {
      construct(target, args, made) {
        const array = Reflect.construct(target, args, made === scope[name] ? target : made) as {
          byteLength: number;
        };
        // A view on bytes that are there already takes none.
        if (typeof args[0] === "number") largest = Math.max(largest, array.byteLength);
        return array;
      },
    });
  }
  const before = peakBytes();
  const begin = performance.now();
  try {
    await work();
  } finally {
    for (const [name, original] of originals) scope[name] = original;
  }
  const [grown, waited] = [peakBytes() - before, performance.now() - begin];
  if (largest > ALLOWANCE) return { excess: `an array of ${largest} bytes` };
  if (grown > ALLOWANCE) return { excess: `${grown} bytes more of the process` };
  return { excess: waited > SLOW_MS ? `${waited.toFixed(0)} ms` : undefined };
}

/** Most that the process ever had resident, bytes. */
const peakBytes = (): number => 1024 * process.resourceUsage().maxRSS;
