// What `make-model` writes opens as a model: weights the same for the same seed, a tokenizer that loses no text, and
// formats that hold the same weights as far as their precision goes.

import { describe, expect, test } from "vitest";

import { toBfloat16Bits } from "../../../src/common/bf16.ts";
import { openOnnxModel } from "../../../src/formats/onnx/model.ts";
import { encodeOnnxModel } from "../../../src/formats/onnx/write.ts";
import type { EncodedFile } from "../../../src/formats/encoded-file.ts";
import { encodeSafetensors } from "../../../src/formats/safetensors-stream.ts";
import { bytesSource, openSafetensors } from "../../../src/formats/safetensors.ts";
import { parseDecoderConfig } from "../../../src/model/config.ts";
import { openModel } from "../../../src/model/open-model.ts";
import { parameterShapes } from "../../../src/model/weights.ts";
import { randomWeights } from "../../../src/node/make-model/random-weights.ts";
import { MODEL_CONFIGS } from "../../../src/node/make-model/shapes.ts";
import { standInTokenizer } from "../../../src/node/make-model/stand-in-tokenizer.ts";

const JSON_05B = MODEL_CONFIGS["qwen2.5-0.5b"];
/** The same architecture, small enough for a test. */
const SMALL = {
  ...JSON_05B,
  hidden_size: 64,
  intermediate_size: 96,
  num_attention_heads: 4,
  num_hidden_layers: 2,
  max_position_embeddings: 64,
};

async function collect({ size, pieces }: EncodedFile): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const piece of pieces()) parts.push(piece);
  const bytes = new Uint8Array(Buffer.concat(parts));
  expect(bytes).toHaveLength(size);
  return bytes;
}

const text = (name: string, value: unknown) =>
  bytesSource(name, new TextEncoder().encode(JSON.stringify(value)));

test("the shape is that of Qwen2.5-0.5B, 494 million parameters", () => {
  const shapes = parameterShapes(parseDecoderConfig(JSON_05B, "config.json"));
  const count = [...shapes.values()].reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0);
  expect(count).toBe(494_032_768);
});

describe("a small model of this architecture", async () => {
  const config = parseDecoderConfig(SMALL, "config.json");
  const weights = randomWeights(config, 3);

  test("has the same weights for the same seed, of a fresh model's spread, and others for another", async () => {
    const name = "model.layers.1.mlp.up_proj.weight";
    const values = await weights.read(name);
    expect(await randomWeights(config, 3).read(name)).toEqual(values);
    expect(await randomWeights(config, 4).read(name)).not.toEqual(values);
    expect(await weights.read("model.layers.0.mlp.up_proj.weight")).not.toEqual(values);
    const square = values.reduce((sum, value) => sum + value * value, 0) / values.length;
    expect(Math.sqrt(square)).toBeCloseTo(0.02, 3);
    expect(new Set(await weights.read("model.norm.weight"))).toEqual(new Set([1]));
  });

  test("as safetensors holds the nearest bfloat16 numbers", async () => {
    const plans = weights.names.map((name) => ({
      name,
      dtype: "BF16" as const,
      shape: weights.shape(name)!,
      values: () => weights.read(name),
    }));
    const file = await openSafetensors(
      bytesSource("model.safetensors", await collect(encodeSafetensors(plans))),
    );
    for (const name of ["model.layers.0.self_attn.q_proj.bias", "model.norm.weight"]) {
      const wanted = (await weights.read(name)).map(
        (value) => new Float32Array(Uint32Array.of(toBfloat16Bits(value) << 16).buffer)[0]!,
      );
      expect(await file.readF32(name)).toEqual(wanted);
    }
  });

  test("opens with its tokenizer, which gives every text back", async () => {
    const { tokenizer, config: tokenizerConfig } = standInTokenizer();
    const model = await openModel([
      text("config.json", SMALL),
      text("tokenizer.json", tokenizer),
      text("tokenizer_config.json", tokenizerConfig),
      bytesSource("model.onnx", await collect(encodeOnnxModel(config, weights, "int4"))),
    ]);
    expect(model.source).toBe("ONNX, model builder, Q4");
    const written = "Sum: 3+4=7 €, ключ,\n#### 7";
    const ids = model.tokenizer.encode(written);
    expect(model.tokenizer.decode(ids)).toBe(written);
    expect(model.tokenizer.eosToken?.id).toBe(151645);
    const prompt = model.template.render([{ role: "user", content: "a" }], { addGenerationPrompt: true });
    expect(prompt).toContain("<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n");
  });

  test("as ONNX in float16 is read back", async () => {
    const bytes = await collect(encodeOnnxModel(config, weights, "float16"));
    const model = await openOnnxModel({ model: bytesSource("model.onnx", bytes), config });
    expect([...model.names].sort()).toEqual([...weights.names].sort());
  });
});

test("a number between two bfloat16 numbers goes to the nearer one, and to the even one from the middle", () => {
  expect([1, -2, 1 + 2 ** -9, 1 + 2 ** -8, 1 + 3 * 2 ** -8, 3.4e38, Number.NaN].map(toBfloat16Bits)).toEqual([
    0x3f80, 0xc000, 0x3f80, 0x3f80, 0x3f82, 0x7f80, 0x7fc0,
  ]);
});
