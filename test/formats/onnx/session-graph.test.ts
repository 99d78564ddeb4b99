// Copies of real exports for a session of ONNX Runtime, run by it: with frozen weights they answer as the file does, with
// an adapter as Hugging Face does with PEFT's, with all weights as inputs as the weights say.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { OnnxGraph } from "../../../src/formats/onnx/graph.ts";
import { openOnnxGraph } from "../../../src/formats/onnx/graph.ts";
import { openOnnxModel } from "../../../src/formats/onnx/model.ts";
import type { SessionWeights } from "../../../src/formats/onnx/session-graph.ts";
import { sessionGraph } from "../../../src/formats/onnx/session-graph.ts";
import type { SafetensorsFile } from "../../../src/formats/safetensors.ts";
import { bytesSource } from "../../../src/formats/safetensors.ts";
import { FAMILIES, safetensors, trainedFiles } from "./exports.ts";
import { OrtDecoder } from "./ort.ts";
import type { Read, Running } from "./sessions.ts";
import { F16, F32, folded, inSteps, isFused, LORA, logitsOf, running, worst } from "./sessions.ts";

describe.for(FAMILIES.filter(({ entries }) => entries.length > 0))("$name", async (family) => {
  const golden = await safetensors(`${family.folder}/golden.safetensors`);
  const adapter = await safetensors(`${family.folder}/adapter/adapter_model.safetensors`);
  const length = (await golden.readI32("lengths"))[0]!;
  const tokens = [...(await golden.readI32("tokens")).subarray(0, length)];
  const readAdapter: Read = (name) => adapter.readF32(name);

  describe.for(family.entries)("%s", async (entry) => {
    const files = await trainedFiles(family, entry);
    const folder = `${family.exports}/${entry}`;
    const model = await openOnnxModel(files);
    const graph = await openOnnxGraph(files.model);
    const { weightType, head, isAdapterMerged } = model.description;
    const isHalf = /fp16|f16|int4$|int4-unshared/.test(entry);
    const tolerance = isHalf ? F16 : F32;
    const first = async (tensors: SafetensorsFile, name: string): Promise<Float32Array> =>
      (await tensors.readF32(name)).subarray(0, length * files.config.vocab);
    const expected =
      weightType === "Q4"
        ? await first(await safetensors(`${folder}/dequantised.safetensors`), "logits")
        : await first(golden, isAdapterMerged ? "lora_logits" : "logits");
    const skip = isFused(graph);
    const note = skip ? " (skipped: the processor backend does not normalise heads in attention)" : "";

    test("names inputs that no value of the file has, and holds no weights itself", async () => {
      const known = new Set([...graph.inputs, ...graph.tensors.keys(), ...graph.producers.keys()]);
      for (const weights of [{ kind: "frozen" }, LORA, { kind: "all" }] as const) {
        const session = await sessionGraph(files, weights);
        const copy = await openOnnxGraph(bytesSource("copy.onnx", session.model));
        const names = session.inputs.map(({ name }) => name);
        expect(new Set(names).size).toBe(names.length);
        expect(names.filter((name) => known.has(name))).toEqual([]);
        expect(copy.inputs).toEqual([...graph.inputs.filter((name) => !graph.tensors.has(name)), ...names]);
        expect(copy.outputs).toEqual(graph.outputs);
        expect(copy.nodes.filter(({ attributes }) => attributes.has("accuracy_level"))).toEqual([]);
        for (const { place } of copy.tensors.values())
          if (place.kind === "inline") expect(place.end - place.start).toBeLessThanOrEqual(4096);
        expect(unsorted(copy)).toEqual(unsorted(graph));
      }
    });

    test("has every weight as an input, once a use, and no blocks", async () => {
      const session = await sessionGraph(files, { kind: "all" });
      const parts = session.inputs.flatMap((input) => input.parts.map(({ parameter }) => parameter));
      const wanted = model.names.filter((name) => name !== "lm_head.weight" || head === "own");
      expect([...new Set(parts)].sort()).toEqual([...wanted].sort());
      const twice = head === "own" ? [] : ["model.embed_tokens.weight"];
      expect(parts.filter((name, i) => parts.indexOf(name) < i)).toEqual(twice);
      const copy = await openOnnxGraph(bytesSource("copy.onnx", session.model));
      expect(copy.nodes.filter(({ op }) => /NBits|BlockQuantized/.test(op))).toEqual([]);
      for (const { name } of session.inputs) expect(copy.consumers.get(name), name).toHaveLength(1);
    });

    // A session takes long to begin, and the tests have the same three.
    const made = new Map<string, Promise<Running>>();
    const start = (weights: SessionWeights): Promise<Running> => {
      const known = made.get(weights.kind) ?? running(files, weights);
      made.set(weights.kind, known);
      return known;
    };
    const chunks = inSteps(tokens, graph);
    const logits = async (weights: SessionWeights, read: Read): Promise<Float32Array> =>
      logitsOf(await start(weights), chunks, read);
    const readWeights: Read = (name) => model.read(name);
    const frozen = { kind: "frozen" } as const;
    const all = { kind: "all" } as const;

    test.skipIf(skip)(`frozen: answers as the file does${note}`, async () => {
      const actual = await logits(frozen, readWeights);
      const external = [...graph.tensors.values()].flatMap(({ place }) =>
        place.kind === "external" ? place.file : [],
      );
      const own = await OrtDecoder.run(readFileSync(`${folder}/model.onnx`), files.config, chunks, {
        external: [...new Set(external)].map((path) => ({ path, data: readFileSync(`${folder}/${path}`) })),
      });
      expect(worst(own, expected)).toBeLessThanOrEqual(tolerance);
      expect(worst(actual, own)).toBeLessThanOrEqual(tolerance / 10);
      expect(worst(actual, expected)).toBeLessThanOrEqual(tolerance);
    });

    test.skipIf(skip)(`an adapter: answers as Hugging Face and as its folded weights${note}`, async () => {
      const actual = await logits(LORA, readAdapter);
      if (weightType !== "Q4" && !isAdapterMerged)
        expect(worst(actual, await first(golden, "lora_logits"))).toBeLessThanOrEqual(tolerance);
      const other = await logits(all, folded(model, adapter));
      expect(worst(actual, other)).toBeLessThanOrEqual(tolerance);
    });

    test.skipIf(skip)(`an adapter of some of q, k, v: leaves the others alone${note}`, async () => {
      const targets = ["v_proj", "q_proj", "down_proj"];
      const some = await running(files, { ...LORA, targets });
      const parts = some.session.inputs.flatMap((input) => input.parts.map(({ parameter }) => parameter));
      expect(new Set(parts.map((name) => name.split(".").at(-3)!))).toEqual(new Set(targets));
      const actual = await logitsOf(some, chunks, readAdapter);
      const other = await logits(all, folded(model, adapter, targets));
      expect(worst(actual, other)).toBeLessThanOrEqual(tolerance);
    });

    test.skipIf(skip)(`an adapter whose B is zero: changes no bit of floats${note}`, async () => {
      const zero = await logits(LORA, async (name) =>
        name.includes("lora_B") ? (await readAdapter(name)).fill(0) : readAdapter(name),
      );
      // ONNX Runtime joins blocks of halves with the bias behind them, unless something stands between.
      const limit = isHalf && weightType === "Q4" ? F16 : 0;
      expect(worst(zero, await logits(frozen, readWeights))).toBeLessThanOrEqual(limit);
    });

    test.skipIf(skip)(`all weights: answers as the file does, and follows them${note}`, async () => {
      const own = await logits(all, readWeights);
      expect(worst(own, await logits(frozen, readWeights))).toBeLessThanOrEqual(tolerance);
      expect(worst(own, expected)).toBeLessThanOrEqual(tolerance);
      // They come from the inputs, not from the file.
      const halved = await logits(all, async (name) => (await model.read(name)).map((value) => value / 2));
      expect(worst(halved, own)).toBeGreaterThan(0.1);
    });
  });
});

/** Nodes that do not stand behind all that make what they take: one graph of v0.6 has such. */
function unsorted({ nodes, producers }: OnnxGraph): string[] {
  const seen = new Set<string>();
  const found: string[] = [];
  for (const { name, inputs, outputs } of nodes) {
    if (inputs.some((input) => producers.has(input) && !seen.has(input))) found.push(name);
    outputs.forEach((output) => seen.add(output));
  }
  return found;
}
