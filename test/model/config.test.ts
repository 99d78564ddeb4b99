// config.json of transformers 4 and 5, and what is refused, by name.

import { describe, expect, test } from "vitest";
import { parseDecoderConfig } from "../../src/model/config.ts";

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
      /rotary embedding is scaled \("yarn"\)/,
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
