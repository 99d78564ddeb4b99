// What the ONNX reader refuses, and in which words: files of another kind, of another model, or not whole. And how little
// of a large file it reads.

import { describe, expect, test } from "vitest";
import { SeededRandom } from "../../../src/common/random.ts";
import type { ModelSpec, NodeSpec, TensorSpec } from "../../../src/formats/onnx/encode.ts";
import { parseNode } from "../../../src/formats/onnx/messages.ts";
import { openOnnxModel } from "../../../src/formats/onnx/model.ts";
import { parseVarints } from "../../../src/formats/onnx/protobuf.ts";
import type { DecoderShape } from "../../../src/formats/onnx/shape.ts";
import { encodeOnnxModel } from "../../../src/formats/onnx/write.ts";
import type { ByteSource } from "../../../src/formats/safetensors.ts";
import { bytesSource, writeSafetensors } from "../../../src/formats/safetensors.ts";
import { fixture, fixtureJson } from "../fixtures.ts";
import { fileOf, modelSpec, randomWeights, shapeOf, SMALL } from "./decoders.ts";

const open = (bytes: Uint8Array, config: DecoderShape = SMALL) =>
  openOnnxModel({ model: bytesSource("model.onnx", bytes), config });

const refusal = (message: RegExp): object => ({
  name: "UserError",
  message: expect.stringMatching(message),
});

const latin = (text: string): Uint8Array => Buffer.from(text, "latin1");
const node = (op: string, name: string, inputs: string[]): NodeSpec => ({
  op,
  name,
  inputs,
  outputs: [name],
});
const tensor = (name: string, dims: number[], type = 1): TensorSpec => ({
  name,
  dims,
  type,
  bytes: () => Promise.resolve(new Uint8Array(dims.reduce((a, b) => a * b, type === 7 ? 8 : 4))),
});

/** A valid model with some of it replaced. */
async function changed(change: (model: ModelSpec) => Partial<ModelSpec>): Promise<Uint8Array> {
  const model = modelSpec(SMALL);
  return fileOf({ ...model, ...change(model) });
}

const withNode = (name: string, change: Partial<NodeSpec>): Promise<Uint8Array> =>
  changed(({ nodes }) => ({ nodes: nodes.map((old) => (old.name === name ? { ...old, ...change } : old)) }));

const ATTENTION = modelSpec(SMALL).nodes.find(({ op }) => op === "GroupQueryAttention")!;
const withAttribute = (name: string, value: number): Partial<NodeSpec> => ({
  attributes: { ...ATTENTION.attributes, [name]: { int: value } },
});
/** A scale of query heads, and none of key heads, where attention takes them. */
const withQueryScale: Partial<NodeSpec> = {
  inputs: [...ATTENTION.inputs, ...Array<string>(5).fill(""), "s"],
};

const QWEN2 = shapeOf(fixtureJson("qwen2-tied/config.json") as object);
const GATE = "/model/layers.0/mlp/gate_proj/MatMul";

test("the model that the tests change is valid", async () => {
  const model = await open(await changed(() => ({})));
  expect(model.description.head).toBe("own");
  expect(model.shape("no such weights")).toBeUndefined();
  await expect(model.read("no such weights")).rejects.toMatchObject(
    refusal(/has no weights "no such weights"/),
  );
});

