// The ONNX writer judged by ONNX Runtime, which must answer as Hugging Face does, and by our reader, which must find the
// same bits again.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { SeededRandom } from "../../../src/common/random.ts";
import { openOnnxModel } from "../../../src/formats/onnx/model.ts";
import type { NamedWeights } from "../../../src/formats/onnx/parts.ts";
import { encodeOnnxModel, writeOnnxModel } from "../../../src/formats/onnx/write.ts";
import type { SafetensorsFile } from "../../../src/formats/safetensors.ts";
import { bytesSource, openSafetensors } from "../../../src/formats/safetensors.ts";
import { fixture, fixtureJson, isShared, sharedPath } from "../fixtures.ts";
import { safetensors } from "./exports.ts";
import { OrtDecoder } from "./ort.ts";
import { SMALL, firstDifference, randomWeights, shapeOf, weightShapes } from "./decoders.ts";

/** Hugging Face's own float32 is within 6e-6 of these logits, ONNX Runtime within 8e-6. */
const LOGIT_TOLERANCE = 1e-4;

const openFixture = (path: string): Promise<SafetensorsFile> =>
  openSafetensors(bytesSource(path, fixture(path)));
const QWEN2 = shapeOf(fixtureJson("qwen2-tied/config.json") as object);
const named = (file: SafetensorsFile): NamedWeights => ({
  name: file.name,
  shape: (name) => (file.has(name) ? file.entry(name).shape : undefined),
  read: (name) => file.readF32(name),
});

describe("Qwen2 with a tied head, written as ONNX", async () => {
  const weights = await openFixture("qwen2-tied/model.safetensors");
  const golden = await openFixture("qwen2-tied/golden.safetensors");
  const bytes = await writeOnnxModel(QWEN2, named(weights));
  const [tokens, lengths, logits] = [
    await golden.readI32("tokens"),
    await golden.readI32("lengths"),
    await golden.readF32("logits"),
  ];
  const columns = golden.entry("tokens").shape[1]!;
  const sequences = [...lengths].map((length, b) => ({
    tokens: [...tokens.subarray(b * columns, b * columns + length)],
    logits: logits.subarray(b * columns * QWEN2.vocab, (b * columns + length) * QWEN2.vocab),
  }));

  test("gives Hugging Face's logits in ONNX Runtime", async () => {
    for (const sequence of sequences) {
      const actual = await OrtDecoder.run(bytes, QWEN2, [sequence.tokens]);
      expect(firstDifference(actual, sequence.logits, LOGIT_TOLERANCE)).toBe(-1);
    }
  });

  test("gives the same logits token by token through the cache", async () => {
    const { tokens: all, logits: expected } = sequences[0]!;
    const chunks = [all.slice(0, 3), ...all.slice(3).map((token) => [token])];
    const actual = await OrtDecoder.run(bytes, QWEN2, chunks);
    expect(firstDifference(actual, expected, LOGIT_TOLERANCE)).toBe(-1);
  });

  test("takes tokens, a mask and a cache, and nothing else", async () => {
    const decoder = await OrtDecoder.open(bytes, QWEN2);
    const cache = ["key", "value"].flatMap((part) =>
      [0, 1].map((layer) => `past_key_values.${layer}.${part}`),
    );
    expect(decoder.inputNames).toEqual(["input_ids", "attention_mask", ...cache]);
  });

  test("is read back to the bit, and described", async () => {
    const model = await openOnnxModel({ model: bytesSource("model.onnx", bytes), config: QWEN2 });
    expect(model.description).toEqual({
      layout: "model builder",
      producer: "gradus",
      opset: 21,
      weightType: "F32",
      computesInHalves: false,
      isQkvPacked: true,
      isAdapterMerged: false,
      head: "tied",
      takesPositionIds: false,
    });
    expect([...model.names].sort()).toEqual([...weights.entries.keys()].sort());
    for (const name of model.names)
      expect(firstDifference(await model.read(name), await weights.readF32(name)), name).toBe(-1);
  });

  test("has the same bytes every time, whole or in pieces", async () => {
    const again = await writeOnnxModel(QWEN2, named(weights));
    expect(Buffer.compare(again, bytes)).toBe(0);
    const { size, pieces } = encodeOnnxModel(QWEN2, named(weights));
    expect(size).toBe(bytes.length);
    const collected: Uint8Array[] = [];
    for await (const piece of pieces()) collected.push(piece);
    expect(Buffer.compare(Buffer.concat(collected), bytes)).toBe(0);
  });
});

describe.for(["qwen3-tied", "llama-tied"])("%s, written as ONNX", (family) => {
  const folder = sharedPath(`models/${family}`);

  test.skipIf(!isShared(`models/${family}`))("gives Hugging Face's logits in ONNX Runtime", async () => {
    const shape = shapeOf(JSON.parse(readFileSync(`${folder}/config.json`, "utf8")) as object);
    const weights = named(await safetensors(`${folder}/model.safetensors`));
    const golden = await safetensors(`${folder}/golden.safetensors`);
    const length = (await golden.readI32("lengths"))[0]!;
    const tokens = [...(await golden.readI32("tokens")).subarray(0, length)];
    const expected = (await golden.readF32("logits")).subarray(0, length * shape.vocab);
    const chunks = [tokens.slice(0, 3), ...tokens.slice(3).map((token) => [token])];
    const plain = await OrtDecoder.run(await writeOnnxModel(shape, weights), shape, chunks);
    expect(firstDifference(plain, expected, LOGIT_TOLERANCE)).toBe(-1);
    const halves = await writeOnnxModel(shape, weights, { precision: "float16" });
    // The largest of Hugging Face's logits is 6; the real exporters' halves are within 1.5e-2 of them.
    expect(firstDifference(await OrtDecoder.run(halves, shape, chunks), expected, 3e-2)).toBe(-1);
  });
});

