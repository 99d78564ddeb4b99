// Keeps two tabs from training one run at the same time, from writing one file, and one from clearing away what another is
// writing. A lock goes with its tab, also when that crashes. Where there are no Web Locks, as in Node 20, everything is free.

const RUN = "run/";
const PREFIX = "gradus/";

/** Lets go of what was taken; resolves when others can take it. */
export type Release = () => Promise<void>;

const lockManager = (): LockManager | undefined =>
  typeof navigator === "undefined" ? undefined : (navigator.locks as LockManager | undefined);

/** Takes a run for this tab; undefined when another tab, or this one, holds it. */
export const holdRun = (runId: string): Promise<Release | undefined> => hold(`${RUN}${runId}`);

/** Ids of the runs that some tab of this browser holds. */
export const busyRuns = (): Promise<ReadonlySet<string>> => heldBelow(RUN);

/** Takes a name for this tab; undefined when it is taken. */
export function hold(name: string): Promise<Release | undefined> {
  const locks = lockManager();
  if (!locks) return Promise.resolve(() => Promise.resolve());
  return new Promise((resolve, reject) => {
    const whileHeld = (lock: Lock | null): Promise<void> | undefined => {
      if (lock) return new Promise((letGo) => resolve(() => (letGo(), held)));
      resolve(undefined);
      return undefined;
    };
    const held: Promise<void> = locks.request(`${PREFIX}${name}`, { ifAvailable: true }, whileHeld);
    held.catch(reject);
  });
}

/** Does `work` when no other tab does work under this name. */
export async function withLock(name: string, work: () => Promise<void>): Promise<void> {
  const locks = lockManager();
  await (locks ? locks.request(`${PREFIX}${name}`, work) : work());
}

/** What follows `prefix` in the names that some tab holds. */
export async function heldBelow(prefix: string): Promise<ReadonlySet<string>> {
  const { held = [] } = (await lockManager()?.query()) ?? {};
  const whole = `${PREFIX}${prefix}`;
  const names = held.map(({ name = "" }) => name).filter((name) => name.startsWith(whole));
  return new Set(names.map((name) => name.slice(whole.length)));
}
