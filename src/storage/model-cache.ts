// Model files that were fetched from a hub, kept so that they are fetched once. A file is whole when its mark is there, which
// is written after its hash was checked and says how many bytes there are; without one it is the part that has come so far,
// and fetching goes on behind it.
// Beside its files lies what the hub listed at that commit, so that fetching can go on later, and be checked, without asking
// again. Where bytes lie (OPFS in a browser, a folder on a machine) is a FileTree's matter.

import { isObject, tryJson } from "../formats/json.ts";
import type { ByteSource } from "../formats/safetensors.ts";

/** Files by path, the parts of a path split by slashes. */
export interface FileTree {
  /** Paths and bytes of all files below `prefix`. */
  list(prefix: string): Promise<readonly { readonly path: string; readonly bytes: number }[]>;
  /** Bytes of a file; undefined where there is none. */
  size(path: string): Promise<number | undefined>;
  read(path: string, start: number, end: number): Promise<Uint8Array>;
  /** A file that lies on the disk, for whoever reads it lazily; absent where the place has none such. */
  blob?(path: string): Promise<Blob | undefined>;
  /**
   * Writes `bytes` from byte `start` on, into a file that is made where it is missing: two that fetch the same file write the
   * same bytes to the same places. Throws the system's error when there is no room.
   */
  write(path: string, start: number, bytes: Uint8Array): Promise<void>;
  /** Removes a file, or everything below a path. */
  remove(path: string): Promise<void>;
}

/** A model of a hub at one commit. */
export interface ModelKey {
  /** `Qwen/Qwen2.5-0.5B-Instruct`. */
  readonly repository: string;
  readonly revision: string;
}

/** A file as a hub lists it. */
export interface ListedFile {
  readonly path: string;
  readonly bytes: number;
  /** Of large files; the hub tells none of small ones. */
  readonly sha256?: string;
}

/** What of a model is in the cache. */
export interface CachedModel extends ModelKey {
  /** Every file of the repository; undefined where its list was not kept. */
  readonly listed: readonly ListedFile[] | undefined;
  /** Whole files. */
  readonly files: readonly ListedFile[];
  /** Bytes that have come of each file, of parts too. */
  readonly come: ReadonlyMap<string, number>;
}

/** A file of the cache, and where in it. */
export interface CachedSource extends ByteSource {
  readonly cached: ModelKey & { readonly path: string };
}

/** A file that is being fetched. */
export interface CachedPart {
  /** Bytes that are there. */
  readonly bytes: number;
  read(start: number, end: number): Promise<Uint8Array>;
  append(bytes: Uint8Array): Promise<void>;
  /** Marks the file as whole. */
  complete(): Promise<void>;
  /** Forgets what has come. */
  discard(): Promise<void>;
}

const MARK = ".whole";
/** The file with the list; names of a repository's files are encoded, and none of those begins with a point. */
const LIST = ".listed";
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A name that any file system takes, and that is never a folder above. */
const encoded = (name: string): string =>
  encodeURIComponent(name).replaceAll("*", "%2A").replace(/^\./, "%2E");

/** The names in a path; undefined where another than this file has made it. */
function decoded(path: string): readonly string[] | undefined {
  try {
    return path.split("/").map(decodeURIComponent);
  } catch {
    return undefined;
  }
}

export class ModelCache {
  readonly #tree: FileTree;

  constructor(tree: FileTree) {
    this.#tree = tree;
  }

