// What is kept of a run beside its checkpoints: the record that lists it, and the files it was started with, so that it
// can go on after a reload without dropping them again.

import { UserError } from "../common/errors.ts";
import type { JsonObject } from "../formats/json.ts";
import type { ByteSource } from "../formats/safetensors.ts";
import type { Manifest } from "./chunks.ts";
import { ChunkReader, readManifest, removeChunks, savedPrefixes, saveChunks, sweepChunks } from "./chunks.ts";
import type { FilePlace, FilePlaces } from "./file-places.ts";
import { filePrefix, filesPrefix, recordKey, runPrefix, RUNS } from "./layout.ts";
import type { ModelKey } from "./model-cache.ts";
import { OneAtATime } from "./one-at-a-time.ts";
import { seal, unseal } from "./sealed.ts";
import type { KeyValueStore } from "./store.ts";
import { writeFailure } from "./store.ts";

/** Smaller than a checkpoint's, because files are not read in order. */
const CHUNK_BYTES = 16_000_000;

export interface RunRecord {
  readonly id: string;
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly modelName: string;
  readonly dataName: string;
  readonly config: JsonObject;
  /** Settings of an imported configuration that only a cluster understands; absent where there are none. */
  readonly kept?: Readonly<Record<string, unknown>>;
  readonly step: number;
  readonly totalSteps: number;
  readonly state: "running" | "paused" | "finished" | "failed";
  /** Metrics, a row a step. */
  readonly history: readonly Readonly<Record<string, number>>[];
}

export interface RunList {
  /** Last changed first. */
  readonly runs: readonly RunRecord[];
  /** Ids of runs whose record is damaged; their checkpoints may be whole. */
  readonly damaged: readonly string[];
}

export interface RunFile {
  readonly name: string;
  readonly bytes: number;
  /** Where it lies; absent: it was copied for this run. */
  readonly place?: FilePlace;
  /** Why it cannot be opened, where that is known without reading all of it. */
  readonly problem?: string;
}

interface FileManifest extends Manifest {
  readonly name: string;
  /** With it there are no chunks. */
  readonly elsewhere?: { readonly place: FilePlace; readonly bytes: number };
}

interface RunsOptions {
  /** For large files; absent: every file is copied for each run. */
  readonly places?: FilePlaces | undefined;
  /** For tests. */
  readonly chunkBytes?: number;
}

/** The runs in one store. */
export class Runs {
  readonly #store: KeyValueStore;
  readonly #places: FilePlaces | undefined;
  readonly #chunkBytes: number;
  readonly #writes = new OneAtATime();

  constructor(store: KeyValueStore, { places, chunkBytes = CHUNK_BYTES }: RunsOptions = {}) {
    this.#store = store;
    this.#places = places;
    this.#chunkBytes = chunkBytes;
  }

  /** Writes a run's record in place of the one before. Throws StorageFullError; the one before is whole then. */
  async save(record: RunRecord): Promise<void> {
    const bytes = seal({ version: 1, record });
    try {
      await this.#store.set(recordKey(record.id), bytes);
    } catch (error) {
      const what = `The record of run ${record.id}`;
      throw await writeFailure(error, this.#store, { what, bytes: bytes.length });
    }
  }

  /** Throws UserError when there is no such run or its record is damaged. */
  async load(runId: string): Promise<RunRecord> {
    const bytes = await this.#store.get(recordKey(runId));
    if (!bytes)
      throw new UserError(`There is no run ${runId} here: it was removed, or saved in another browser.`);
    const record = recordOf(bytes);
    if (record) return record;
    throw new UserError(
      `The record of run ${runId} is damaged, so its settings and history are lost. Its checkpoints can still be downloaded.`,
    );
  }

  async list(): Promise<RunList> {
    const keys = (await this.#store.keys(RUNS)).filter((key) => /^run\/[^/]+\/record$/.test(key));
    const runs: RunRecord[] = [];
    const damaged: string[] = [];
    for (const key of keys) {
      const bytes = await this.#store.get(key);
      if (!bytes) continue;
      const record = recordOf(bytes);
      if (record) runs.push(record);
      else damaged.push(key.split("/")[1]!);
    }
    return { runs: runs.toSorted((a, b) => b.updatedAt - a.updatedAt), damaged };
  }

  /**
   * Removes a run with its files and checkpoints; its record last, so that an interrupted removal can be repeated. Files
   * elsewhere stay as long as another run needs them; models of a hub always do.
   */
  async remove(runId: string): Promise<void> {
    const record = recordKey(runId);
    const keys = await this.#store.keys(runPrefix(runId));
    const manifests = keys.filter((key) => key.endsWith("/manifest"));
    const chunks = keys.filter((key) => !manifests.includes(key) && key !== record);
    await this.#store.delete([...manifests, ...chunks, record]);
    await this.#places?.sweep(async () => placesOf((await this.#allFiles()).flat()));
  }

  /** Names of the runs that need files of this model of a hub. */
  async needing({ repository, revision }: ModelKey): Promise<string[]> {
    const { runs } = await this.list();
    const isOfIt = ({ place }: RunFile): boolean =>
      place?.at === "hub" && place.repository === repository && place.revision === revision;
    const needed = await Promise.all(runs.map(async ({ id }) => (await this.files(id)).some(isOfIt)));
    return runs.filter((_, i) => needed[i]).map(({ name }) => name);
  }

  /**
   * Keeps `source` as file `name` of a run, in place of the one before: a copy, or the place where it lies. Throws
   * StorageFullError, or UserError when the source ends early; a copy of before is whole then, a place is forgotten.
   */
  async saveFile(runId: string, name: string, source: ByteSource): Promise<void> {
    const place = await this.#places?.placeOf(source);
    return this.#writes.run(async () => {
      await sweepChunks(this.#store, filesPrefix(runId));
      const chunkBytes = this.#chunkBytes;
      const options = { prefix: filePrefix(runId, name), what: `The file ${name}`, chunkBytes };
      if (place) return this.#savePlace(options, name, source, place);
      await saveChunks(this.#store, { ...options, expectedBytes: source.size }, async (writer) => {
        for (let at = 0; at < source.size; at += chunkBytes) {
          const end = Math.min(at + chunkBytes, source.size);
          const bytes = await source.read(at, end);
          if (bytes.length !== end - at)
            throw new UserError(
              `${source.name} ended early: ${end - at} bytes were wanted at ${at}, ${bytes.length} came. Drop it again.`,
            );
          await writer.write(bytes);
        }
        return { name };
      });
    });
  }

