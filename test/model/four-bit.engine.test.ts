// A base that stays in 4-bit blocks on the device: everything that is computed through it equals what its de-quantised
// weights give in float32, with every layout of blocks that exporters write.

import { existsSync, readFileSync } from "node:fs";
import path from "node:path";

import { beforeAll, describe, expect, test } from "vitest";

import { roundF16 } from "../../src/common/f16.ts";
import { SeededRandom } from "../../src/common/random.ts";
import { openOnnxModel } from "../../src/formats/onnx/model.ts";
import { writeOnnxModel } from "../../src/formats/onnx/write.ts";
import { bytesSource } from "../../src/formats/safetensors.ts";
import type { Recorder } from "../../src/gpu/index.ts";
import type { DecoderConfig } from "../../src/model/config.ts";
import { parseDecoderConfig } from "../../src/model/config.ts";
import { Critic } from "../../src/model/critic.ts";
import type { PolicyOptions } from "../../src/model/memory.ts";
import { packGroups } from "../../src/model/packing.ts";
import type { ParameterSource } from "../../src/model/parameters.ts";
import { readParameter } from "../../src/model/parameters.ts";
import { Policy } from "../../src/model/policy.ts";
import { randomWeights } from "../../src/node/make-model/random-weights.ts";
import { MODEL_CONFIGS } from "../../src/node/make-model/shapes.ts";
import type { Parameter } from "../../src/model/weights.ts";
import { WgslRollout } from "../../src/rollout/wgsl.ts";
import { sharedRecorder } from "../harness.ts";

const EXPORTS = "../shared/data/models/qwen2-tied/exports";

const SMALL = {
  ...MODEL_CONFIGS["qwen2.5-0.5b"],
  hidden_size: 64,
  intermediate_size: 160,
  num_attention_heads: 4,
  num_hidden_layers: 2,
  vocab_size: 320,
  eos_token_id: 2,
  max_position_embeddings: 128,
};

let recorder: Recorder;
beforeAll(async () => {
  recorder = await sharedRecorder();
});

const options = (baseType: PolicyOptions["baseType"], weights: ParameterSource): PolicyOptions => ({
  lora: { rank: 4, alpha: 8, seed: 3, targets: ["q_proj", "v_proj", "o_proj", "gate_proj", "down_proj"] },
  baseType,
  blockType: (name) => weights.blockType?.(name),
  tokenBudget: 96,
  activationCheckpointing: true,
  headChunk: 4096,
  rollout: { rows: 4, promptSlots: 2, maxPrompt: 16, maxNew: 8 },
});

interface Seen {
  readonly logProb: Float32Array;
  readonly grads: ReadonlyMap<string, Float32Array>;
  readonly greedy: readonly number[];
  readonly types: ReadonlySet<string>;
  readonly bytes: number;
  readonly head: Float32Array;
}

/** What a policy over `weights` computes: log-probabilities, adapter gradients, greedy tokens; and its critic's gradients. */
async function see(
  config: DecoderConfig,
  weights: ParameterSource,
  baseType: PolicyOptions["baseType"],
): Promise<Seen> {
  const policy = await Policy.create(recorder, config, options(baseType, weights), weights);
  const random = new SeededRandom(11);
  const ids = (count: number): number[] => Array.from({ length: count }, () => random.integer(config.vocab));
  // B of a fresh adapter is zero; with something in it, gradients reach A too.
  const critic = await Critic.create(policy, weights);
  for (const parameter of [...policy.trainable, ...critic.trainable])
    if (/lora_B|score.weight/.test(parameter.name)) fill(parameter, random);
  const [batch] = packGroups([{ prompt: ids(9), responses: [ids(12), ids(7)] }], 96);
  policy.clearGradients();
  policy.forward(batch!, { temperature: 0.8, useAdapter: true });
  policy.setTargetGradients(Float32Array.from(batch!.targets, (_, i) => Math.sin(i) / 10));
  policy.backward();
  const logProb = await recorder.readF32(policy.memory.head.logProb, batch!.targets.length);
  const grads = new Map<string, Float32Array>();
  for (const parameter of policy.trainable)
    grads.set(parameter.name, await readParameter(recorder, parameter, "grad"));
  critic.clearGradients();
  critic.forward(batch!);
  recorder.write(
    critic.memory.dValue,
    Float32Array.from(batch!.targets, (_, i) => Math.cos(i)),
  );
  critic.backward();
  for (const parameter of critic.trainable)
    grads.set(`critic.${parameter.name}`, await readParameter(recorder, parameter, "grad"));
  critic.destroy();
  const sampling = { temperature: 1, topK: 1, topP: 1, seed: [1, 2] as const };
  const rollout = { sampling, maxNew: 8, stopTokens: [], useAdapter: true };
  const [responses] = await new WgslRollout(policy).generate(
    [{ prompt: ids(5), samples: 1, key: 0 }],
    rollout,
  );
  const matrices = policy.memory.weights.layers.flatMap(({ qkv, o, gateUp, down }) => [qkv, o, gateUp, down]);
  const types = new Set(matrices.map(({ weight }) => weight.tensor.type));
  const head = policy.memory.weights.parameters.find(({ name }) => name === "model.embed_tokens.weight")!;
  const seen: Seen = {
    logProb,
    grads,
    greedy: responses![0]!.tokens,
    types,
    bytes: policy.plan.bytes.get("weights")!,
    head: await readParameter(recorder, head),
  };
  policy.destroy();
  return seen;
}

