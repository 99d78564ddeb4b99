// Wherever a file of either layout is cut, the ONNX reader refuses it in a sentence. Other damage is in test/fuzz.

import { expect, test } from "vitest";
import { SeededRandom } from "../../../src/common/random.ts";
import { openOnnxModel } from "../../../src/formats/onnx/model.ts";
import type { DecoderShape } from "../../../src/formats/onnx/shape.ts";
import { bytesSource } from "../../../src/formats/safetensors.ts";
import { fixture, fixtureJson } from "../fixtures.ts";
import { fileOf, modelSpec, shapeOf, SMALL } from "./decoders.ts";

const CUTS = 150;
const QWEN2 = shapeOf(fixtureJson("qwen2-tied/config.json") as object);
const FILES: readonly (readonly [string, Uint8Array, DecoderShape, Uint8Array | undefined])[] = [
  ["the writer's file", await fileOf(modelSpec(SMALL)), SMALL, undefined],
  [
    "a file of the model builder",
    fixture("onnx/v0.15.2-webgpu-fp16/model.onnx"),
    QWEN2,
    fixture("onnx/v0.15.2-webgpu-fp16/model.onnx.data"),
  ],
  ["a file of transformers.js", fixture("onnx/tjs-fp16/model.onnx"), QWEN2, undefined],
];

/** Opens and reads everything; the outcome, or the error when it is not one for people. */
async function outcome(bytes: Uint8Array, config: DecoderShape, data?: Uint8Array): Promise<unknown> {
  try {
    const model = await openOnnxModel({
      model: bytesSource("model.onnx", bytes),
      config,
      external: (name) => (data ? bytesSource(name, data) : undefined),
    });
    for (const name of model.names) {
      const values = await model.read(name);
      const size = model.shape(name)!.reduce((a, b) => a * b, 1);
      if (values.length !== size) return `${name} has ${values.length} values, not ${size}`;
    }
    return "read";
  } catch (error) {
    return error instanceof Error && error.name === "UserError" ? "refused" : error;
  }
}

for (const [what, bytes, config, data] of FILES) {
  test(`${what} is read whole`, async () => {
    expect(await outcome(bytes, config, data)).toBe("read");
  });

  test(`${what} is refused at whatever place it is cut`, async () => {
    const random = new SeededRandom(5);
    const anywhere = Array.from({ length: CUTS }, () => random.integer(bytes.length));
    const ends = [1, 2, 3, 4, 5, 10, 20, bytes.length - 1, bytes.length - 2];
    for (const cut of [...ends, ...anywhere])
      // The last bytes may be an operator set, without which the graph is whole.
      expect(["refused", cut > bytes.length - 40 ? "read" : ""], `cut at ${cut}`).toContain(
        await outcome(bytes.subarray(0, cut), config, data),
      );
  });
}
