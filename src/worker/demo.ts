// The demo that comes with the page, fetched from beside it.

import { UserError } from "../common/errors.ts";
import { isObject, tryJson } from "../formats/json.ts";
import { bytesSource } from "../formats/safetensors.ts";
import type { ByteSource } from "../formats/safetensors.ts";

const MODEL_FILES = ["config.json", "tokenizer.json", "tokenizer_config.json", "model.onnx"];
const PROBLEM_FILES = ["train.jsonl", "test.jsonl"];

export const DEMO_NAME = "demo";

/** The demo model's files, checked to belong together where the page may compute checksums. Throws UserError. */
export async function fetchDemoModel(onFile: (done: number, total: number) => void): Promise<ByteSource[]> {
  let done = 0;
  onFile(0, MODEL_FILES.length);
  const [sums, ...files] = await Promise.all([
    fetchFile("demo.json"),
    ...MODEL_FILES.map(async (name) => {
      const file = await fetchFile(name);
      onFile(++done, MODEL_FILES.length);
      return file;
    }),
  ]);
  await checkSums(sums!, files);
  return files.map(({ name, bytes }) => bytesSource(name, bytes));
}

/** The demo's problems to train on and to test with. Throws UserError. */
export async function fetchDemoProblems(): Promise<ByteSource[]> {
  const files = await Promise.all(PROBLEM_FILES.map(fetchFile));
  return files.map(({ name, bytes }) => bytesSource(name, bytes));
}

interface Fetched {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

async function fetchFile(name: string): Promise<Fetched> {
  const url = new URL(`${import.meta.env.BASE_URL}demo/${name}`, self.location.origin);
  const answer = await fetch(url).catch((error: unknown) => error);
  if (answer instanceof Response && answer.ok && !isPage(answer))
    return { name, bytes: new Uint8Array(await answer.arrayBuffer()) };
  const why =
    answer instanceof Response
      ? `the server has no such file (${answer.status})`
      : "the server cannot be reached";
  throw new UserError(
    `The demo's ${name} could not be fetched: ${why}. Reload the page, or drop files of your own.`,
  );
}

/** Servers of single-page applications answer every unknown address with the page. */
const isPage = ({ headers }: Response): boolean =>
  headers.get("content-type")?.includes("text/html") === true;

/** A tokenizer of another build would permute the ids, and the model would answer nonsense without any error. */
async function checkSums(sums: Fetched, files: readonly Fetched[]): Promise<void> {
  if (!globalThis.crypto?.subtle) return;
  const json = tryJson(new TextDecoder().decode(sums.bytes))?.value;
  const expected = isObject(json) && isObject(json["sha256"]) ? json["sha256"] : {};
  for (const { name, bytes } of files) {
    if (typeof expected[name] !== "string") continue;
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
    if (hex !== expected[name])
      throw new UserError(
        `The demo's ${name} is not the one that belongs to its other files: the page and its files are of different versions. Reload the page without its cache.`,
      );
  }
}