function fill({ pieces }: Parameter, random: SeededRandom): void {
  const { stored, offset, count } = pieces[0]!;
  const values = Float32Array.from({ length: count }, () => random.uniform() - 0.5);
  recorder.write(stored.tensor, values, 4 * offset);
}

const norm = (values: Float32Array): number =>
  Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));

/** Relative distance of two vectors. */
const distance = (a: Float32Array, b: Float32Array): number =>
  norm(a.map((value, i) => value - b[i]!)) / norm(b);

/** Compares the 4-bit base with float32 weights of the same numbers. */
async function compare(config: DecoderConfig, weights: ParameterSource): Promise<Seen> {
  const four = await see(config, weights, "q4");
  const full = await see(config, plain(weights), "f32");
  expect(full.types).toEqual(new Set(["f32"]));
  expect(norm(full.logProb)).toBeGreaterThan(1);
  expect(distance(four.logProb, full.logProb)).toBeLessThan(1e-5);
  for (const [name, grad] of full.grads) {
    expect(norm(grad), name).toBeGreaterThan(0);
    expect(distance(four.grads.get(name)!, grad), name).toBeLessThan(1e-5);
  }
  expect(four.greedy).toEqual(full.greedy);
  return four;
}

/** The same weights without their blocks; matrices that the file has as floats are rounded to halves, as they lie then. */
const plain = (weights: ParameterSource): ParameterSource => ({
  name: weights.name,
  shape: (name) => weights.shape(name),
  read: async (name) => {
    const values = await weights.read(name);
    const isFloatMatrix = weights.shape(name)!.length > 1 && !weights.blockType?.(name);
    return isFloatMatrix ? roundF16(values) : values;
  },
});

describe("a base in 4-bit blocks", () => {
  test("that our own writer made, head and embedding in blocks too", async () => {
    const config = parseDecoderConfig(SMALL, "config.json");
    const source = randomWeights(config, 1);
    // Ten times the spread of a fresh model, so that attention and gates do something.
    const wide = {
      ...plain(source),
      read: async (name: string) => (await source.read(name)).map((w) => 10 * w),
    };
    const bytes = await writeOnnxModel(config, wide, { precision: "int4" });
    const weights = await openOnnxModel({ model: bytesSource("model.onnx", bytes), config });
    const seen = await compare(config, weights);
    expect(seen.types).toEqual(new Set(["q4"]));
    expect(seen.head).toEqual(await weights.read("model.embed_tokens.weight"));
    const half = await see(config, plain(weights), "f16");
    expect(seen.bytes).toBeLessThan(0.5 * half.bytes);
  });

  describe.skipIf(!existsSync(EXPORTS))("of ../shared/data/models, if it is there,", () => {
    const config = parseDecoderConfig(
      JSON.parse(existsSync(EXPORTS) ? readFileSync(`${EXPORTS}/../config.json`, "utf8") : "{}") as object,
      "config.json",
    );
    test.each([
      ["v0.15.2-webgpu-int4", "q4"],
      ["v0.15.2-webgpu-int4-fp32acc1-asym", "q4z"],
      ["v0.15.2-webgpu-int4-fp32acc1-rtn", "q4"],
      ["v0.7.1-webgpu-int4", "q4"],
      ["tjs-q4", "q4"],
      // Blocks of 16 are no whole records, so they lie in halves.
      ["v0.15.2-webgpu-int4-fp32acc1-block16", "f16"],
    ])("%s lies as %s", async (name, type) => {
      const file = (part: string) => bytesSource(part, readFileSync(path.join(EXPORTS, name, part)));
      const weights = await openOnnxModel({
        model: file("model.onnx"),
        external: (part) => file(part),
        config,
      });
      if (type !== "f16") {
        expect((await compare(config, weights)).types).toEqual(new Set([type]));
        return;
      }
      expect((await see(config, weights, "q4")).types).toEqual(new Set(["f16"]));
    });
  });
});
