// Exports as they are offered: written, read back, run in ONNX Runtime beside the checkpoint; and withheld where a byte is not
// what it was.

import { describe, expect, test } from "vitest";

import { checkExport } from "../../src/app/export-check.ts";
import { makeExport } from "../../src/app/make-export.ts";
import type { ExportPlace } from "../../src/app/make-export.ts";
import { UserError } from "../../src/common/errors.ts";
import { weightExport } from "../../src/app/weight-exports.ts";
import type { NamedStream } from "../../src/formats/encoded-file.ts";
import type { ByteSource } from "../../src/formats/safetensors.ts";
import { bytesSource } from "../../src/formats/safetensors.ts";
import { collected } from "../formats/fixtures.ts";
import { sharedRecorder } from "../harness.ts";
import { hasQwen2Export, QWEN2_ADAPTER, qwen2Export, qwen2File, trainedFixture } from "./trained-fixture.ts";

const recorder = await sharedRecorder();
const trained = await trainedFixture({
  model: [qwen2File("config.json"), qwen2File("model.safetensors")],
  ...QWEN2_ADAPTER,
});

const written = async (file: NamedStream): Promise<ByteSource> =>
  bytesSource(file.name, await collected(file));
const device = () => Promise.resolve(recorder);
const inMemory: ExportPlace = { write: (files) => Promise.all(files.map(written)) };

describe("an export of a safetensors model", () => {
  test.each([
    ["adapter", 1e-4],
    ["safetensors", 1e-4],
    ["onnx", 1e-4],
    ["onnx-f16", 3e-2],
    ["onnx-q4", 10],
  ] as const)("%s is as trained, and ONNX Runtime says how nearly", async (form, tolerance) => {
    const check = await makeExport(trained, form, inMemory, { device });
    expect(check).toMatchObject({
      isGood: true,
      message: expect.stringMatching(
        /every tensor is as it was trained[^.]*\. ONNX Runtime against the checkpoint: worst log-probability difference \S+ over 32 tokens/,
      ),
    });
    expect(check.worst).toBeLessThan(tolerance);
    expect(check.worst).toBeGreaterThan(0);
  });

  test("is read back alone while a run has the device", async () => {
    const check = await makeExport(trained, "safetensors", inMemory);
    expect(check).toMatchObject({ isGood: true, message: expect.stringContaining("a run has the device") });
    expect(check.worst).toBeUndefined();
  });

  test("stops where it is told to", async () => {
    const stop = new AbortController();
    stop.abort(new Error("enough"));
    await expect(
      makeExport(
        trained,
        "onnx",
        {
          ...inMemory,
          write: (files, onBytes) => {
            onBytes(0, 1);
            return inMemory.write(files, onBytes);
          },
        },
        { device, signal: stop.signal },
      ),
    ).rejects.toThrow("enough");
  });
});

test("a check that is stopped is no verdict", async () => {
  const stop = new AbortController();
  const stopped = makeExport(trained, "safetensors", inMemory, {
    device: () => {
      stop.abort(new UserError("The export was stopped."));
      return device();
    },
    signal: stop.signal,
  });
  await expect(stopped).rejects.toThrow("The export was stopped.");
});

describe.each([
  ["tjs-fp16", 3e-2],
  ["v0.15.2-webgpu-fp16", 3e-2],
  ["v0.15.2-webgpu-fp32", 1e-4],
  // Its embedding is kept in halves beside the blocks.
  ["v0.15.2-webgpu-int4-fp32acc1-asym", 2e-2],
] as const)("an export of the ONNX file %s", (name, tolerance) => {
  test.skipIf(!hasQwen2Export(name))(
    "runs with the adapter beside it, and with its own weights replaced",
    async () => {
      const own = await trainedFixture({ model: qwen2Export(name), ...QWEN2_ADAPTER });
      const adapter = await makeExport(own, "adapter", inMemory, { device });
      expect(adapter).toMatchObject({
        isGood: true,
        message: expect.stringContaining("against the checkpoint"),
      });
      expect(adapter.worst).toBeLessThan(tolerance);
      const merged = await makeExport(own, "onnx", inMemory, { device });
      expect(merged).toMatchObject({
        isGood: true,
        message: expect.stringContaining("against the checkpoint"),
      });
      // What is rounded to 4 bits again may move as far as it does.
      if (!name.includes("int4")) expect(merged.worst).toBeLessThan(tolerance);
      else expect(merged.message).toMatch(/rounded to 4 bits where it is so stored/);
    },
  );
});

describe("an export is withheld", () => {
  const spoiled = async (form: "safetensors" | "onnx", change: (bytes: Uint8Array) => void) => {
    const files = await Promise.all((await weightExport(trained, form)).map(written));
    const weights = files.find(({ name }) => /\.(safetensors|onnx)$/.test(name))!;
    change(await weights.read(0, weights.size));
    return checkExport(files, form, trained, { recorder });
  };

  test.each(["safetensors", "onnx"] as const)("where a byte of %s changed on disk", async (form) => {
    const check = await spoiled(form, (bytes) => {
      bytes[Math.floor(bytes.length / 2)]! ^= 1;
    });
    expect(check).toMatchObject({
      isGood: false,
      message: expect.stringMatching(/reads back from the file with other numbers than were trained/),
    });
  });

  test("where the graph computes something else than its weights say", async () => {
    const check = await spoiled("onnx", (bytes) => {
      // Another operator in every feed-forward network, with a name as long.
      const [from, to] = ["Sigmoid", "Softmax"].map((name) => new TextEncoder().encode(name));
      for (let i = 0; i < bytes.length; i++)
        if (from!.every((letter, k) => bytes[i + k] === letter)) bytes.set(to!, i);
    });
    expect(check).toMatchObject({
      isGood: false,
      message: expect.stringMatching(/ONNX Runtime computes something else from this file than it should/),
    });
  });

  test("where a half cannot hold a weight", async () => {
    const name = "model.layers.0.mlp.up_proj.weight";
    const spoil = async (parameter: string, values: Promise<Float32Array>): Promise<Float32Array> => {
      if (parameter === name) (await values)[7] = 70_000;
      return values;
    };
    const read = (parameter: string) => spoil(parameter, trained.weights.read(parameter));
    const readRows = (parameter: string, row: number, rows: number) =>
      spoil(parameter, trained.weights.readRows(parameter, row, rows));
    const large = { ...trained, weights: { ...trained.weights, read, readRows } };
    expect(await makeExport(large, "onnx-f16", inMemory, { device })).toMatchObject({
      isGood: false,
      message: expect.stringMatching(
        /"model\.layers\.0\.mlp\.up_proj\.weight" .* holds Infinity at element 7/,
      ),
    });
    expect(await makeExport(large, "onnx", inMemory)).toMatchObject({ isGood: true });
  });
});
