// The two engines on one device where the browser has both: a model with attention over more tokens than ONNX Runtime computes
// one by one, in float32 and in 4-bit blocks.

import { expect, test } from "vitest";

import { openOnnxModel } from "../../../src/formats/onnx/model.ts";
import type { WeightPrecision } from "../../../src/formats/onnx/precision.ts";
import { writeOnnxModel } from "../../../src/formats/onnx/write.ts";
import { bytesSource } from "../../../src/formats/safetensors.ts";
import type { DecoderConfig } from "../../../src/model/config.ts";
import { compare, engineLogProbs, measureOf, onnxLogProbs } from "../../../src/rollout/onnxruntime/judge.ts";
import { randomWeights } from "../../formats/onnx/decoders.ts";
import { sharedRecorder } from "../../harness.ts";
import { CONFIG as TWO_LAYERS } from "./decoders.ts";

const CONFIG: DecoderConfig = { ...TWO_LAYERS, vocab: 64, maxPositions: 64, tied: false, eosTokenIds: [] };

test.each([
  ["float32", 1e-4],
  ["int4", 5e-3],
] as const)("a model in %s is the same in both", async (precision: WeightPrecision, most) => {
  const recorder = await sharedRecorder();
  const drawn = randomWeights(CONFIG, { hasBias: true, seed: 5 });
  const source = { ...drawn, read: async (name: string) => (await drawn.read(name)).map((w) => w / 4) };
  const bytes = await writeOnnxModel(CONFIG, source, { precision });
  const files = { model: bytesSource("model.onnx", bytes), config: CONFIG };
  const weights = await openOnnxModel(files);
  const { baseType, tolerance } = measureOf(CONFIG, weights, weights.description);
  expect(tolerance).toBeLessThanOrEqual(most);
  const tokens = Array.from({ length: 41 }, (_, i) => (i * 37 + 11) % CONFIG.vocab);
  const theirs = await onnxLogProbs(files, tokens, { recorder });
  const ours = await engineLogProbs(recorder, { config: CONFIG, weights }, tokens, { baseType });
  const backend = import.meta.env.SSR ? "wasm" : "webgpu";
  expect(compare(ours, theirs, tolerance)).toMatchObject({ kind: "agrees", tokens: 40, backend });
});
