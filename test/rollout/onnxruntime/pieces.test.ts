// A head in bands of rows is the head. On the processor alone: a vocabulary of two bands takes a software adapter half a minute.

import { expect, test } from "vitest";

import { writeOnnxModel } from "../../../src/formats/onnx/write.ts";
import { bytesSource } from "../../../src/formats/safetensors.ts";
import { elementCount } from "../../../src/gpu/index.ts";
import type { DecoderConfig } from "../../../src/model/config.ts";
import { parameterShapes } from "../../../src/model/weights.ts";
import { compare, onnxLogProbs } from "../../../src/rollout/onnxruntime/judge.ts";
import { onnxLogProbsInPieces } from "../../../src/rollout/onnxruntime/pieces.ts";
import { CONFIG } from "./decoders.ts";

const TOKENS = [11, 65_999, 3, 65_536, 65_535, 0];

test("a vocabulary in two bands of rows", async () => {
  const config: DecoderConfig = { ...CONFIG, hidden: 256, vocab: 66_000, layers: 1 };
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
  const whole = await onnxLogProbs({ model, config }, TOKENS);
  const pieces = await onnxLogProbsInPieces({ config, weights }, TOKENS);
  expect(compare(whole.logProbs, pieces, 1e-4)).toMatchObject({ kind: "agrees", tokens: 5 });
});
