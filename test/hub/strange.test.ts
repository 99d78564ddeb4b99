// A hub that answers otherwise than the real one, two that fetch one file at once, and files of the cache that changed on the
// disk: nothing is written outside a model's folder, and nothing that is not whole counts as whole.

import { createHash } from "node:crypto";
import { readdir, truncate } from "node:fs/promises";
import path from "node:path";

import { beforeEach, describe, expect, test } from "vitest";

import { cachedOffers } from "../../src/app/hub-models.ts";
import { fetchFiles } from "../../src/hub/download.ts";
import type { Hub, HubFile } from "../../src/hub/repository.ts";
import { hubAt, listRepository } from "../../src/hub/repository.ts";
import { folderFiles } from "../../src/node/files/folder-files.ts";
import type { FileTree } from "../../src/storage/model-cache.ts";
import { ModelCache } from "../../src/storage/model-cache.ts";
import { temporaryFolder } from "../storage/stores.ts";

const ID = "owner/model";
const BODY = Uint8Array.from({ length: 5000 }, (_, i) => i % 251);
const hashOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

let folder: string;
let cache: ModelCache;
beforeEach(async () => {
  folder = await temporaryFolder();
  cache = new ModelCache(folderFiles(folder));
});

interface Strange {
  readonly sha?: string;
  /** Entries of the list, page after page. */
  readonly pages?: readonly (readonly object[])[];
  /** Where the next page is said to be. */
  readonly next?: (page: number) => string | undefined;
  readonly file?: (range: string | null) => Response;
}

/** A hub that lists `pages` and sends `file` for every file; addresses asked for go to `asked`. */
function strangeHub({ sha = "abc", pages = [[]], next, file }: Strange, asked: string[] = []): Hub {
  return hubAt("https://hub.test/", ((url: string, init?: RequestInit) => {
    asked.push(url);
    const { pathname, searchParams } = new URL(url);
    if (pathname.includes("/resolve/"))
      return Promise.resolve(file!(new Headers(init?.headers).get("range")));
    if (pathname.includes("/revision/")) return Promise.resolve(Response.json({ sha }));
    const page = Number(searchParams.get("page"));
    const link = next ? next(page) : page + 1 < pages.length ? `?page=${page + 1}` : undefined;
    const headers = link === undefined ? {} : { link: `<${link}>; rel="next"` };
    return Promise.resolve(Response.json(pages[page % pages.length], { headers }));
  }) as typeof fetch);
}

const entry = (name: string, size: unknown = 1, lfs?: object): object => ({
  type: "file",
  path: name,
  size,
  ...(lfs && { lfs }),
});
const fetchOne = (hub: Hub, file: HubFile, tree = cache) =>
  fetchFiles(hub, { id: ID, revision: "abc", files: [file] }, [file], tree, { pauses: [] });

