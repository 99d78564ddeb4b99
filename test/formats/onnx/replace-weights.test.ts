// Real exports with their weights replaced: by their own, which changes no byte; by those of an adapter folded in, which
// ONNX Runtime then answers with.

import { describe, expect, test } from "vitest";
import type { NodeSpec } from "../../../src/formats/onnx/encode.ts";
import { openOnnxGraph } from "../../../src/formats/onnx/graph.ts";
import type { OnnxFiles, OnnxModel } from "../../../src/formats/onnx/model.ts";
import { openOnnxModel } from "../../../src/formats/onnx/model.ts";
import type { NamedWeights } from "../../../src/formats/onnx/parts.ts";
import type { ReplacedFile, ReplaceOptions } from "../../../src/formats/onnx/replace-weights.ts";
import { replaceWeights } from "../../../src/formats/onnx/replace-weights.ts";
import { bytesSource } from "../../../src/formats/safetensors.ts";
import { isShared } from "../fixtures.ts";
import { fileOf, firstDifference, modelSpec, SMALL } from "./decoders.ts";
import { exportFiles, FAMILIES, safetensors, trainedFiles } from "./exports.ts";
import { OrtDecoder } from "./ort.ts";
import type { Read } from "./sessions.ts";
import { F16, F32, folded, inSteps, isFused, logitsOf, running, worst } from "./sessions.ts";

/** The weights of `model`, but for what `read` gives. */
const weightsOf = (model: OnnxModel, read: Read = (name) => model.read(name)): NamedWeights => ({
  name: "trained weights",
  shape: (name) => model.shape(name),
  read,
});

async function bytesOf({ file }: ReplacedFile): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of file.pieces()) pieces.push(new Uint8Array(piece));
  const bytes = Buffer.concat(pieces);
  expect(bytes).toHaveLength(file.size);
  return bytes;
}

/** The bytes of the replaced files, and a model over them. */
async function replaced(files: OnnxFiles, weights: NamedWeights, options?: ReplaceOptions) {
  const written = new Map<string, Buffer>();
  for (const file of await replaceWeights(files, weights, options))
    written.set(file.name, await bytesOf(file));
  const source = (name: string) => bytesSource(name, written.get(name)!);
  return { written, files: { ...files, model: source(files.model.name), external: source } };
}

async function originals(files: OnnxFiles, names: Iterable<string>): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  for (const name of names) {
    const source = name === files.model.name ? files.model : files.external!(name)!;
    found.set(name, Buffer.from(await source.read(0, source.size)));
  }
  return found;
}

describe.for(FAMILIES.filter(({ entries }) => entries.length > 0))("$name", async (family) => {
  const golden = await safetensors(`${family.folder}/golden.safetensors`);
  const adapter = await safetensors(`${family.folder}/adapter/adapter_model.safetensors`);
  const length = (await golden.readI32("lengths"))[0]!;
  const tokens = [...(await golden.readI32("tokens")).subarray(0, length)];

  describe.for(family.entries)("%s", async (entry) => {
    const files = await trainedFiles(family, entry);
    const model = await openOnnxModel(files);
    const graph = await openOnnxGraph(files.model);
    const chunks = inSteps(tokens, graph);
    const { weightType, head, isAdapterMerged } = model.description;
    const tolerance = /fp16|f16|int4$|int4-unshared/.test(entry) ? F16 : F32;
    const skip = isFused(graph);
    const note = skip ? " (skipped: the processor backend does not normalise heads in attention)" : "";

    test.skipIf(isAdapterMerged)("with its own weights is the same file, to the byte", async () => {
      const { written } = await replaced(files, weightsOf(model));
      expect([...written.keys()][0]).toBe(files.model.name);
      for (const [name, bytes] of await originals(files, written.keys()))
        expect(Buffer.compare(written.get(name)!, bytes), name).toBe(0);
    });

    test("reads nothing that did not change", async () => {
      const read: Read = () => Promise.reject(new Error("read"));
      const { written } = await replaced(files, weightsOf(model, read), { isChanged: () => false });
      for (const [name, bytes] of await originals(files, written.keys()))
        expect(Buffer.compare(written.get(name)!, bytes), name).toBe(0);
    });

    test("with an adapter folded in holds those weights, and nothing else changed", async () => {
      const wanted = folded(model, adapter);
      const rounded = new Map<string, number>();
      const result = await replaced(files, weightsOf(model, wanted), {
        onRounded: (name, error) => rounded.set(name, error),
      });
      const found = await openOnnxModel(result.files);
      expect(found.description).toEqual(model.description);
      for (const name of model.names) {
        if (name === "lm_head.weight" && head === "copy") continue;
        const error = worst(await found.read(name), await wanted(name));
        const isBlocks = rounded.has(name);
        // A sum of two products of the reader, in another order than the writer's.
        const limit = isBlocks ? rounded.get(name)! * 1.001 + 1e-7 : weightType === "F16" ? 2e-3 : 1e-6;
        expect(error, name).toBeLessThanOrEqual(limit);
        if (isBlocks) expect(error, name).toBeLessThan(0.3);
      }
    });

    test.skipIf(skip)(`with an adapter folded in answers so in ONNX Runtime${note}`, async () => {
      const result = await replaced(files, weightsOf(model, folded(model, adapter)));
      const external = [...result.written].map(([path, data]) => ({ path, data }));
      const bytes = result.written.get(files.model.name)!;
      const actual = await OrtDecoder.run(bytes, files.config, chunks, { external });
      if (weightType !== "Q4" && !isAdapterMerged) {
        const expected = (await golden.readF32("lora_logits")).subarray(0, length * files.config.vocab);
        expect(worst(actual, expected)).toBeLessThanOrEqual(tolerance);
      }
      // Whatever it was rounded to, it answers as these weights do in the graph of floats.
      const found = await openOnnxModel(result.files);
      const all = await running(files, { kind: "all" });
      const other = await logitsOf(all, chunks, (name) => found.read(name));
      expect(worst(actual, other)).toBeLessThanOrEqual(tolerance);
    });
  });
});