  /** First the run says what it needs, then that is brought: a content that a run needs is not swept meanwhile. */
  async #savePlace(
    options: Parameters<typeof saveChunks>[1],
    name: string,
    source: ByteSource,
    place: FilePlace,
  ): Promise<void> {
    const elsewhere = { place, bytes: source.size };
    await saveChunks(this.#store, options, () => Promise.resolve({ name, elsewhere }));
    try {
      await this.#places!.fill(place, source);
    } catch (error) {
      await removeChunks(this.#store, options.prefix);
      throw await writeFailure(error, this.#store, { what: options.what, bytes: source.size });
    }
  }

  /** The files of a run, in order of their names. */
  async files(runId: string): Promise<RunFile[]> {
    const prefixes = await savedPrefixes(this.#store, filesPrefix(runId));
    const files = await Promise.all(prefixes.map((prefix) => this.#file(prefix)));
    return files.filter((file) => file !== undefined);
  }

  /** A source that reads a kept file and checks what it reads. Throws UserError when there is none of this name. */
  async openFile(runId: string, name: string): Promise<ByteSource> {
    const manifest = await this.#manifest(filePrefix(runId, name), name);
    if (!manifest)
      throw new UserError(`Run ${runId} keeps no file ${name}: drop it on the page to go on with this run.`);
    if (manifest.elsewhere) return this.#openPlace(runId, name, manifest.elsewhere.place);
    const reader = new ChunkReader(this.#store, `The kept file ${name}`, manifest);
    const read = async (start: number, end: number): Promise<Uint8Array> => {
      const bytes = new Uint8Array(Math.max(0, Math.min(end, manifest.bytes) - start));
      await reader.readInto(bytes, start);
      return bytes;
    };
    return { name, size: manifest.bytes, read };
  }

  async #openPlace(runId: string, name: string, place: FilePlace): Promise<ByteSource> {
    if (this.#places) return this.#places.open(place, name);
    throw new UserError(
      `Run ${runId} needs ${name}, and this browser does not open the place where large files are kept. Leave private browsing, or allow this site to store data.`,
    );
  }

  async #allFiles(): Promise<RunFile[][]> {
    const keys = await this.#store.keys(RUNS);
    const ids = new Set(keys.map((key) => key.split("/")[1]!));
    return Promise.all([...ids].map((id) => this.files(id)));
  }

  /** Forgets a file of a run; one that is not there is no error. */
  removeFile(runId: string, name: string): Promise<void> {
    return this.#writes.run(() => removeChunks(this.#store, filePrefix(runId, name)));
  }

  /** Undefined when it has just been removed. */
  async #file(prefix: string): Promise<RunFile | undefined> {
    const name = fileNameOf(prefix);
    try {
      const manifest = await this.#manifest(prefix, name);
      if (!manifest) return undefined;
      const { elsewhere, bytes } = manifest;
      return { name: manifest.name, ...(elsewhere ?? { bytes }) };
    } catch (error) {
      if (error instanceof UserError) return { name, bytes: 0, problem: error.message };
      throw error;
    }
  }

  #manifest(prefix: string, name: string): Promise<FileManifest | undefined> {
    return readManifest<FileManifest>(this.#store, prefix, `The kept file ${name}`);
  }
}

const placesOf = (files: readonly RunFile[]): FilePlace[] =>
  files.flatMap(({ place }) => (place ? [place] : []));

const fileNameOf = (prefix: string): string => decodeURIComponent(prefix.split("/").at(-2)!);

function recordOf(bytes: Uint8Array): RunRecord | undefined {
  const sealed = unseal(bytes);
  return sealed?.["version"] === 1 ? (sealed["record"] as RunRecord) : undefined;
}
