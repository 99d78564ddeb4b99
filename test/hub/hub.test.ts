// Fetching a model from a server with the hub's layout: what is listed and offered, that it goes on where it broke off, that
// nothing damaged counts as whole, and that it is there without a network afterwards.

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import type { HubFile, Repository } from "../../src/hub/repository.ts";
import { listRepository, repositoryName } from "../../src/hub/repository.ts";
import { fetchFiles } from "../../src/hub/download.ts";
import { formsOf } from "../../src/hub/variants.ts";
import { folderFiles } from "../../src/node/files/folder-files.ts";
import { ModelCache } from "../../src/storage/model-cache.ts";
import { temporaryFolder } from "../storage/stores.ts";
import type { HubServer } from "./server.ts";
import { REVISION, startHub } from "./server.ts";

const ID = "owner/tiny-model";
const KEY = { repository: ID, revision: REVISION };
const bytesOf = (count: number, seed: number): Uint8Array =>
  Uint8Array.from({ length: count }, (_, i) => (i * seed + (i >> 8)) % 251);
const FILES = {
  "config.json": new TextEncoder().encode("{}"),
  "tokenizer.json": new TextEncoder().encode("{ }"),
  "tokenizer_config.json": new TextEncoder().encode("{}"),
  "README.md": new TextEncoder().encode("hello"),
  "model.safetensors": bytesOf(300_000, 7),
  "onnx/model.onnx": bytesOf(2000, 3),
  "onnx/model.onnx_data": bytesOf(400_000, 5),
  "onnx/model_q4f16.onnx": bytesOf(90_000, 11),
  "onnx/model_int8.onnx": bytesOf(100_000, 13),
};

let server: HubServer;
let cache: ModelCache;
beforeEach(async () => {
  server = await startHub({ [ID]: FILES });
  cache = new ModelCache(folderFiles(await temporaryFolder()));
});
afterEach(() => server.close());

const hub = () => ({ baseUrl: server.url, fetch });
const large = (repository: Repository): HubFile =>
  repository.files.find(({ path }) => path === "model.safetensors")!;
const quick = { pauses: [1, 1] };

async function content(path: keyof typeof FILES): Promise<Uint8Array | undefined> {
  const source = await cache.open(KEY, path);
  return source && new Uint8Array(await source.read(0, source.size));
}

test("a repository's name is read from what people paste", () => {
  for (const text of [
    ID,
    ` ${ID}/ `,
    `https://huggingface.co/${ID}`,
    `https://huggingface.co/${ID}/tree/main/onnx`,
  ])
    expect(repositoryName(text).id).toBe(ID);
  expect(repositoryName(ID)).toEqual({ id: ID });
  expect(repositoryName(`${ID}@v1.0`)).toEqual({ id: ID, revision: "v1.0" });
  expect(repositoryName(`https://huggingface.co/${ID}/tree/refs%2Fpr%2F3`)).toEqual({
    id: ID,
    revision: "refs/pr/3",
  });
  for (const text of ["", "model", "a/b/c", "../..", "owner/..", "https://huggingface.co/model"])
    expect(() => repositoryName(text)).toThrow(/is no repository: an owner and a name/);
});

describe("a repository", () => {
  test("is listed over all pages, at its commit, with hashes of large files", async () => {
    const repository = await listRepository(hub(), { id: ID });
    expect(repository.revision).toBe(REVISION);
    expect(repository.files.map(({ path }) => path)).toEqual(Object.keys(FILES));
    expect(large(repository)).toMatchObject({
      bytes: 300_000,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    });
    expect(repository.files[0]!.sha256).toBeUndefined();
  });

  test("is offered in the forms that are read here, the smallest first, with all that each needs", async () => {
    const { variants } = formsOf(await listRepository(hub(), { id: ID }));
    expect(variants.map(({ label }) => label)).toEqual([
      "ONNX, 4-bit, float16",
      "safetensors",
      "ONNX, float32",
    ]);
    expect(variants[2]!.files.map(({ path }) => path)).toEqual([
      "config.json",
      "tokenizer.json",
      "tokenizer_config.json",
      "onnx/model.onnx_data",
      "onnx/model.onnx",
    ]);
    expect(variants[1]!.bytes).toBe(300_000 + 2 + 3 + 2);
  });

  test.each([
    [404, /no public repository owner\/tiny-model/],
    [401, /is closed/],
    [429, /asks to wait/],
    [500, /status 500/],
  ])("that answers with %i is refused in a sentence", async (status, message) => {
    server.faults.status = status;
    await expect(listRepository(hub(), { id: ID })).rejects.toThrow(message);
  });

  test("without a network is refused in a sentence", async () => {
    const nowhere = { baseUrl: "http://127.0.0.1:9", fetch };
    await expect(listRepository(nowhere, { id: ID })).rejects.toThrow(
      /cannot be reached, so owner\/tiny-model/,
    );
  });

  test("without weights or tokenizer names what is missing", () => {
    const repository = (paths: readonly string[]): Repository => ({
      id: ID,
      revision: REVISION,
      files: paths.map((path) => ({ path, bytes: 1 })),
    });
    const companions = ["config.json", "tokenizer.json", "tokenizer_config.json"];
    expect(() => formsOf(repository(["config.json", "model.safetensors"]))).toThrow(
      /has no tokenizer.json and no tokenizer_config.json/,
    );
    expect(() => formsOf(repository([...companions, "pytorch_model.bin"]))).toThrow(
      /no weights that are read here \(it has pytorch_model.bin\)/,
    );
    expect(() => formsOf(repository([...companions, "onnx/model_bnb4.onnx"]))).toThrow(
      /it has onnx\/model_bnb4.onnx: the 4-bit weights of bitsandbytes are not read here/,
    );
    const parts = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    const {
      variants: [variant],
    } = formsOf(repository([...companions, ...parts, "model.safetensors.index.json"]));
    expect(variant).toMatchObject({ label: "safetensors in 2 parts", bytes: 6 });
    const { unread } = formsOf(
      repository([...companions, parts[1]!, "model.safetensors.index.json", "model.onnx"]),
    );
    expect(unread).toEqual([
      {
        id: "model.safetensors.index.json",
        label: "safetensors in 2 parts",
        bytes: 2,
        why: "model-00001-of-00002.safetensors is not in the repository",
      },
    ]);
  });
});

