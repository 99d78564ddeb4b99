// What lies in memory while a large model is loaded: less than 256 MiB, however large its tensors, in whatever form its file
// is. The process of a test is also the software adapter's, so array buffers and heap are counted, not what is resident.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { toBfloat16Bits } from "../../src/common/bf16.ts";
import { fromHalfBits, fromHalves, toHalfBits } from "../../src/common/f16.ts";
import { isQ4, q4Words, unpackQ4 } from "../../src/common/q4.ts";
import type { EncodedFile } from "../../src/formats/encoded-file.ts";
import { openOnnxModel } from "../../src/formats/onnx/model.ts";
import { encodeOnnxModel } from "../../src/formats/onnx/write.ts";
import { encodeSafetensors } from "../../src/formats/safetensors-stream.ts";
import type { Recorder } from "../../src/gpu/index.ts";
import { GpuAllocator } from "../../src/gpu/index.ts";
import { parseDecoderConfig } from "../../src/model/config.ts";
import type { ParameterSource } from "../../src/model/parameters.ts";
import { loadParameters } from "../../src/model/parameters.ts";
import { FrozenStorage } from "../../src/model/pools.ts";
import { openSafetensorsWeights } from "../../src/model/shards.ts";
import type { Parameter } from "../../src/model/weights.ts";
import { buildWeights } from "../../src/model/weights.ts";
import { replaceFile } from "../../src/node/files/replace-file.ts";
import { fileSource } from "../../src/node/files/source.ts";
import { randomWeights } from "../../src/node/make-model/random-weights.ts";
import { MODEL_CONFIGS } from "../../src/node/make-model/shapes.ts";
import { openRecorder } from "../harness.ts";

/** Qwen2.5-0.5B's vocabulary at a quarter of its width, and little else: the embedding has 34 million numbers. */
const CONFIG = parseDecoderConfig({
  ...MODEL_CONFIGS["qwen2.5-0.5b"],
  hidden_size: 224,
  intermediate_size: 64,
  num_attention_heads: 7,
  num_key_value_heads: 1,
  num_hidden_layers: 1,
  max_position_embeddings: 64,
});
const WEIGHTS = randomWeights(CONFIG, 1);
const EMBEDDING = "model.embed_tokens.weight";
const ALLOWANCE = 256 * 2 ** 20;
/** The first and last, and some around the end of the first band. */
const ROWS = [0, 1, 74_897, 74_898, 74_899, CONFIG.vocab - 1];

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), "gradus-load-"))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function written(name: string, { pieces }: EncodedFile): Promise<string> {
  const file = join(folder, name);
  await replaceFile(file, pieces());
  return file;
}

const inBfloat16 = (): EncodedFile =>
  encodeSafetensors(
    WEIGHTS.names.map((name) => ({
      name,
      dtype: "BF16",
      shape: WEIGHTS.shape(name)!,
      values: () => WEIGHTS.read(name),
    })),
  );

const onnx = async (name: string, encoded: EncodedFile): Promise<ParameterSource> =>
  openOnnxModel({ model: await fileSource(await written(name, encoded), name), config: CONFIG });

const heapBytes = (): number => {
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  return arrayBuffers + heapUsed;
};

/** Bytes that lie in memory, without what nobody holds any more; buffers are let go a moment after their collection. */
async function heapAtRest(): Promise<number> {
  setFlagsFromString("--expose_gc");
  const collect = runInNewContext("gc") as () => void;
  for (let times = 0; times < 3; times++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return heapBytes();
}

interface Loaded {
  /** Most that lay in memory, beyond what did before, bytes. */
  readonly peak: number;
  /** Rows of the embedding as the device has them. */
  readonly rows: readonly Float32Array[];
}

async function load(source: ParameterSource, type: "f16" | "q4"): Promise<Loaded> {
  const recorder = await openRecorder();
  const allocator = new GpuAllocator(recorder.gpu);
  const weights = buildWeights(CONFIG, new FrozenStorage(allocator, type), recorder.gpu.maxBindingBytes / 2);
  const before = await heapAtRest();
  let peak = 0;
  const write = recorder.write.bind(recorder);
  recorder.write = (...args) => {
    peak = Math.max(peak, heapBytes() - before);
    write(...args);
  };
  await loadParameters(recorder, weights.parameters, source);
  const rows = await Promise.all(ROWS.map((row) => deviceRow(recorder, weights.parameters[0]!, row)));
  allocator.destroy();
  console.log(`peak ${(peak / 2 ** 20).toFixed(0)} MiB`);
  return { peak, rows };
}

async function deviceRow(recorder: Recorder, { pieces }: Parameter, row: number): Promise<Float32Array> {
  const columns = CONFIG.hidden;
  const piece = pieces.find(({ start, count }) => row * columns >= start && row * columns < start + count)!;
  const { tensor } = piece.stored;
  const at = row * columns - piece.start;
  if (tensor.type === "f16")
    return fromHalves(new Uint16Array(await recorder.read(tensor, 2 * columns, 2 * at)));
  if (!isQ4(tensor.type)) throw new Error(`the embedding lies as ${tensor.type}`);
  const [first, words] = [q4Words(at, tensor.type), q4Words(columns, tensor.type)];
  return unpackQ4(new Uint32Array(await recorder.read(tensor, 4 * words, 4 * first)), tensor.type);
}

/** Rows of the embedding as they were written, rounded by `round`. */
async function writtenRows(round: (value: number) => number): Promise<Float32Array[]> {
  const values = await WEIGHTS.read(EMBEDDING);
  return ROWS.map((row) => values.slice(row * CONFIG.hidden, (row + 1) * CONFIG.hidden).map(round));
}

const half = (value: number): number => fromHalfBits(toHalfBits(value));
const bfloat16 = (value: number): number =>
  new Float32Array(Uint32Array.of(toBfloat16Bits(value) << 16).buffer)[0]!;

describe("a large embedding is loaded in bands", () => {
  test("from safetensors", async () => {
    const file = await written("model.safetensors", inBfloat16());
    const { weights } = await openSafetensorsWeights([await fileSource(file, "model.safetensors")]);
    const { peak, rows } = await load(weights, "f16");
    expect(rows).toEqual(await writtenRows((value) => half(bfloat16(value))));
    expect(peak).toBeGreaterThan(0);
    expect(peak).toBeLessThan(ALLOWANCE);
  });

  test("from ONNX in float16, where it lies transposed", async () => {
    const source = await onnx("half.onnx", encodeOnnxModel(CONFIG, WEIGHTS, "float16"));
    const { peak, rows } = await load(source, "f16");
    expect(rows).toEqual(await writtenRows(half));
    expect(peak).toBeGreaterThan(0);
    expect(peak).toBeLessThan(ALLOWANCE);
  });

  test("from ONNX in 4-bit blocks", async () => {
    const source = await onnx("blocks.onnx", encodeOnnxModel(CONFIG, WEIGHTS, "int4"));
    const { peak, rows } = await load(source, "q4");
    for (const [i, row] of ROWS.entries()) expect(rows[i]).toEqual(await source.readRows!(EMBEDDING, row, 1));
    expect(peak).toBeLessThan(ALLOWANCE);
  });
});
