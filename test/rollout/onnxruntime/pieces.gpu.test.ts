// A model that ONNX Runtime runs a layer at a time is the model that it runs whole, in every family, on the device where the browser
// has one.

import { expect, test } from "vitest";

import { writeOnnxModel } from "../../../src/formats/onnx/write.ts";
import { bytesSource } from "../../../src/formats/safetensors.ts";
import { elementCount } from "../../../src/gpu/index.ts";
import type { DecoderConfig } from "../../../src/model/config.ts";
import { parameterShapes } from "../../../src/model/weights.ts";
import { compare, onnxLogProbs } from "../../../src/rollout/onnxruntime/judge.ts";
import { onnxLogProbsInPieces } from "../../../src/rollout/onnxruntime/pieces.ts";
import { sharedRecorder } from "../../harness.ts";
import { CONFIG, writtenDecoder } from "./decoders.ts";

const TOKENS = Array.from({ length: 41 }, (_, i) => (i * 37 + 11) % 64);
const LLAMA3 = {
  type: "llama3",
  factor: 8,
  lowFrequencyFactor: 1,
  highFrequencyFactor: 4,
  originalPositions: 16,
} as const;

test.each([
  ["Qwen2, tied", {}],
  ["Qwen3, untied, of three layers", { family: "qwen3", tied: false, layers: 3 }],
  ["Llama with scaled rotary embedding", { family: "llama", ropeScaling: LLAMA3 }],
] satisfies [string, Partial<DecoderConfig>][])("%s", async (_, changes) => {
  const recorder = await sharedRecorder();
  const decoder = await writtenDecoder("float32", changes);
  const whole = await onnxLogProbs(decoder.files, TOKENS, { recorder });
  const pieces = await onnxLogProbsInPieces(decoder, TOKENS, { recorder });
  const backend = import.meta.env.SSR ? "wasm" : "webgpu";
  expect(compare(whole.logProbs, pieces, 1e-4)).toMatchObject({ kind: "agrees", tokens: 40, backend });
});

test("a vocabulary in two bands of rows", async () => {
  const recorder = await sharedRecorder();
  const config: DecoderConfig = { ...CONFIG, hidden: 256, vocab: 70_000, layers: 1 };
  const shapes = parameterShapes(config);
  // As good as drawn, and made at once.
  const values = (size: number): Float32Array =>
    new Float32Array(size).map((_, i) => ((i * 40_503) % 1009) / 2018 - 0.25);
  const weights = {
    name: "made",
    shape: (name: string) => shapes.get(name),
    read: (name: string) => Promise.resolve(values(elementCount(shapes.get(name)!))),
  };
  const model = bytesSource("model.onnx", await writeOnnxModel(config, weights));
  const whole = await onnxLogProbs({ model, config }, TOKENS, { recorder });
  const pieces = await onnxLogProbsInPieces({ config, weights }, TOKENS, { recorder });
  expect(compare(whole.logProbs, pieces, 1e-4)).toMatchObject({ kind: "agrees", tokens: 40 });
});

test("stops between layers", async () => {
  const decoder = await writtenDecoder("float32");
  const stop = new AbortController();
  const read = (name: string): Promise<Float32Array> => {
    if (name.startsWith("model.layers.1.")) stop.abort(new Error("enough"));
    return decoder.weights.read(name);
  };
  const weights = { name: "drawn", shape: (name: string) => decoder.weights.shape(name), read };
  await expect(
    onnxLogProbsInPieces({ config: decoder.config, weights }, TOKENS, { signal: stop.signal }),
  ).rejects.toThrow("enough");
});