describe("files", () => {
  test("are fetched once, tell how far they are, and are there without a network", async () => {
    const repository = await listRepository(hub(), { id: ID });
    const { files, bytes } = formsOf(repository).variants[2]!;
    const told: [number, number][] = [];
    const sources = await fetchFiles(hub(), repository, files, cache, {
      onProgress: (...progress) => told.push(progress),
    });
    expect(told.at(-1)).toEqual([bytes, bytes]);
    expect(told.every(([done], i) => i === 0 || done >= told[i - 1]![0])).toBe(true);
    expect(sources.map(({ name }) => name)).toContain("tiny-model/model.onnx_data");
    expect(await content("onnx/model.onnx_data")).toEqual(FILES["onnx/model.onnx_data"]);
    await server.close();
    const again = await fetchFiles(hub(), repository, files, cache);
    expect(again.map(({ size }) => size)).toEqual(files.map((file) => file.bytes));
  });

  test("go on where the connection broke, and say so when it breaks again and again", async () => {
    const repository = await listRepository(hub(), { id: ID });
    const file = large(repository);
    server.faults.cuts = [100_000, 50_000];
    await fetchFiles(hub(), repository, [file], cache, quick);
    expect(await content("model.safetensors")).toEqual(FILES["model.safetensors"]);
    const ranges = server.requests.filter(({ path }) => path.includes("resolve")).map(({ range }) => range);
    expect(ranges).toEqual([undefined, "bytes=100000-", "bytes=150000-"]);
  });

  test("that break off for good keep what has come", async () => {
    const repository = await listRepository(hub(), { id: ID });
    const file = large(repository);
    const broken = {
      baseUrl: server.url,
      fetch: (() => Promise.reject(new TypeError("no network"))) as typeof fetch,
    };
    server.faults.cuts = [120_000];
    const dying = { pauses: [] };
    await expect(fetchFiles(hub(), repository, [file], cache, dying)).rejects.toThrow(
      /broke at 0.1 MB of 0.3 MB of model.safetensors. What has come is kept/,
    );
    await expect(fetchFiles(broken, repository, [file], cache, quick)).rejects.toThrow(/cannot be reached/);
    expect(await content("model.safetensors")).toBeUndefined();
    expect((await cache.part(KEY, file.path)).bytes).toBe(120_000);
    await fetchFiles(hub(), repository, [file], cache);
    expect(await content("model.safetensors")).toEqual(FILES["model.safetensors"]);
  });

  test("can be left and taken up again", async () => {
    const repository = await listRepository(hub(), { id: ID });
    const file = large(repository);
    const left = new AbortController();
    server.faults.cuts = [60_000];
    const fetching = fetchFiles(hub(), repository, [file], cache, {
      signal: left.signal,
      pauses: [60_000],
    });
    setTimeout(() => left.abort(), 200);
    await expect(fetching).rejects.toMatchObject({ name: "AbortError" });
    expect((await cache.part(KEY, file.path)).bytes).toBe(60_000);
    await fetchFiles(hub(), repository, [file], cache);
    expect(await content("model.safetensors")).toEqual(FILES["model.safetensors"]);
  });

  test("come whole from a server that knows no ranges", async () => {
    const repository = await listRepository(hub(), { id: ID });
    server.faults.cuts = [100_000];
    server.faults.ignoresRanges = true;
    await fetchFiles(hub(), repository, [large(repository)], cache, quick);
    expect(await content("model.safetensors")).toEqual(FILES["model.safetensors"]);
  });

  test("that arrive damaged are thrown away", async () => {
    const repository = await listRepository(hub(), { id: ID });
    server.faults.damages = true;
    await expect(fetchFiles(hub(), repository, [large(repository)], cache)).rejects.toThrow(
      /model.safetensors was damaged on its way/,
    );
    expect((await cache.part(KEY, "model.safetensors")).bytes).toBe(0);
    server.faults.damages = false;
    await fetchFiles(hub(), repository, [large(repository)], cache);
    expect(await content("model.safetensors")).toEqual(FILES["model.safetensors"]);
  });
});

test("the cache lists models with their whole files, and removes them", async () => {
  const repository = await listRepository(hub(), { id: ID });
  await fetchFiles(hub(), repository, repository.files.slice(0, 2), cache);
  await (await cache.part(KEY, "onnx/model.onnx")).append(new Uint8Array(10));
  expect(await cache.models()).toEqual([
    {
      ...KEY,
      files: [
        { path: "config.json", bytes: 2 },
        { path: "tokenizer.json", bytes: 3 },
      ],
      listed: repository.files,
      come: new Map([
        ["config.json", 2],
        ["tokenizer.json", 3],
        ["onnx/model.onnx", 10],
      ]),
    },
  ]);
  await cache.remove(KEY);
  expect(await cache.models()).toEqual([]);
});
