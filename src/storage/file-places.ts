// Where large files of runs lie that are not copied for each: in the cache of models from a hub, or, where they were dropped,
// once for every content, shared by the runs that need it. A run keeps the place alone; a content goes with its last run.

import { UserError } from "../common/errors.ts";
import type { ByteSource } from "../formats/safetensors.ts";
import { withLock } from "./run-lock.ts";
import type { CachedSource, ModelCache, ModelKey } from "./model-cache.ts";
import { PIECE_BYTES, sha256Of } from "./sha256.ts";

/** Files below this size are copied for each run: then a run that has lost its weights still says what it was. */
const COPIED_BELOW = 4e6;

/** Plain data, kept with a run. */
export type FilePlace =
  | ({ readonly at: "hub"; readonly path: string } & ModelKey)
  | { readonly at: "dropped"; readonly sha256: string };

/** The repository's and file's name under which a dropped content lies; its hash takes the revision's place. */
const DROPPED = "dropped";
const CONTENT = "content";

export class FilePlaces {
  readonly #hub: ModelCache;
  readonly #dropped: ModelCache;
  readonly #copiedBelow: number;

  /** `dropped` is a cache of its own for contents. `copiedBelow` is for tests. */
  constructor(hub: ModelCache, dropped: ModelCache, { copiedBelow = COPIED_BELOW } = {}) {
    this.#hub = hub;
    this.#dropped = dropped;
    this.#copiedBelow = copiedBelow;
  }

  /** The place that `source` has or will have; undefined where a copy is to be made. Reads all of a dropped file. */
  async placeOf(source: ByteSource): Promise<FilePlace | undefined> {
    if (source.size < this.#copiedBelow) return undefined;
    if ("cached" in source) return { at: "hub", ...(source as CachedSource).cached };
    return { at: "dropped", sha256: await sha256Of(source) };
  }

  /** Brings `source` to its place, where it is not there yet. Throws the system's error when there is no room. */
  async fill(place: FilePlace, source: ByteSource): Promise<void> {
    if (place.at === "hub") return;
    const key = keyOf(place);
    await withLock(lockOf(place), async () => {
      if ((await this.#dropped.open(key, CONTENT))?.size === source.size) return;
      const part = await this.#dropped.part(key, CONTENT);
      // A longer one is none of ours.
      if (part.bytes > source.size) await part.discard();
      while (part.bytes < source.size)
        await part.append(await read(source, part.bytes, Math.min(part.bytes + PIECE_BYTES, source.size)));
      await part.complete();
    });
  }

  /** The file at `place`. Throws UserError saying how to get it back when it is not there. */
  async open(place: FilePlace, name: string): Promise<ByteSource> {
    const found =
      place.at === "hub"
        ? await this.#hub.open(place, place.path)
        : await this.#dropped.open(keyOf(place), CONTENT);
    if (found) return { ...found, name };
    throw new UserError(
      place.at === "hub"
        ? `This run needs ${place.path} of ${place.repository}, which is no longer in this browser. Look up ${place.repository}@${place.revision} under Model, fetch the form with that file, and resume again.`
        : `This run needs the dropped file ${name.split("/").at(-1)}, which is not whole in this browser. Begin a run with the same files, then resume this one.`,
    );
  }

  /** Forgets dropped contents that `needed`, asked when nobody brings one, does not have; leftovers of a crash, too. */
  async sweep(needed: () => Promise<readonly FilePlace[]>): Promise<void> {
    for (const { revision: sha256 } of await this.#dropped.models()) {
      const place: Dropped = { at: "dropped", sha256 };
      await withLock(lockOf(place), async () => {
        const isNeeded = (await needed()).some((other) => other.at === "dropped" && other.sha256 === sha256);
        if (!isNeeded) await this.#dropped.remove(keyOf(place));
      });
    }
  }
}

type Dropped = Extract<FilePlace, { at: "dropped" }>;

const lockOf = ({ sha256 }: Dropped): string => `file/${sha256}`;
const keyOf = ({ sha256 }: Dropped): ModelKey => ({ repository: DROPPED, revision: sha256 });

async function read(source: ByteSource, start: number, end: number): Promise<Uint8Array> {
  const bytes = await source.read(start, end);
  if (bytes.length === end - start) return bytes;
  throw new UserError(
    `${source.name} ended early: ${end - start} bytes were wanted at ${start}, ${bytes.length} came. Drop it again.`,
  );
}
