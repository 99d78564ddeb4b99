// Checkpoints of a run: named tensors and what the trainer must know to go on, all or nothing. Which tensors these are,
// and when one is due, is the trainer's matter.

import { BugError, UserError } from "../common/errors.ts";
import type { JsonObject } from "../formats/json.ts";
import type { Manifest } from "./chunks.ts";
import {
  ChunkReader,
  DamageError,
  readManifest,
  removeChunks,
  savedPrefixes,
  saveChunks,
  sweepChunks,
} from "./chunks.ts";
import { stepOf, stepPrefix, stepsPrefix } from "./layout.ts";
import { OneAtATime } from "./one-at-a-time.ts";
import type { KeyValueStore } from "./store.ts";

/** At most 64 MB, and whole f32 values. */
const CHUNK_BYTES = 64_000_000;

type NamedTensor = readonly [name: string, values: Float32Array];

export interface CheckpointData {
  readonly step: number;
  /** Plain JSON: trainer state, random state, data cursor, device choices. Doubles come back exactly. */
  readonly meta: JsonObject;
  /** A map, or tensors one at a time as they are read back from the device: then only a chunk of them is in memory. */
  readonly tensors: Iterable<NamedTensor> | AsyncIterable<NamedTensor>;
}

export interface CheckpointInfo {
  readonly step: number;
  /** Of all tensors. */
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly savedAt: number;
  /** The numbers, texts and truth values that stand directly in `meta`. */
  readonly summary: Readonly<Record<string, number | string | boolean>>;
  /** Why it cannot be loaded, where that is known without reading all of it. */
  readonly problem?: string;
}

export interface Checkpoint {
  readonly step: number;
  readonly savedAt: number;
  readonly meta: JsonObject;
  /** In the order in which they were saved. */
  readonly tensors: ReadonlyMap<string, Float32Array<ArrayBuffer>>;
}

/** A checkpoint whose tensors are read on demand. */
export interface OpenCheckpoint extends Omit<Checkpoint, "tensors"> {
  /** Names and numbers of elements, in the order in which they were saved. */
  readonly tensors: ReadonlyMap<string, number>;
  /**
   * The values of a tensor, or `count` of them from `first` on, checked. Cheapest in the order of `tensors`. Throws UserError
   * when they are damaged.
   */
  read(name: string, first?: number, count?: number): Promise<Float32Array<ArrayBuffer>>;
}

interface CheckpointManifest extends Manifest {
  readonly step: number;
  readonly meta: JsonObject;
  /** Name and number of f32 values, in the order of the bytes. */
  readonly tensors: readonly (readonly [name: string, elements: number])[];
}

/** What to keep when old checkpoints go. */
export interface Keep {
  /** How many of the newest. */
  readonly newest: number;
  /** Also the one with the largest value of this field of its summary, such as "accuracy". */
  readonly best?: string;
}

const nameOf = (runId: string, step: number): string => `The checkpoint of step ${step} of run ${runId}`;

/** The checkpoints in one store. Only one tab or process may write those of a run at a time: see run-lock.ts. */
export class Checkpoints {
  readonly #store: KeyValueStore;
  readonly #chunkBytes: number;
  readonly #writes = new OneAtATime();

  /** `chunkBytes` is for tests. */
  constructor(store: KeyValueStore, { chunkBytes = CHUNK_BYTES }: { chunkBytes?: number } = {}) {
    this.#store = store;
    this.#chunkBytes = chunkBytes;
  }

