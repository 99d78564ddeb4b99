// ONNX files in float16 and with 4-bit matrices: read back by our reader to the expected bits, and run by ONNX Runtime,
// which must answer as it does to the same weights in float32.

import { describe, expect, test } from "vitest";

import { roundF16 } from "../../../src/common/f16.ts";
import { openOnnxModel } from "../../../src/formats/onnx/model.ts";
import type { NamedWeights } from "../../../src/formats/onnx/parts.ts";
import { BLOCK_SIZE } from "../../../src/formats/onnx/precision.ts";
import { quantiseRows } from "../../../src/formats/onnx/quantise.ts";
import type { DecoderShape } from "../../../src/formats/onnx/shape.ts";
import { writeOnnxModel } from "../../../src/formats/onnx/write.ts";
import { bytesSource } from "../../../src/formats/safetensors.ts";
import { firstDifference, randomWeights, SMALL } from "./decoders.ts";
import { OrtDecoder } from "./ort.ts";

const SHARED: DecoderShape = { ...SMALL, hidden: 64, headSize: 32, heads: 2, intermediate: 40, tied: true };
const TOKENS = [1, 4, 2, 9, 0, 3];
const SHAPES = [
  ["an own head", SMALL, false],
  ["a tied head", { ...SMALL, tied: true }, false],
  ["a tied head of whole blocks", SHARED, false],
  ["normalised heads", SMALL, true],
] as const;

const opened = async (bytes: Uint8Array, shape: DecoderShape) =>
  openOnnxModel({ model: bytesSource("model.onnx", bytes), config: shape });

/** The weights that a file holds, as a source of its own. */
async function weightsIn(bytes: Uint8Array, shape: DecoderShape): Promise<NamedWeights> {
  const model = await opened(bytes, shape);
  return { name: "read back", shape: (name) => model.shape(name), read: (name) => model.read(name) };
}

describe.each(SHAPES)("a decoder with %s", (_, shape, hasHeadNorms) => {
  const weights = randomWeights(shape, { hasBias: true, hasHeadNorms, seed: 5 });

  test("in float16 is read back as the nearest halves", async () => {
    const bytes = await writeOnnxModel(shape, weights, { precision: "float16" });
    const model = await opened(bytes, shape);
    expect(model.description.weightType).toBe("F16");
    expect([...model.names].sort()).toEqual([...weights.names].sort());
    for (const name of weights.names)
      expect(firstDifference(await model.read(name), roundF16(await weights.read(name))), name).toBe(-1);
  });

  test("in float16 answers in ONNX Runtime as its rounded weights do in float32", async () => {
    const bytes = await writeOnnxModel(shape, weights, { precision: "float16" });
    const rounded = await weightsIn(bytes, shape);
    const plain = await writeOnnxModel(shape, rounded);
    const logits = await OrtDecoder.run(bytes, shape, [
      TOKENS.slice(0, 2),
      ...TOKENS.slice(2).map((t) => [t]),
    ]);
    expect(Math.max(...logits.map(Math.abs))).toBeGreaterThan(0.1);
    expect(firstDifference(logits, await OrtDecoder.run(plain, shape, [TOKENS]), 5e-2)).toBe(-1);
  });

  test("in int4 is read back within half a step, and has the same bytes when written again", async () => {
    const bytes = await writeOnnxModel(shape, weights, { precision: "int4" });
    const model = await opened(bytes, shape);
    expect(model.description.weightType).toBe("Q4");
    for (const name of weights.names) {
      const [found, wanted] = [await model.read(name), await weights.read(name)];
      expect(found).toHaveLength(wanted.length);
      // Weights lie between -1 and 1, so a step is at most 1/8; the largest of the other sign may miss a whole one.
      const worst = Math.max(...found.map((value, i) => Math.abs(value - wanted[i]!)));
      expect(worst, name).toBeLessThanOrEqual(1 / 8);
      if (name.includes("norm") || name.endsWith("bias")) expect(worst, name).toBe(0);
    }
  });

  test("in int4 answers in ONNX Runtime as its de-quantised weights do", async () => {
    const bytes = await writeOnnxModel(shape, weights, { precision: "int4" });
    const plain = await writeOnnxModel({ ...shape, tied: false }, await untied(bytes, shape));
    const logits = await OrtDecoder.run(bytes, shape, [
      TOKENS.slice(0, 2),
      ...TOKENS.slice(2).map((t) => [t]),
    ]);
    expect(Math.max(...logits.map(Math.abs))).toBeGreaterThan(0.1);
    expect(firstDifference(logits, await OrtDecoder.run(plain, shape, [TOKENS]), 1e-4)).toBe(-1);
  });
});

/** A float embedding beside a 4-bit head of the same matrix are two matrices. */
async function untied(bytes: Uint8Array, shape: DecoderShape): Promise<NamedWeights> {
  const found = await weightsIn(bytes, shape);
  if (found.shape("lm_head.weight")) return found;
  const head = (name: string): string => (name === "lm_head.weight" ? "model.embed_tokens.weight" : name);
  return { ...found, shape: (name) => found.shape(head(name)), read: (name) => found.read(head(name)) };
}

describe("4-bit blocks", () => {
  const dequantised = (weights: Float32Array, rows: number, inputs: number): Float32Array => {
    const { values, scales } = quantiseRows(weights, rows, inputs, BLOCK_SIZE);
    const perRow = Math.ceil(inputs / BLOCK_SIZE);
    return Float32Array.from(weights, (_, i) => {
      const [row, k] = [Math.floor(i / inputs), i % inputs];
      const block = row * perRow + Math.floor(k / BLOCK_SIZE);
      const byte = values[(block * BLOCK_SIZE) / 2 + ((k % BLOCK_SIZE) >> 1)]!;
      return ((k % 2 === 0 ? byte & 15 : byte >> 4) - 8) * scales[block]!;
    });
  };
  const random = Float32Array.from({ length: 3 * 70 }, (_, i) => Math.sin(i * 12.9898) * 3);

  test("keep the largest weight of each block to the bit, and all within a step", () => {
    const found = dequantised(random, 3, 70);
    for (let row = 0; row < 3; row++) {
      for (let start = 0; start < 70; start += BLOCK_SIZE) {
        const range = [row * 70 + start, row * 70 + Math.min(70, start + BLOCK_SIZE)] as const;
        const block = random.slice(...range);
        const at = block.reduce((best, value, i) => (Math.abs(value) > Math.abs(block[best]!) ? i : best), 0);
        expect(found[range[0] + at]).toBe(block[at]);
        const step = Math.abs(block[at]!) / 8;
        block.forEach((value, i) => {
          const limit = value * block[at]! < 0 ? step : step / 2;
          expect(Math.abs(found[range[0] + i]! - value)).toBeLessThanOrEqual(limit * (1 + 1e-6));
        });
      }
    }
  });

  test("of what blocks hold are the same blocks", () => {
    const once = dequantised(random, 3, 70);
    expect(firstDifference(dequantised(once, 3, 70), once)).toBe(-1);
  });

  test("of zeros are zeros", () => {
    expect(dequantised(new Float32Array(64), 1, 64).every((value) => value === 0)).toBe(true);
  });
});
