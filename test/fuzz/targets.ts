// What is damaged: one small valid file of every kind that people drop, and how each is read to its end.

import { expect } from "vitest";

import { chatTemplateOf } from "../../src/formats/chat-template.ts";
import { readDataset } from "../../src/formats/dataset.ts";
import { readJsonObject } from "../../src/formats/json.ts";
import { openOnnxModel } from "../../src/formats/onnx/model.ts";
import type { DecoderShape } from "../../src/formats/onnx/shape.ts";
import { writeOnnxModel } from "../../src/formats/onnx/write.ts";
import type { ByteSource } from "../../src/formats/safetensors.ts";
import { bytesSource, writeSafetensors } from "../../src/formats/safetensors.ts";
import { openTokenizer } from "../../src/formats/tokenizer.ts";
import { parseDecoderConfig } from "../../src/model/config.ts";
import { derivedConfig } from "../../src/model/missing-config.ts";
import type { ParameterSource } from "../../src/model/parameters.ts";
import { openSafetensorsWeights } from "../../src/model/shards.ts";
import { parameterShapes } from "../../src/model/weights.ts";
import { randomWeights } from "../../src/node/make-model/random-weights.ts";
import { DEFAULTS } from "../../src/rl/config.ts";
import { importVerlText } from "../../src/rl/verl/import-text.ts";
import { fixture, fixtureJson } from "../formats/fixtures.ts";
import { BYTE_LEVEL, SENTENCE_PIECE } from "../formats/tiny-tokenizers.ts";

export interface Target {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** How often it is damaged. */
  readonly rounds: number;
  /** Throws what the reader throws. */
  readonly read: (source: ByteSource) => Promise<void>;
}

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const named = (name: string, source: ByteSource): ByteSource => ({ ...source, name });

const QWEN2 = parseDecoderConfig(fixtureJson("qwen2-tied/config.json"));
const TINY = parseDecoderConfig({
  ...(fixtureJson("qwen2-tied/config.json") as object),
  hidden_size: 32,
  intermediate_size: 32,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  num_hidden_layers: 1,
  vocab_size: 48,
  max_position_embeddings: 8,
});
const WEIGHTS = randomWeights(TINY, 1);

/** Every value of every tensor. */
async function readAll(
  weights: Pick<ParameterSource, "names" | "shape" | "read" | "blockType" | "readBlocks">,
): Promise<void> {
  for (const name of weights.names!) {
    const shape = weights.shape(name)!;
    const values = await weights.read(name);
    expect(values.length, name).toBe(shape.reduce((a, b) => a * b, 1));
    if (weights.blockType?.(name)) await weights.readBlocks!(name, 0, shape[0]!);
  }
}

const readOnnx =
  (config: DecoderShape, data?: Uint8Array) =>
  async (model: ByteSource): Promise<void> => {
    const external = (name: string): ByteSource | undefined => data && bytesSource(name, data);
    await readAll(await openOnnxModel({ model, config, external }));
  };

/** As when there is no config.json. */
const readGraph =
  (data?: Uint8Array) =>
  async (model: ByteSource): Promise<void> => {
    const external = (name: string): ByteSource | undefined => data && bytesSource(name, data);
    const tokenizer = bytesSource("tokenizer_config.json", encode({ model_max_length: 128 }));
    const find = (name: string): ByteSource | undefined => (name === tokenizer.name ? tokenizer : undefined);
    const config = parseDecoderConfig(await derivedConfig({ model, external, find }));
    await readAll(await openOnnxModel({ model, config, external }));
  };

async function onnxTargets(): Promise<Target[]> {
  const builder = fixture("onnx/v0.15.2-webgpu-fp16/model.onnx");
  const data = fixture("onnx/v0.15.2-webgpu-fp16/model.onnx.data");
  const transformers = fixture("onnx/tjs-fp16/model.onnx");
  const f32 = await writeOnnxModel(TINY, WEIGHTS, { precision: "float32" });
  const q4 = await writeOnnxModel(TINY, WEIGHTS, { precision: "int4" });
  return [
    { name: "an ONNX file in float32", bytes: f32, rounds: 1200, read: readOnnx(TINY) },
    { name: "an ONNX file in 4-bit blocks", bytes: q4, rounds: 1200, read: readOnnx(TINY) },
    { name: "an ONNX file without config.json", bytes: q4, rounds: 800, read: readGraph() },
    { name: "a graph of the model builder", bytes: builder, rounds: 500, read: readOnnx(QWEN2, data) },
    { name: "its graph without config.json", bytes: builder, rounds: 300, read: readGraph(data) },
    { name: "a file of transformers.js", bytes: transformers, rounds: 250, read: readOnnx(QWEN2) },
    { name: "its file without config.json", bytes: transformers, rounds: 250, read: readGraph() },
  ];
}