  /**
   * Saves a checkpoint, after cleaning up what an interrupted save left. Deletes no other checkpoint. Throws
   * StorageFullError or UserError when it could not be written; nothing of it is left then.
   */
  save(runId: string, { step, meta, tensors }: CheckpointData): Promise<void> {
    return this.#writes.run(async () => {
      await sweepChunks(this.#store, stepsPrefix(runId));
      const expectedBytes = tensors instanceof Map ? bytesOf(tensors.values()) : undefined;
      const prefix = stepPrefix(runId, step);
      const options = { prefix, what: nameOf(runId, step), chunkBytes: this.#chunkBytes, expectedBytes };
      await saveChunks(this.#store, options, async (writer) => {
        const names = new Map<string, number>();
        for await (const [name, { buffer, byteOffset, byteLength, length }] of tensors) {
          if (names.has(name)) throw new BugError(`a checkpoint has two tensors "${name}"`);
          names.set(name, length);
          await writer.write(new Uint8Array(buffer, byteOffset, byteLength));
        }
        return { step, meta, tensors: [...names] };
      });
    });
  }

  /** Every checkpoint of a run that was saved whole, oldest step first. */
  async list(runId: string): Promise<CheckpointInfo[]> {
    const prefixes = await savedPrefixes(this.#store, stepsPrefix(runId));
    const infos = await Promise.all(prefixes.map((prefix) => this.#info(runId, stepOf(prefix))));
    return infos.filter((info) => info !== undefined);
  }

  /** Those of `list` that can be loaded, as far as that is known. */
  async whole(runId: string): Promise<CheckpointInfo[]> {
    return (await this.list(runId)).filter(({ problem }) => problem === undefined);
  }

  /** Opens a checkpoint without reading its tensors. Throws UserError when there is none or it is damaged. */
  async open(runId: string, step: number): Promise<OpenCheckpoint> {
    const manifest = await this.#advised(runId, step, () => this.#manifest(runId, step));
    if (!manifest) throw await this.#notThere(runId, step);
    const { savedAt, meta, tensors } = manifest;
    const reader = new ChunkReader(this.#store, nameOf(runId, step), manifest);
    const starts = new Map<string, number>();
    let at = 0;
    for (const [name, elements] of tensors) {
      starts.set(name, at);
      at += 4 * elements;
    }
    const sizes = new Map(tensors);
    const read: OpenCheckpoint["read"] = async (name, first = 0, count) => {
      const elements = sizes.get(name);
      if (elements === undefined)
        throw new UserError(
          `${nameOf(runId, step)} has no tensor "${name}": it belongs to a run with other settings.`,
        );
      const values = new Float32Array(count ?? elements - first);
      const target = new Uint8Array(values.buffer);
      await this.#advised(runId, step, () => reader.readInto(target, starts.get(name)! + 4 * first));
      return values;
    };
    return { step, savedAt, meta, tensors: sizes, read };
  }

  /**
   * Reads a checkpoint, every byte of it checked. Throws UserError when there is none, or naming the damaged chunk and the
   * newest checkpoint that is whole.
   */
  async load(runId: string, step: number): Promise<Checkpoint> {
    const opened = await this.open(runId, step);
    const tensors = new Map<string, Float32Array<ArrayBuffer>>();
    for (const name of opened.tensors.keys()) tensors.set(name, await opened.read(name));
    return { step, savedAt: opened.savedAt, meta: opened.meta, tensors };
  }

  /** Removes a checkpoint; one that is not there is no error. */
  remove(runId: string, step: number): Promise<void> {
    return this.#writes.run(() => removeChunks(this.#store, stepPrefix(runId, step)));
  }

  /** Removes all but the newest and the best checkpoint; those with a problem stay. Returns the removed steps. */
  async prune(runId: string, { newest, best }: Keep): Promise<number[]> {
    if (!Number.isSafeInteger(newest) || newest < 1)
      throw new BugError(`prune would keep ${newest} checkpoints: at least the newest is needed`);
    const whole = await this.whole(runId);
    const kept = new Set(whole.slice(-newest));
    const bestOne = best === undefined ? undefined : largest(whole, best);
    if (bestOne) kept.add(bestOne);
    const removed = whole.filter((info) => !kept.has(info)).map(({ step }) => step);
    for (const step of removed) await this.remove(runId, step);
    return removed;
  }

  /** Undefined when it has just been removed. */
  async #info(runId: string, step: number): Promise<CheckpointInfo | undefined> {
    try {
      const manifest = await this.#manifest(runId, step);
      if (!manifest) return undefined;
      const { bytes, savedAt, meta } = manifest;
      return { step, bytes, savedAt, summary: summaryOf(meta) };
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      return { step, bytes: 0, savedAt: 0, summary: {}, problem: error.message };
    }
  }

  #manifest(runId: string, step: number): Promise<CheckpointManifest | undefined> {
    return readManifest(this.#store, stepPrefix(runId, step), nameOf(runId, step));
  }

  async #notThere(runId: string, step: number): Promise<UserError> {
    const steps = (await savedPrefixes(this.#store, stepsPrefix(runId))).map(stepOf);
    return new UserError(
      `${nameOf(runId, step)} does not exist. Saved are the steps: ${steps.join(", ") || "none"}.`,
    );
  }

  /** Does `work`; when it finds damage, the error also says which checkpoint to use instead. */
  async #advised<T>(runId: string, step: number, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof DamageError)) throw error;
      const other = await this.#newestWhole(runId, step);
      const advice =
        other === undefined
          ? "The run has no other checkpoint that is whole: start it again."
          : `Use the checkpoint of step ${other} instead, the newest that is whole.`;
      throw new UserError(`${error.message} ${advice}`, { cause: error });
    }
  }

  async #newestWhole(runId: string, except: number): Promise<number | undefined> {
    for (const { step, problem } of (await this.list(runId)).toReversed()) {
      if (step !== except && problem === undefined && (await this.#isWhole(runId, step))) return step;
    }
    return undefined;
  }

  async #isWhole(runId: string, step: number): Promise<boolean> {
    const manifest = await this.#manifest(runId, step);
    if (!manifest) return false;
    try {
      await new ChunkReader(this.#store, nameOf(runId, step), manifest).check();
      return true;
    } catch (error) {
      if (error instanceof DamageError) return false;
      throw error;
    }
  }
}

const bytesOf = (tensors: Iterable<Float32Array>): number =>
  [...tensors].reduce((sum, { byteLength }) => sum + byteLength, 0);

function summaryOf(meta: JsonObject): CheckpointInfo["summary"] {
  const plain = Object.entries(meta).filter(([, value]) =>
    ["number", "string", "boolean"].includes(typeof value),
  );
  return Object.fromEntries(plain) as CheckpointInfo["summary"];
}

/** The entry with the largest number in `field`, the newest of equals; undefined when none has one. */
function largest(infos: readonly CheckpointInfo[], field: string): CheckpointInfo | undefined {
  let best: { readonly info: CheckpointInfo; readonly value: number } | undefined;
  for (const info of infos) {
    const value = info.summary[field];
    if (typeof value === "number" && value >= (best?.value ?? -Infinity)) best = { info, value };
  }
  return best?.info;
}
