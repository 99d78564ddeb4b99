// config.json of transformers 4 and 5, and what is refused, by name.

import { readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";

import { parseDecoderConfig } from "../../src/model/config.ts";
import { isShared, sharedPath } from "../formats/fixtures.ts";

const qwen = {
  architectures: ["Qwen2ForCausalLM"],
  model_type: "qwen2",
  hidden_act: "silu",
  hidden_size: 896,
  intermediate_size: 4864,
  num_attention_heads: 14,
  num_hidden_layers: 24,
  num_key_value_heads: 2,
  max_position_embeddings: 32768,
  rms_norm_eps: 1e-6,
  rope_theta: 1000000.0,
  sliding_window: 32768,
  use_sliding_window: false,
  tie_word_embeddings: true,
  eos_token_id: 151645,
  vocab_size: 151936,
};

test("reads Qwen2.5-0.5B's configuration", () => {
  expect(parseDecoderConfig(qwen)).toEqual({
    family: "qwen2",
    layers: 24,
    hidden: 896,
    heads: 14,
    kvHeads: 2,
    headSize: 64,
    intermediate: 4864,
    vocab: 151936,
    maxPositions: 32768,
    ropeTheta: 1e6,
    rmsEps: 1e-6,
    tied: true,
    eosTokenIds: [151645],
  });
});

test("reads rope_parameters as transformers 5 writes them, and several end tokens", () => {
  const { rope_theta: _, ...rest } = qwen;
  const config = parseDecoderConfig({
    ...rest,
    rope_parameters: { rope_theta: 10000, rope_type: "default" },
    eos_token_id: [1, 2],
  });
  expect(config.ropeTheta).toBe(10000);
  expect(config.eosTokenIds).toEqual([1, 2]);
});

const llama = {
  model_type: "llama",
  hidden_act: "silu",
  hidden_size: 2048,
  intermediate_size: 8192,
  num_attention_heads: 32,
  num_hidden_layers: 16,
  num_key_value_heads: 8,
  max_position_embeddings: 131072,
  rms_norm_eps: 1e-5,
  rope_theta: 500000,
  tie_word_embeddings: true,
  attention_bias: false,
  mlp_bias: false,
  eos_token_id: [128001, 128008, 128009],
  vocab_size: 128256,
};
const llama3 = {
  factor: 32,
  high_freq_factor: 4,
  low_freq_factor: 1,
  original_max_position_embeddings: 8192,
  rope_type: "llama3",
};
const qwen3 = { ...qwen, model_type: "qwen3", architectures: ["Qwen3ForCausalLM"] };

describe("the families", () => {
  test("Llama 3.2 scales its positions, in the form of transformers 4 and of 5", () => {
    const ropeScaling = {
      type: "llama3",
      factor: 32,
      lowFrequencyFactor: 1,
      highFrequencyFactor: 4,
      originalPositions: 8192,
    };
    const four = parseDecoderConfig({ ...llama, rope_scaling: llama3 });
    expect(four).toMatchObject({ family: "llama", headSize: 64, ropeTheta: 500000, ropeScaling });
    expect(four.eosTokenIds).toEqual([128001, 128008, 128009]);
    const { rope_theta, ...rest } = llama;
    expect(parseDecoderConfig({ ...rest, rope_parameters: { rope_theta, ...llama3 } })).toEqual(four);
  });

  test("SmolLM2 is a Llama without scaling", () => {
    const config = parseDecoderConfig({
      ...llama,
      hidden_size: 576,
      num_attention_heads: 9,
      num_key_value_heads: 3,
      rope_scaling: null,
    });
    expect(config).toMatchObject({ family: "llama", headSize: 64, heads: 9, kvHeads: 3 });
    expect("ropeScaling" in config).toBe(false);
  });

  test("a head of Qwen3 has 128 channels unless its configuration says another number", () => {
    expect(parseDecoderConfig(qwen3)).toMatchObject({ family: "qwen3", headSize: 128 });
    expect(parseDecoderConfig({ ...qwen3, head_dim: 64 }).headSize).toBe(64);
  });

  test("linear scaling divides, under its old name, too", () => {
    const config = parseDecoderConfig({ ...llama, rope_scaling: { type: "linear", factor: 2 } });
    expect(config.ropeScaling).toEqual({ type: "linear", factor: 2 });
  });

  test("sliding windows that no layer uses are no obstacle", () => {
    const off = { sliding_window: 4096, max_window_layers: 24 };
    expect(parseDecoderConfig({ ...qwen3, ...off, use_sliding_window: false }).layers).toBe(24);
    expect(parseDecoderConfig({ ...qwen3, ...off, use_sliding_window: true }).layers).toBe(24);
    const types = Array<string>(24).fill("full_attention");
    expect(parseDecoderConfig({ ...qwen3, ...off, layer_types: types }).layers).toBe(24);
  });
});

describe.each(["qwen2-tied", "qwen3-tied", "llama-tied"])("../shared/data/models/%s", (name) => {
  const read = (file: string): unknown =>
    JSON.parse(readFileSync(sharedPath(`models/${name}/${file}`), "utf8"));
  test.skipIf(!isShared("models"))(`${name}: both forms of its configuration say the same`, () => {
    const config = parseDecoderConfig(read("config.json"));
    expect(config.family).toBe(name.split("-")[0]);
    expect(parseDecoderConfig(read("config.v5.json"))).toEqual(config);
  });
});

describe("refuses, naming field and value:", () => {
  for (const [what, change, message] of [
    [
      "another architecture",
      { model_type: "mamba", architectures: ["MambaForCausalLM"] },
      /model_type is "mamba" \(MambaForCausalLM\)/,
    ],
    ["no architecture", { model_type: undefined }, /model_type is missing/],
    ["another activation", { hidden_act: "gelu" }, /hidden_act is "gelu"/],
    ["sliding windows", { use_sliding_window: true }, /use_sliding_window is true/],
    [
      "scaled rotary embedding",
      { rope_scaling: { rope_type: "yarn", factor: 4 } },
      /rotary embedding is scaled \(rope_scaling: "yarn"\), and "llama3" and "linear" are computed here/,
    ],
    [
      "scaled rotary embedding of transformers 5",
      { rope_parameters: { rope_type: "dynamic", rope_theta: 1e4, factor: 4 } },
      /rotary embedding is scaled \(rope_parameters: "dynamic"\)/,
    ],
    [
      "llama3 scaling without its numbers",
      { rope_scaling: { rope_type: "llama3", factor: 8, low_freq_factor: 1 } },
      /rope_scaling\.high_freq_factor is missing; a positive number/,
    ],
    [
      "llama3 scaling that contradicts itself",
      { rope_scaling: { ...llama3, low_freq_factor: 4 } },
      /low_freq_factor 4 is not below high_freq_factor 4/,
    ],
    ["rope scaling that is no object", { rope_scaling: "llama3" }, /rope_scaling is "llama3"; an object/],
    ["heads rotated in part", { partial_rotary_factor: 0.5 }, /partial_rotary_factor is 0\.5/],
    ["biases of Llama's attention", { ...llama, attention_bias: true }, /attention_bias is true/],
    ["biases of Llama's MLP", { ...llama, mlp_bias: true }, /mlp_bias is true/],
    ["mixtures of experts", { num_experts: 64 }, /num_experts is 64, and mixtures of experts/],
    [
      "a mixture of experts by its type",
      { model_type: "qwen3_moe", architectures: ["Qwen3MoeForCausalLM"] },
      /model_type is "qwen3_moe" \(Qwen3MoeForCausalLM\), and this engine computes qwen2, qwen3, llama/,
    ],
    [
      "packed weights",
      { quantization_config: { quant_method: "gptq" } },
      /quantization_config is \{"quant_method":"gptq"\}, and its weights are packed/,
    ],
    [
      "layers with a window among others",
      { layer_types: ["full_attention", "sliding_attention"] },
      /layer_types has "sliding_attention"/,
    ],
    ["a missing size", { hidden_size: undefined, head_dim: 64 }, /hidden_size is missing/],
    ["a size of the wrong type", { num_hidden_layers: "24" }, /num_hidden_layers is "24"; a positive number/],
    ["a fractional size", { num_hidden_layers: 2.5 }, /num_hidden_layers is 2.5; a whole number/],
    ["a negative epsilon", { rms_norm_eps: -1 }, /rms_norm_eps is -1/],
    [
      "heads that do not divide",
      { num_key_value_heads: 4 },
      /num_attention_heads 14 is not a multiple of num_key_value_heads 4/,
    ],
    ["a head size that no kernel has", { head_dim: 256 }, /head size is 256/],
  ] as const) {
    test(what, () => {
      let error: unknown;
      try {
        parseDecoderConfig({ ...qwen, ...change });
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toMatchObject({ name: "UserError", message: expect.stringMatching(message) });
    });
  }

  test("what is no object", () => {
    expect(() => parseDecoderConfig("{}")).toThrow(/does not hold an object/);
  });
});