async function safetensorsTargets(): Promise<Target[]> {
  const tensors = await Promise.all(
    [...parameterShapes(TINY)].map(async ([name, shape]) => [name, shape, await WEIGHTS.read(name)] as const),
  );
  const part = (i: number): Uint8Array => writeSafetensors(tensors.filter((_, at) => at % 2 === i));
  const files = [0, 1].map((i) => bytesSource(`model-0000${i + 1}-of-00002.safetensors`, part(i)));
  const index = encode({
    weight_map: Object.fromEntries(tensors.map(([name], at) => [name, files[at % 2]!.name])),
  });
  const indexName = "model.safetensors.index.json";
  const read = async (sources: readonly ByteSource[]): Promise<void> =>
    readAll((await openSafetensorsWeights(sources)).weights);
  return [
    {
      name: "a safetensors file",
      bytes: writeSafetensors(tensors),
      rounds: 1200,
      read: (source) => read([named("model.safetensors", source)]),
    },
    {
      name: "the first part of two",
      bytes: part(0),
      rounds: 400,
      read: (source) => read([named(files[0]!.name, source), files[1]!, bytesSource(indexName, index)]),
    },
    {
      name: "the index of two parts",
      bytes: index,
      rounds: 500,
      read: (source) => read([...files, named(indexName, source)]),
    },
  ];
}

const textTargets = (): Target[] => [
  ...(
    [
      ["over bytes", BYTE_LEVEL],
      ["with marked spaces", SENTENCE_PIECE],
    ] as const
  ).map(([kind, value]): Target => ({
    name: `a tokenizer ${kind}`,
    bytes: encode(value),
    rounds: 700,
    async read(source) {
      const tokenizer = await openTokenizer(source);
      expect(tokenizer.decode(tokenizer.encode("hi 1 <|end|> 你\n"))).toBeTypeOf("string");
    },
  })),
  {
    name: "a chat template",
    bytes: fixture("qwen2.5-tokenizer/tokenizer_config.json"),
    rounds: 400,
    async read(source) {
      const template = chatTemplateOf(await readJsonObject(source));
      const text = template.render([{ role: "user", content: "Hi" }], { addGenerationPrompt: true });
      expect(text).toBeTypeOf("string");
    },
  },
  {
    name: "a config.json",
    bytes: fixture("qwen2-tied/config.json"),
    rounds: 500,
    async read(source) {
      parseDecoderConfig(await readJsonObject(source));
    },
  },
  ...[VERL_COMMAND, VERL_YAML].map((text, i): Target => ({
    name: i === 0 ? "a verl command" : "a verl YAML",
    bytes: new TextEncoder().encode(text),
    rounds: 500,
    async read(source) {
      importVerlText(new TextDecoder().decode(await source.read(0, source.size)), DEFAULTS, {});
    },
  })),
];

const VERL_COMMAND = `python3 -m verl.trainer.main_ppo \\
  algorithm.adv_estimator=grpo \\
  actor_rollout_ref.actor.optim.lr=1e-6 \\
  actor_rollout_ref.rollout.n=$((2 * 4)) \\
  "data.train_files=['a.parquet','b.parquet']" \\
  trainer.total_epochs=3 "$@"`;
const VERL_YAML = `algorithm:
  adv_estimator: grpo
actor_rollout_ref:
  actor: {optim: {lr: 1.0e-6}, clip_ratio: 0.2}
  rollout: &rollout
    n: 8
trainer:
  total_training_steps: 10
`;

const readProblems = async (source: ByteSource): Promise<void> => {
  const { problems } = await readDataset(source);
  expect(problems.length).toBeGreaterThan(0);
  for (const { messages, groundTruth, question } of problems) {
    expect([groundTruth, question].every((text) => typeof text === "string")).toBe(true);
    const isText = messages.every(
      ({ role, content }) => typeof role === "string" && typeof content === "string",
    );
    expect(isText).toBe(true);
  }
};

function datasetTargets(): Target[] {
  const lines = fixture("datasets/gsm8k-20.jsonl").subarray(0, 2000);
  const rows = new TextDecoder()
    .decode(lines)
    .split("\n", 3)
    .map((text) => JSON.parse(text) as { question: string });
  const files: [string, Uint8Array, number][] = [
    ["JSON Lines", lines, 400],
    ["JSON", encode(rows), 400],
    [
      "prompts",
      encode(rows.map(({ question }) => ({ prompt: question, ground_truth: "1", data_source: "x" }))),
      400,
    ],
    [
      "server rows",
      encode({ rows: rows.map((row, row_idx) => ({ row_idx, row, truncated_cells: [] })) }),
      300,
    ],
    ["parquet", fixture("datasets/gsm8k-20.parquet"), 400],
    ["verl's parquet", fixture("datasets/verl-20.parquet"), 300],
    ["pairs in parquet", fixture("datasets/pairs.parquet"), 500],
  ];
  return files.map(([kind, bytes, rounds]) => ({
    name: `problems as ${kind}`,
    bytes,
    rounds,
    read: readProblems,
  }));
}

export const targets = async (): Promise<Target[]> => [
  ...(await onnxTargets()),
  ...(await safetensorsTargets()),
  ...textTargets(),
  ...datasetTargets(),
];
