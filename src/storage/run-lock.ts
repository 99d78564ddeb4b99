// Keeps two tabs from training one run, or writing one file, at the same time. A lock goes with its tab, also when that crashes. Where there are
// no Web Locks, as in Node 20, every run is free.

const PREFIX = "gradus/run/";

/** Lets go of a run; resolves when others can take it. */
export type Release = () => Promise<void>;

const lockManager = (): LockManager | undefined =>
  typeof navigator === "undefined" ? undefined : (navigator.locks as LockManager | undefined);

/** Takes a run for this tab; undefined when another tab, or this one, holds it. */
export function holdRun(runId: string): Promise<Release | undefined> {
  const locks = lockManager();
  if (!locks) return Promise.resolve(() => Promise.resolve());
  return new Promise((resolve, reject) => {
    const whileHeld = (lock: Lock | null): Promise<void> | undefined => {
      if (lock) return new Promise((letGo) => resolve(() => (letGo(), held)));
      resolve(undefined);
      return undefined;
    };
    const held: Promise<void> = locks.request(`${PREFIX}${runId}`, { ifAvailable: true }, whileHeld);
    held.catch(reject);
  });
}

/** Does `work` when no other tab does work under this name. */
export async function withLock(name: string, work: () => Promise<void>): Promise<void> {
  const locks = lockManager();
  await (locks ? locks.request(`gradus/${name}`, work) : work());
}

/** Ids of the runs that some tab of this browser holds. */
export async function busyRuns(): Promise<ReadonlySet<string>> {
  const { held = [] } = (await lockManager()?.query()) ?? {};
  const names = held.map(({ name = "" }) => name).filter((name) => name.startsWith(PREFIX));
  return new Set(names.map((name) => name.slice(PREFIX.length)));
}
