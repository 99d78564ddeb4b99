// A model that ONNX Runtime runs a layer at a time is the model that it runs whole, in every family, on the device where the browser
// has one.

import { expect, test } from "vitest";

import type { DecoderConfig } from "../../../src/model/config.ts";
import { compare, onnxLogProbs } from "../../../src/rollout/onnxruntime/judge.ts";
import { onnxLogProbsInPieces } from "../../../src/rollout/onnxruntime/pieces.ts";
import { sharedRecorder } from "../../harness.ts";
import { writtenDecoder } from "./decoders.ts";

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
