// Weights in one safetensors file or several: which parts are wanted, what is said when one is missing, there twice or of
// another model, and what transformers leaves unread.

import { describe, expect, test } from "vitest";

import type { ByteSource } from "../../src/formats/safetensors.ts";
import { bytesSource, writeSafetensors } from "../../src/formats/safetensors.ts";
import { openModel } from "../../src/model/open-model.ts";
import { tinyFiles, tinyWeights } from "../rl/tiny-run.ts";

type Tensors = ReturnType<typeof tinyWeights>;

const REST = tinyFiles().filter(({ name }) => name !== "model.safetensors");
const ALL = tinyWeights();
const NORM = "model.layers.1.input_layernorm.weight";
const INDEX = "model.safetensors.index.json";
const part = (number: number): string => `model-0000${number}-of-00002.safetensors`;

const weightsFile = (name: string, tensors: Tensors): ByteSource =>
  bytesSource(name, writeSafetensors(tensors));
const half = (number: number): Tensors => ALL.filter((_, i) => i % 2 === number - 1);
const [FIRST, SECOND] = [weightsFile(part(1), half(1)), weightsFile(part(2), half(2))];
const jsonFile = (name: string, value: unknown): ByteSource =>
  bytesSource(name, new TextEncoder().encode(JSON.stringify(value)));
const indexOf = (change: Record<string, string> = {}): ByteSource =>
  jsonFile(INDEX, {
    metadata: { total_size: 1 },
    weight_map: { ...Object.fromEntries(ALL.map(([name], i) => [name, part(1 + (i % 2))])), ...change },
  });
const inFolder = (folder: string, files: readonly ByteSource[]): ByteSource[] =>
  files.map((file) => ({ ...file, name: `${folder}/${file.name}` }));