const LLAMA3 = {
  type: "llama3",
  factor: 4,
  lowFrequencyFactor: 1,
  highFrequencyFactor: 4,
  originalPositions: 16,
} as const;

describe("other decoders, written as ONNX", () => {
  test.for([
    ["an own head", SMALL, { hasBias: true }],
    ["a tied head and no biases", { ...SMALL, tied: true }, { hasBias: false }],
    ["one layer", { ...SMALL, layers: 1 }, { hasBias: true }],
    ["positions scaled as in Llama 3", { ...SMALL, ropeScaling: LLAMA3 }, { hasBias: false }],
    ["normalised heads", SMALL, { hasBias: false, hasHeadNorms: true }],
    [
      "normalised heads and biases, q as large as k",
      { ...SMALL, heads: 2, kvHeads: 2 },
      { hasBias: true, hasHeadNorms: true },
    ],
  ] as const)("%s: read back to the bit, and decoding is prefill", async ([, shape, kind]) => {
    const weights = randomWeights(shape, { ...kind, seed: 1 });
    const bytes = await writeOnnxModel(shape, weights);
    const model = await openOnnxModel({ model: bytesSource("model.onnx", bytes), config: shape });
    expect([...model.names].sort()).toEqual([...weights.names].sort());
    for (const name of weights.names) {
      expect(model.shape(name), name).toEqual(weights.shape(name));
      expect(firstDifference(await model.read(name), await weights.read(name)), name).toBe(-1);
    }
    const random = new SeededRandom(2);
    const tokens = Array.from({ length: 9 }, () => random.integer(shape.vocab));
    const whole = await OrtDecoder.run(bytes, shape, [tokens]);
    const stepwise = await OrtDecoder.run(bytes, shape, [
      tokens.slice(0, 4),
      ...tokens.slice(4).map((t) => [t]),
    ]);
    expect(Math.max(...whole.map(Math.abs))).toBeGreaterThan(0.1);
    expect(firstDifference(whole, stepwise, LOGIT_TOLERANCE)).toBe(-1);
  });

  test("progress counts bytes up to the size of the file", async () => {
    const calls: [number, number][] = [];
    const weights = randomWeights(SMALL, { hasBias: true, seed: 1 });
    const bytes = await writeOnnxModel(SMALL, weights, { onProgress: (...call) => calls.push(call) });
    expect(calls.at(-1)).toEqual([bytes.length, bytes.length]);
    expect(calls.every(([written], i) => i === 0 || written >= calls[i - 1]![0])).toBe(true);
  });

  describe("what cannot be written is refused before anything is read", () => {
    const weights = randomWeights(SMALL, { hasBias: true, seed: 1 });
    const changed = (change: Record<string, readonly number[] | undefined>): NamedWeights => ({
      ...weights,
      shape: (name) => (name in change ? change[name] : weights.shape(name)),
      read: () => Promise.reject(new Error("read")),
    });
    for (const [what, shape, change, message] of [
      [
        "a missing norm",
        SMALL,
        { "model.norm.weight": undefined },
        /random weights has no "model.norm.weight".*\[24\]/,
      ],
      [
        "one bias of three",
        SMALL,
        { "model.layers.0.self_attn.k_proj.bias": undefined },
        /no ".*k_proj.bias".*\[16\]/,
      ],
      [
        "another shape",
        { ...SMALL, intermediate: 21 },
        {},
        /gate_proj.weight" with shape \[20,24\].*\[21,24\]/,
      ],
      [
        "norms of queries alone",
        SMALL,
        { "model.layers.0.self_attn.q_norm.weight": [16] },
        /no ".*k_norm.weight".*\[16\]/,
      ],
    ] as const) {
      test(what, () => {
        expect(() => encodeOnnxModel(shape, changed(change))).toThrow(
          expect.objectContaining({ name: "UserError", message: expect.stringMatching(message) }),
        );
      });
    }

    test("a model larger than one file holds", () => {
      const huge = { ...SMALL, vocab: 2 ** 24, hidden: 48 };
      const shapes = weightShapes(huge, { hasBias: true });
      const claimed = { ...weights, shape: (name: string) => shapes.get(name) };
      expect(() => encodeOnnxModel(huge, claimed)).toThrow(
        /takes 6\d{9} bytes.*at most 2147483647.*safetensors/,
      );
    });

    test("weights that diverged", async () => {
      const broken = { ...weights, read: () => Promise.resolve(new Float32Array(24).fill(NaN)) };
      await expect(writeOnnxModel(SMALL, broken)).rejects.toThrow(/holds NaN at element 0.*diverged/);
    });
  });
});