  /** Every model of which something is there, by name. */
  async models(): Promise<CachedModel[]> {
    const found = new Map<string, Found>();
    for (const { path, bytes } of await this.#tree.list("")) {
      const [repository, revision, file, ...rest] = decoded(path) ?? [];
      if (repository === undefined || revision === undefined || file === undefined || rest.length > 0)
        continue;
      const id = `${repository}@${revision}`;
      const model: Found = found.get(id) ?? {
        key: { repository, revision },
        come: new Map(),
        marks: new Map(),
      };
      found.set(id, model);
      if (path.endsWith(`/${LIST}`)) model.listed = await this.#listed(path, bytes);
      else if (file.endsWith(MARK))
        model.marks.set(file.slice(0, -MARK.length), await this.#marked(path, bytes));
      else model.come.set(file, bytes);
    }
    return [...found.values()]
      .map(({ key, come, marks, listed }) => ({
        ...key,
        listed,
        files: [...come]
          .filter(([file, size]) => marks.get(file) === size)
          .map(([path, bytes]) => ({ path, bytes })),
        come,
      }))
      .toSorted((a, b) => a.repository.localeCompare(b.repository));
  }

  /** Keeps what the hub lists of a model; one commit has one list. */
  async list(key: ModelKey, files: readonly ListedFile[]): Promise<void> {
    const path = `${this.#folder(key)}/${LIST}`;
    const bytes = await this.#tree.size(path);
    if (bytes !== undefined && (await this.#listed(path, bytes))) return;
    await this.#tree.remove(path);
    await this.#tree.write(path, 0, encoder.encode(JSON.stringify(files)));
  }

  /** A whole file; undefined where it is not, or not yet. */
  async open(key: ModelKey, file: string): Promise<CachedSource | undefined> {
    const path = this.#path(key, file);
    const mark = `${path}${MARK}`;
    const [size, markBytes] = [await this.#tree.size(path), await this.#tree.size(mark)];
    if (size === undefined || markBytes === undefined) return undefined;
    if ((await this.#marked(mark, markBytes)) !== size) return undefined;
    const folder = key.repository.split("/").at(-1)!;
    const name = `${folder}/${file.split("/").at(-1)!}`;
    const read = (start: number, end: number): Promise<Uint8Array> => this.#tree.read(path, start, end);
    const blob = await this.#tree.blob?.(path);
    return { name, size, read, ...(blob && { blob }), cached: { ...key, path: file } };
  }

  /** What has come of a file, to go on behind it. */
  async part(key: ModelKey, file: string): Promise<CachedPart> {
    const tree = this.#tree;
    const path = this.#path(key, file);
    let bytes = (await tree.size(path)) ?? 0;
    return {
      get bytes() {
        return bytes;
      },
      read: (start, end) => tree.read(path, start, end),
      append: async (more) => {
        await tree.write(path, bytes, more);
        bytes += more.length;
      },
      complete: async () => {
        await tree.remove(`${path}${MARK}`);
        await tree.write(`${path}${MARK}`, 0, encoder.encode(String(bytes)));
      },
      discard: async () => {
        await tree.remove(path);
        bytes = 0;
      },
    };
  }

  /** Removes all files of a model. */
  remove(key: ModelKey): Promise<void> {
    return this.#tree.remove(this.#folder(key));
  }

  /** The size that a file had when it was whole. */
  async #marked(mark: string, bytes: number): Promise<number> {
    return Number(decoder.decode(await this.#tree.read(mark, 0, bytes)));
  }

  /** Undefined where the list was cut short, as when the page was closed while it was written. */
  async #listed(path: string, bytes: number): Promise<readonly ListedFile[] | undefined> {
    const files = tryJson(decoder.decode(await this.#tree.read(path, 0, bytes)))?.value;
    const isFile = (file: unknown): file is ListedFile =>
      isObject(file) && typeof file["path"] === "string" && typeof file["bytes"] === "number";
    return Array.isArray(files) && files.every(isFile) ? files : undefined;
  }

  #folder({ repository, revision }: ModelKey): string {
    return `${encoded(repository)}/${encoded(revision)}`;
  }

  #path(key: ModelKey, file: string): string {
    return `${this.#folder(key)}/${encoded(file)}`;
  }
}

interface Found {
  readonly key: ModelKey;
  readonly come: Map<string, number>;
  /** What a whole file has. */
  readonly marks: Map<string, number>;
  listed?: readonly ListedFile[] | undefined;
}