/** The same tensors in bfloat16: the first half of every number. */
function inBfloat16(name: string, tensors: Tensors): ByteSource {
  const header: Record<string, unknown> = {};
  const bytes: number[] = [];
  for (const [tensor, shape, values] of tensors) {
    const from = bytes.length;
    for (const word of new Uint32Array(values.slice().buffer)) bytes.push((word >>> 16) & 255, word >>> 24);
    header[tensor] = { dtype: "BF16", shape, data_offsets: [from, bytes.length] };
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const file = new Uint8Array(8 + json.length + bytes.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
  file.set(json, 8);
  file.set(bytes, 8 + json.length);
  return bytesSource(name, file);
}

const truncated = (values: Float32Array): Float32Array =>
  new Float32Array(new Uint32Array(values.slice().buffer).map((word) => word & 0xffff0000).buffer);

describe("weights open", () => {
  test("from parts with their index, in any order, and the index is one of the files of the model", async () => {
    const { weights, files, source } = await openModel([SECOND, ...REST, indexOf(), FIRST]);
    for (const [name, shape, values] of ALL) {
      expect(weights.shape(name)).toEqual(shape);
      expect(await weights.read(name)).toEqual(values);
    }
    expect(source).toBe("safetensors, F32");
    expect(files.map(({ name }) => name)).toContain(INDEX);
    expect((await openModel(files)).weights.names).toEqual(weights.names);
  });

  test("from parts of different types, to floats", async () => {
    const { weights, source } = await openModel([...REST, FIRST, inBfloat16(part(2), half(2))]);
    expect(source).toBe("safetensors, F32 and BF16");
    for (const [i, [name, , values]] of ALL.entries())
      expect(await weights.read(name)).toEqual(i % 2 === 0 ? values : truncated(values));
  });

  test("beside config.json, whatever lies in folders below", async () => {
    const below = inFolder("run/checkpoint-10", [...REST, weightsFile("model.safetensors", half(1))]);
    const files = [...below, ...inFolder("run", tinyFiles())];
    const opened = await openModel(files);
    expect(opened.weights.name).toBe("run/model.safetensors");
    expect(opened.files.length).toBe(4);
  });

  test("with a second copy of tied weights and old tables, as transformers leaves them unread", async () => {
    const rest = tinyFiles({ tie_word_embeddings: true }).filter(({ name }) => name !== "model.safetensors");
    const table = ["model.layers.0.self_attn.rotary_emb.inv_freq", [8], new Float32Array(8)] as const;
    const { config, weights } = await openModel([
      ...rest,
      weightsFile("model.safetensors", [...ALL, [...table]]),
    ]);
    expect(config.tied).toBe(true);
    expect(weights.names).toContain("lm_head.weight");
  });
});

describe("weights are refused in a sentence", () => {
  const without = (name: string): ByteSource =>
    weightsFile(
      "model.safetensors",
      ALL.filter(([other]) => other !== name),
    );
  const reshaped: Tensors = ALL.map(([name, shape, values]) =>
    name === NORM ? [name, [16], values.subarray(0, 16)] : [name, shape, values],
  );
  test.each<[string, readonly ByteSource[], RegExp]>([
    [
      "when a norm is missing",
      [without(NORM)],
      /model\.safetensors has no tensor "model\.layers\.1\.input_layernorm\.weight" \[32\]/,
    ],
    ["when an own head is missing", [without("lm_head.weight")], /has no tensor "lm_head\.weight"/],
    [
      "when a tensor has another shape",
      [weightsFile("model.safetensors", reshaped)],
      /"model\.layers\.1\.input_layernorm\.weight" in model\.safetensors has shape \[16\], .* asks for \[32\]/,
    ],
    [
      "when a part that the index names is missing",
      [indexOf(), FIRST],
      /index\.json says that weights lie in model-00002-of-00002\.safetensors, which is not among the files/,
    ],
    [
      "when all parts are missing",
      [indexOf()],
      /model-00001-of-00002\.safetensors, model-00002-of-00002\.safetensors, which are not/,
    ],
    [
      "when a part is missing without index",
      [SECOND],
      /lie in 2 files, and model-00001-of-00002\.safetensors is missing/,
    ],
    [
      "when a tensor lies in two parts",
      [FIRST, weightsFile(part(2), ALL.slice(0, 5))],
      /Tensor "model\.embed_tokens\.weight" is in model-00001-of-00002\.safetensors and in model-00002-of-00002/,
    ],
    [
      "when a file is none of the index's",
      [indexOf(), FIRST, SECOND, weightsFile("model.safetensors", ALL)],
      /model\.safetensors is not one of the files that .*index\.json names .* belongs to another model/,
    ],
    [
      "when the index has a tensor that no part has",
      [indexOf({ "model.layers.9.mlp.up_proj.weight": part(1) }), FIRST, SECOND],
      /says that tensor "model\.layers\.9\.mlp\.up_proj\.weight" lies in .*, and no file holds it: .* different models/,
    ],
    [
      "when the index has a tensor elsewhere",
      [indexOf({ [NORM]: part(1), "lm_head.weight": part(1) }), FIRST, SECOND],
      /lies in model-00001-of-00002\.safetensors, and it lies in model-00002-of-00002\.safetensors/,
    ],
    [
      "when the index lists nothing",
      [jsonFile(INDEX, { weight_map: {} }), FIRST, SECOND],
      /does not say which tensor lies in which file/,
    ],
    [
      "when whole models are mixed",
      [weightsFile("a.safetensors", half(1)), weightsFile("b.safetensors", half(2))],
      /a\.safetensors, b\.safetensors are not the parts of one model/,
    ],
    [
      "when parts of different cuts are mixed",
      [FIRST, weightsFile("model-00002-of-00003.safetensors", half(2))],
      /are not the parts of one model/,
    ],
    [
      "when two folders have weights of one name",
      [
        ...inFolder("a", [weightsFile("model.safetensors", ALL)]),
        ...inFolder("b", [weightsFile("model.safetensors", ALL)]),
      ],
      /two files called model\.safetensors \(a\/model\.safetensors and b\/model\.safetensors\)/,
    ],
  ])("%s", async (_, files, message) => {
    await expect(openModel([...REST, ...files])).rejects.toMatchObject({
      name: "UserError",
      message: expect.stringMatching(message),
    });
    await expect(openModel([...REST, ...files])).rejects.toThrow(/\.$/);
  });

  test("when two models' folders are dropped at once", async () => {
    const files = [...inFolder("a", tinyFiles()), ...inFolder("b", tinyFiles())];
    await expect(openModel(files)).rejects.toThrow(
      /two files called config\.json \(a\/config\.json and b\/config\.json\), so two models were dropped/,
    );
  });
});