describe("a file of another kind is called by its name", () => {
  const safetensors = writeSafetensors([["a", [1], Float32Array.of(1)]]);
  for (const [what, bytes, message] of [
    ["nothing", new Uint8Array(0), /model.onnx is empty/],
    ["safetensors", safetensors, /a safetensors file, not an ONNX model/],
    ["zip", latin("PK\x03\x04\x14\0\0\0\x08\0"), /a zip archive.*Unpack it/],
    ["gzip", latin("\x1f\x8b\x08\0\0\0"), /a gzip archive/],
    ["HTML", latin("\n<!DOCTYPE html><html>"), /a web page.*download link/],
    [
      "a pointer",
      latin("version https://git-lfs.github.com/spec/v1\noid"),
      /a Git LFS pointer.*git lfs pull/,
    ],
    ["GGUF", latin("GGUF\x03\0\0\0"), /a GGUF file/],
    ["JSON", latin('{"model_type": "qwen2"}'), /a JSON file/],
    ["ORT format", latin("\x20\0\0\0ORTM\0\0"), /ONNX Runtime's own format/],
    ["text", latin("just some text"), /not a whole ONNX file: .*download or export it again/],
  ] as const) {
    test(what, () => expect(open(bytes)).rejects.toMatchObject(refusal(message)));
  }

  test("random bytes", async () => {
    for (let seed = 0; seed < 200; seed++) {
      const random = new SeededRandom(seed);
      const bytes = Uint8Array.from({ length: 1 + random.integer(400) }, () => random.integer(256));
      await expect(open(bytes), `seed ${seed}`).rejects.toMatchObject({ name: "UserError" });
    }
  });
});

test("a message that ends in the middle of a field is refused", () => {
  const name = (length: number): Uint8Array => Uint8Array.of(0x1a, length, 0x61);
  expect(parseNode("model.onnx", name(1)).name).toBe("a");
  expect(() => parseNode("model.onnx", name(2))).toThrow(
    /model.onnx is not a whole ONNX file: a message ends/,
  );
  expect(() => parseVarints("model.onnx", Uint8Array.of(1, 0x80))).toThrow(/not a whole ONNX file/);
});

describe("a graph of another model is refused with what it holds", () => {
  const graph = (...nodes: NodeSpec[]): Promise<Uint8Array> => changed(() => ({ nodes, tensors: [] }));
  for (const [what, bytes, message] of [
    ["no nodes", () => graph(), /no decoder layers.*it holds no nodes/],
    [
      "a vision net",
      () => graph(...[1, 2, 3].map((n) => node("Conv", `conv${n}`, ["x"])), node("Relu", "relu", ["x"])),
      /an ONNX file, but no decoder layers .*it holds 3 Conv, 1 Relu/,
    ],
    [
      "BERT",
      () => graph(node("MatMul", "/encoder/layer.0/attention/self/query/MatMul", ["x", "w"])),
      /another kind of model.*Use a Qwen2/,
    ],
    [
      "8-bit integers",
      () => withNode(GATE, { op: "MatMulInteger", name: `${GATE}_quant` }),
      /quantised to 8-bit integers \(files called int8, uint8 or quantized\): node "\/model\/layers.0\/mlp\/gate_proj\/MatMul_quant" is a MatMulInteger\. .*Use model\.onnx, model_fp16\.onnx/,
    ],
    [
      "8-bit integers of its embedding alone",
      () =>
        changed(({ nodes }) => ({
          nodes: [...nodes, node("DequantizeLinear", "/model/embed_tokens/Dequantize", ["logits"])],
        })),
      /quantised with QuantizeLinear and DequantizeLinear \(QDQ\): node "\/model\/embed_tokens\/Dequantize"/,
    ],
    [
      "4 bits of bitsandbytes",
      () => withNode(GATE, { op: "MatMulBnb4" }),
      /quantised by bitsandbytes to 4 bits \(files called bnb4\): .*MatMulBnb4/,
    ],
    [
      "8-bit blocks",
      () => withNode(GATE, { op: "MatMulNBits", attributes: { bits: { int: 8 } } }),
      /quantised to blocks of 8 bits: .*Use model\.onnx/,
    ],
    [
      "weights that are computed",
      () => withNode(GATE, { inputs: ["x", "logits"] }),
      /takes its weights from a MatMul/,
    ],
    ["weights that are missing", () => withNode(GATE, { inputs: ["x", "y"] }), /takes its weights from "y"/],
    ["no gate", () => withNode(GATE, { op: "Relu" }), /has no "\/model\/layers.0\/mlp\/gate_proj"/],
    [
      "an expert more",
      () =>
        changed(({ nodes, tensors }) => ({
          nodes: [...nodes, node("MatMul", "/model/layers.0/mlp/expert/MatMul", ["x", "extra"])],
          tensors: [...tensors, tensor("extra", [4, 4])],
        })),
      /has weights at "\/model\/layers.0\/mlp\/expert\/MatMul" that a decoder of this kind does not have/,
    ],
    [
      "a norm more",
      () =>
        changed(({ nodes, tensors }) => ({
          nodes: [
            ...nodes,
            node("SimplifiedLayerNormalization", "/model/layers.0/more/LayerNorm", ["x", "s"]),
          ],
          tensors: [...tensors, tensor("s", [24])],
        })),
      /has weights at "\/model\/layers.0\/more\/LayerNorm" that a decoder of this kind does not have/,
    ],
    [
      "half an adapter",
      () =>
        changed(({ nodes, tensors }) => ({
          nodes: [...nodes, node("MatMul", "/model/layers.0/attn/q_proj/lora_A/MatMul", ["x", "extra"])],
          tensors: [...tensors, tensor("extra", [24, 2])],
        })),
      /has weights at ".*q_proj\/lora_A\/MatMul" that a decoder of this kind does not have/,
    ],
    [
      "interleaved pairs",
      () => withNode(ATTENTION.name, withAttribute("rotary_interleaved", 1)),
      /has rotary_interleaved 1, which is not computed here/,
    ],
    [
      "weights of 64 bits",
      () =>
        changed(({ tensors }) => ({
          tensors: tensors.map((old) =>
            old.name === "lm_head.MatMul.weight" ? tensor(old.name, [24, 11], 7) : old,
          ),
        })),
      /"lm_head.MatMul.weight" in model.onnx has type INT64/,
    ],
    [
      "no final norm",
      () =>
        changed(({ tensors }) => ({ tensors: tensors.filter(({ name }) => !name.includes("final_norm")) })),
      /has no "model.norm.weight"/,
    ],
    [
      "a norm of the heads of q alone",
      () =>
        changed(({ nodes, tensors }) => ({
          nodes: nodes.map((old) => (old.name === ATTENTION.name ? { ...old, ...withQueryScale } : old)),
          tensors: [...tensors, tensor("s", [16])],
        })),
      /has no "model.layers.0.self_attn.k_norm.weight"/,
    ],
  ] as const) {
    test(what, async () => expect(open(await bytes())).rejects.toMatchObject(refusal(message)));
  }
});

describe("a graph that is not of its config.json is refused with both numbers", () => {
  for (const [what, config, message] of [
    ["layers", { layers: 3 }, /has 2 decoder layers, and its configuration asks for 3/],
    ["vocabulary", { vocab: 12 }, /have shape \[11,24\], and the configuration asks for \[12,24\]/],
    ["width", { intermediate: 21 }, /have shape \[20,24\], and the configuration asks for \[21,24\]/],
    ["heads", { heads: 6, kvHeads: 2, headSize: 8 }, /num_attention_heads 3, and its configuration says 6/],
    ["epsilon", { rmsEps: 1e-6 }, /rms_norm_eps 0.00000\d+, and its configuration says 0.000001/],
    [
      "scaled angles",
      { ropeScaling: { type: "linear", factor: 2 } as const },
      /does not turn as rope_theta 10000 and rope scaling "linear" of its configuration says/,
    ],
    ["angles", { ropeTheta: 1e6 }, /does not turn as rope_theta 1000000 .*pair 1: 0.9\d+, not 0.9\d+/],
  ] as const) {
    test(what, async () => {
      const bytes = await changed(() => ({}));
      await expect(open(bytes, { ...SMALL, ...config })).rejects.toMatchObject(refusal(message));
    });
  }

  test("angles of plain operators", async () => {
    const config = { ...QWEN2, ropeTheta: 10000 };
    await expect(open(fixture("onnx/tjs-fp16/model.onnx"), config)).rejects.toMatchObject(
      refusal(/does not turn as rope_theta 10000 .*pair 1: 0.17\d+, not 0.31\d+/),
    );
  });

  test("a tied head that differs from the embedding is refused when the embedding is read", async () => {
    const model = await open(await changed(() => ({})), { ...SMALL, tied: true });
    expect(model.description.head).toBe("copy");
    await expect(model.read("model.embed_tokens.weight")).rejects.toMatchObject(
      refusal(/embedding and the output head in model.onnx differ \(token 0: .*tie_word_embeddings/),
    );
  });
});

describe("a data file beside the model", () => {
  const folder = "onnx/v0.15.2-webgpu-fp16";
  const config = QWEN2;
  const bytes = fixture(`${folder}/model.onnx`);
  const data = fixture(`${folder}/model.onnx.data`);
  const model = bytesSource("model.onnx", bytes);

  test("is asked for by name when it is missing", async () => {
    const wanted = refusal(
      /a second file, "model.onnx.data", which was not given. Choose both files together/,
    );
    await expect(openOnnxModel({ model, config })).rejects.toMatchObject(wanted);
  });

  test("is refused when it is too short", async () => {
    const external = (name: string): ByteSource => bytesSource(name, data.subarray(0, data.length - 2));
    await expect(openOnnxModel({ model, config, external })).rejects.toMatchObject(
      refusal(/model.onnx.data has \d+ bytes, and model.onnx finds tensor ".*" up to byte \d+/),
    );
  });

  test("is refused when it lies in another folder", async () => {
    const text = Buffer.from(bytes).toString("latin1").replaceAll("model.onnx.data", "../../etc/passw");
    const elsewhere = bytesSource("model.onnx", latin(text));
    await expect(openOnnxModel({ model: elsewhere, config })).rejects.toMatchObject(
      refusal(/names a data file "..\/..\/etc\/passw" that is not beside it/),
    );
  });

  test("is refused when it shrinks after opening", async () => {
    let size = data.length;
    const external = (name: string): ByteSource => ({
      name,
      size: data.length,
      read: (start, end) => Promise.resolve(data.subarray(start, Math.min(end, size))),
    });
    const opened = await openOnnxModel({ model, config, external });
    size = 100;
    await expect(opened.read("model.embed_tokens.weight")).rejects.toMatchObject({ name: "UserError" });
  });
});

test("opening reads little of a file whose weights are inside", async () => {
  const shape = { ...SMALL, vocab: 4096, hidden: 128 };
  const { size, pieces } = encodeOnnxModel(shape, randomWeights(shape, { hasBias: true, seed: 4 }));
  const bytes = new Uint8Array(size);
  let at = 0;
  for await (const piece of pieces()) {
    bytes.set(piece, at);
    at += piece.length;
  }
  let read = 0;
  const model: ByteSource = {
    name: "model.onnx",
    size,
    read(start, end) {
      read += end - start;
      return Promise.resolve(bytes.subarray(start, end));
    },
  };
  await openOnnxModel({ model, config: shape });
  expect(size).toBeGreaterThan(4e6);
  expect(read).toBeLessThan(size / 10);
});