test.each(["nonsense", "huggingface.co", "ftp://hub.test", ""])(
  "%j is refused as the address of a hub",
  (address) => expect(() => hubAt(address, fetch)).toThrow(/is no address of a hub. One with https:\/\//),
);

describe("a list", () => {
  test.each([
    ["a commit that is a path", { sha: ".." }, /no commit/],
    ["a file in a folder above", { pages: [[entry("../../a")]] }, /outside the repository/],
    ["a file at an absolute path", { pages: [[entry("/a")]] }, /outside the repository/],
    ["a size below zero", { pages: [[entry("a", -1)]] }, /without path or size/],
    ["a broken size", { pages: [[entry("a", 0.5)]] }, /without path or size/],
    ["a hash that is none", { pages: [[entry("a", 1, { oid: "12" })]] }, /not SHA-256/],
  ])("with %s is refused", async (_, strange, message) => {
    await expect(listRepository(strangeHub(strange), { id: ID })).rejects.toThrow(message);
  });

  test("that never ends is left", async () => {
    const pages = Array.from({ length: 200 }, (_, i) => [entry(`file-${i}`)]);
    await expect(listRepository(strangeHub({ pages }), { id: ID })).rejects.toThrow(/has more than 50 files/);
  });

  test("of ten thousand files is read", async () => {
    const pages = Array.from({ length: 10 }, (_, page) =>
      Array.from({ length: 1000 }, (__, i) => entry(`${page}/${i}`)),
    );
    expect((await listRepository(strangeHub({ pages }), { id: ID })).files).toHaveLength(10_000);
  });

  test("that names a file twice has it once, and a hash in capitals is the same hash", async () => {
    const lfs = { oid: hashOf(BODY).toUpperCase() };
    const pages = [[entry("a", 5000, lfs), entry("b")], [entry("a", 5000, lfs)]];
    const { files } = await listRepository(strangeHub({ pages }), { id: ID });
    expect(files.map((file) => file.path)).toEqual(["a", "b"]);
    expect(files[0]!.sha256).toBe(hashOf(BODY));
  });

  test("of a mirror that points to the original is read from the mirror", async () => {
    const asked: string[] = [];
    const pages = [[entry("a")], [entry("b")]];
    const next = (page: number): string | undefined =>
      page === 0 ? `https://original.test/api/models/${ID}/tree/abc?page=1` : undefined;
    expect((await listRepository(strangeHub({ pages, next }, asked), { id: ID })).files).toHaveLength(2);
    expect(asked.every((url) => url.startsWith("https://hub.test/api/"))).toBe(true);
  });
});

describe("a file", () => {
  test.each(["/out", "..%2F..%2Fout", ".hidden", "..", "C:\\out", "a/b"])(
    "called %j stays in the model's folder",
    async (name) => {
      const hub = strangeHub({ file: () => new Response(BODY) });
      const [source] = await fetchOne(hub, { path: name, bytes: BODY.length });
      expect(source!.size).toBe(BODY.length);
      expect(await readdir(folder)).toEqual(["owner%2Fmodel"]);
      expect(await readdir(path.join(folder, "owner%2Fmodel"))).toEqual(["abc"]);
      // The list, the file, and its mark.
      expect(await readdir(path.join(folder, "owner%2Fmodel", "abc"))).toHaveLength(3);
      expect(await readdir(path.dirname(folder))).not.toContain("out");
    },
  );

  test("of no bytes is there", async () => {
    const hub = strangeHub({ file: () => new Response("") });
    const [source] = await fetchOne(hub, { path: "empty", bytes: 0 });
    expect(source!.size).toBe(0);
  });

  test("that shrank at the hub is forgotten, so that fetching it again can succeed", async () => {
    let whole = BODY.subarray(0, 3000);
    const file = { path: "a", bytes: BODY.length };
    const hub = strangeHub({
      file: (range) => {
        const from = Number(/bytes=(\d+)/.exec(range ?? "")?.[1] ?? 0);
        if (from > 0 && from >= whole.length) return new Response(null, { status: 416 });
        return new Response(Uint8Array.from(whole.subarray(from)), { status: range ? 206 : 200 });
      },
    });
    await expect(fetchOne(hub, file)).rejects.toThrow(/What has come is kept/);
    await expect(fetchOne(hub, file)).rejects.toThrow(/should have 5000 bytes/);
    whole = BODY;
    const [source] = await fetchOne(hub, file);
    expect(await source!.read(0, BODY.length)).toEqual(BODY);
  });

  test("that does not end is left once it is longer than listed", async () => {
    let sent = 0;
    const endless = (): Response =>
      new Response(
        new ReadableStream<Uint8Array>({
          pull: (controller) => {
            sent += 2 ** 20;
            controller.enqueue(new Uint8Array(2 ** 20));
          },
        }),
      );
    await expect(fetchOne(strangeHub({ file: endless }), { path: "a", bytes: 10 })).rejects.toThrow(
      /should have 10 bytes/,
    );
    expect(sent).toBeLessThan(20 * 2 ** 20);
  });

  test("fetched twice at once is whole, also where the hub tells no hash", async () => {
    const hub = strangeHub({ file: () => new Response(BODY) });
    const file = { path: "tokenizer.json", bytes: BODY.length };
    const other = new ModelCache(folderFiles(folder));
    await Promise.all([fetchOne(hub, file), fetchOne(hub, file, other)]);
    const source = await cache.open({ repository: ID, revision: "abc" }, file.path);
    expect(await source!.read(0, source!.size)).toEqual(BODY);
    expect(source!.size).toBe(BODY.length);
  });

  test.each([
    ["NoModificationAllowedError", /Another tab is writing a, so fetching it was stopped here/],
    ["QuotaExceededError", /Storage is full: 0.0 MB of a have no room. What has come is kept/],
  ])("whose write ends in %s is refused in a sentence", async (name, message) => {
    const full = new ModelCache(refusing(new DOMException("no", name), ({ path: at }) => at.endsWith("/a")));
    const hub = strangeHub({ file: () => new Response(BODY) });
    await expect(fetchOne(hub, { path: "a", bytes: 5000 }, full)).rejects.toThrow(message);
  });

  test.each([".listed", ".whole"])("whose %s has no room is refused in a sentence", async (ending) => {
    const full = new DOMException("no", "QuotaExceededError");
    const tree = refusing(full, ({ path: at }) => at.endsWith(ending));
    const hub = strangeHub({ file: () => new Response(BODY) });
    await expect(fetchOne(hub, { path: "a", bytes: 5000 }, new ModelCache(tree))).rejects.toThrow(
      /Storage is full/,
    );
    // What has come of it counts once there is room.
    const [source] = await fetchOne(hub, { path: "a", bytes: 5000, sha256: hashOf(BODY) });
    expect(source!.size).toBe(5000);
  });

  test("that storage has no room for in its middle goes on from there when there is", async () => {
    const whole = Uint8Array.from({ length: 9 * 2 ** 20 }, (_, i) => (i * 7 + (i >> 11)) % 253);
    const file = { path: "a", bytes: whole.length, sha256: hashOf(whole) };
    const ranges: (string | null)[] = [];
    const hub = strangeHub({
      file: (range) => {
        ranges.push(range);
        const from = Number(/bytes=(\d+)/.exec(range ?? "")?.[1] ?? 0);
        return new Response(inPieces(whole.subarray(from)), { status: range ? 206 : 200 });
      },
    });
    const full = new DOMException("no", "QuotaExceededError");
    const isPast = ({ path: at, start }: Write): boolean => at.endsWith("/a") && start >= 4 * 2 ** 20;
    await expect(fetchOne(hub, file, new ModelCache(refusing(full, isPast)))).rejects.toThrow(
      /Storage is full: \d\.\d MB of a have no room. What has come is kept. Remove models or runs/,
    );
    const come = (await cache.part({ repository: ID, revision: "abc" }, "a")).bytes;
    expect(come).toBeGreaterThanOrEqual(4 * 2 ** 20);
    expect(come).toBeLessThan(whole.length);
    const [source] = await fetchOne(hub, file);
    expect(hashOf(await source!.read(0, source!.size))).toBe(file.sha256);
    expect(ranges).toEqual([null, `bytes=${come}-`]);
  });

  test("that is listed and not there is named", async () => {
    const hub = strangeHub({ file: () => new Response(null, { status: 404 }) });
    const file = { path: "model-00002-of-00002.safetensors", bytes: 5000 };
    await expect(fetchOne(hub, file)).rejects.toThrow(
      /hub.test lists model-00002-of-00002.safetensors of owner\/model and does not have it/,
    );
  });
});

/** As a network gives them. */
const inPieces = (bytes: Uint8Array): ReadableStream<Uint8Array<ArrayBuffer>> =>
  new ReadableStream({
    start: (controller) => {
      for (let at = 0; at < bytes.length; at += 2 ** 20)
        controller.enqueue(Uint8Array.from(bytes.subarray(at, at + 2 ** 20)));
      controller.close();
    },
  });

interface Write {
  readonly path: string;
  readonly start: number;
}

/** The folder, but writes that `isRefused` says end in `error`. */
const refusing = (error: Error, isRefused: (write: Write) => boolean): FileTree => {
  const tree = folderFiles(folder);
  return {
    ...tree,
    write: (at, start, bytes) =>
      isRefused({ path: at, start }) ? Promise.reject(error) : tree.write(at, start, bytes),
  };
};

describe("the cache", () => {
  const companions = ["config.json", "tokenizer.json", "tokenizer_config.json"];
  const keep = async (names: readonly string[]): Promise<void> => {
    for (const name of names) {
      const part = await cache.part({ repository: ID, revision: "abc" }, name);
      await part.append(BODY);
      await part.complete();
    }
  };
  const kept = async (): Promise<string[]> =>
    (await cachedOffers(cache)).flatMap(({ whole }) => whole.map(({ label }) => label));

  test("offers no form of which a part is still to come", async () => {
    const parts = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    await keep([...companions, parts[0]!]);
    expect(await kept()).toEqual([]);
    await keep([parts[1]!, "model.safetensors.index.json"]);
    expect(await kept()).toEqual(["safetensors in 2 parts"]);
  });

  test("offers nothing of a model without its tokenizer", async () => {
    await keep(["config.json", "tokenizer_config.json", "model.safetensors"]);
    expect(await kept()).toEqual([]);
  });

  test("knows what was listed, and what has come of which form", async () => {
    const listed = [...companions, "model.safetensors", "onnx/model_q4.onnx", "onnx/model_int8.onnx"];
    const files = listed.map((name) => ({ path: name, bytes: BODY.length }));
    const key = { repository: ID, revision: "abc" };
    await cache.list(key, files);
    await keep(companions);
    await (await cache.part(key, "model.safetensors")).append(BODY.slice(0, 1200));
    const [offer] = await cachedOffers(cache);
    expect(offer!.variants.map(({ id }) => id).toSorted()).toEqual([
      "model.safetensors",
      "onnx/model_q4.onnx",
    ]);
    expect(offer!.unread.map(({ label, why }) => `${label}: ${why}`)).toEqual([
      "ONNX, int8: 8-bit weights are not read here",
    ]);
    expect([...offer!.come]).toEqual([["model.safetensors", 3 * 5000 + 1200]]);
    expect(offer!.whole).toEqual([]);
    expect(offer!.bytes).toBe(3 * 5000 + 1200);
  });

  test("leaves out a model of which only the list has come", async () => {
    const key = { repository: ID, revision: "abc" };
    await cache.list(key, [{ path: "model.safetensors", bytes: BODY.length }]);
    expect(await cachedOffers(cache)).toEqual([]);
    await (await cache.part(key, "model.safetensors")).append(BODY.slice(0, 1));
    expect(await cachedOffers(cache)).toHaveLength(1);
  });

  test("does without a list that was cut short, and writes it anew", async () => {
    const key = { repository: ID, revision: "abc" };
    await keep([...companions, "model.safetensors"]);
    await cache.list(key, [{ path: "a", bytes: 1 }]);
    await truncate(path.join(folder, "owner%2Fmodel", "abc", ".listed"), 5);
    expect(await kept()).toEqual(["safetensors"]);
    expect((await cache.models())[0]!.listed).toBeUndefined();
    await cache.list(key, [{ path: "a", bytes: 1 }]);
    expect((await cache.models())[0]!.listed).toEqual([{ path: "a", bytes: 1 }]);
  });

  test("takes a file that was cut short on the disk for a part, and fetches the rest", async () => {
    await keep([...companions, "model.safetensors"]);
    expect(await kept()).toEqual(["safetensors"]);
    await truncate(path.join(folder, "owner%2Fmodel", "abc", "model.safetensors"), 1000);
    expect(await kept()).toEqual([]);
    const ranges: (string | null)[] = [];
    const hub = strangeHub({
      file: (range) => {
        ranges.push(range);
        return new Response(BODY.slice(1000), { status: 206 });
      },
    });
    const [source] = await fetchOne(hub, { path: "model.safetensors", bytes: 5000, sha256: hashOf(BODY) });
    expect(await source!.read(0, 5000)).toEqual(BODY);
    expect(ranges).toEqual(["bytes=1000-"]);
  });
});