test.skipIf(!isShared("models/qwen2-tied"))(
  "a second head in 4 bits stays while its embedding does",
  async () => {
    const family = FAMILIES.find(({ name }) => name.endsWith("qwen2-tied"))!;
    const files = exportFiles(family, "v0.7.1-webgpu-int4");
    const model = await openOnnxModel(files);
    const changed: Read = async (name) => {
      const values = await model.read(name);
      if (name === "model.embed_tokens.weight") values[5] = 1;
      return values;
    };
    const head = (found: OnnxModel): Promise<Float32Array> => found.read("lm_head.weight");
    const [old, same, other] = [
      await head(model),
      await head(await openOnnxModel((await replaced(files, weightsOf(model))).files)),
      await head(await openOnnxModel((await replaced(files, weightsOf(model, changed))).files)),
    ];
    expect(firstDifference(same, old)).toBe(-1);
    expect(other[5]).toBeCloseTo(1);
    // The first block is rounded anew, the others are not.
    expect(firstDifference(other.subarray(32), old.subarray(32))).toBe(-1);
  },
);

describe("one tensor for two norms", () => {
  const [one, two] = [
    "model.layers.0.input_layernorm.weight",
    "model.layers.0.post_attention_layernorm.weight",
  ];
  const sharing = async (): Promise<OnnxFiles> => {
    const spec = modelSpec(SMALL);
    const share = (node: NodeSpec): NodeSpec => ({
      ...node,
      inputs: node.inputs.map((input) => (input === two ? one! : input)),
    });
    const bytes = await fileOf({
      ...spec,
      nodes: spec.nodes.map(share),
      tensors: spec.tensors.filter(({ name }) => name !== two),
    });
    return { model: bytesSource("model.onnx", bytes), config: SMALL };
  };

  test("is replaced while both are the same", async () => {
    const files = await sharing();
    const model = await openOnnxModel(files);
    const ones: Read = async (name) =>
      name === one || name === two ? new Float32Array(24).fill(1) : model.read(name);
    const found = await openOnnxModel((await replaced(files, weightsOf(model, ones))).files);
    expect(firstDifference(await found.read(two!), new Float32Array(24).fill(1))).toBe(-1);
  });

  test("is refused when training made them different", async () => {
    const files = await sharing();
    const model = await openOnnxModel(files);
    const differ: Read = async (name) => (name === two ? new Float32Array(24).fill(1) : model.read(name));
    await expect(replaced(files, weightsOf(model, differ))).rejects.toThrow(/as one tensor.*different/);
  });
});

test("weights that diverged or do not fit are refused", async () => {
  const files = { model: bytesSource("model.onnx", await fileOf(modelSpec(SMALL))), config: SMALL };
  const model = await openOnnxModel(files);
  const broken: Read = async (name) => (await model.read(name)).fill(NaN);
  await expect(replaced(files, weightsOf(model, broken))).rejects.toThrow(/NaN at element 0.*diverged/);
  const other = { ...weightsOf(model), shape: () => [3, 5] };
  await expect(replaceWeights(files, other)).rejects.toThrow(/shape \[3,5\].*do not belong together/);
});
