// ONNX Runtime on our own device in a browser, and on the processor in Node: what goes in and comes out, and what a refusal
// leaves behind.

import { expect, test } from "vitest";

import type { ModelSpec } from "../../../src/formats/onnx/encode.ts";
import { DATA_TYPE, encodeModel } from "../../../src/formats/onnx/encode.ts";
import type { OrtModel } from "../../../src/rollout/onnxruntime/runtime.ts";
import { openOrtSession } from "../../../src/rollout/onnxruntime/runtime.ts";
import { expectClose, sharedRecorder, upload, zeros } from "../../harness.ts";

const isNode = import.meta.env.SSR;

/** y [rows,2] = x [rows,3] w [3,2], with w in the graph. */
const PRODUCT: ModelSpec = {
  producer: "test",
  irVersion: 10,
  opsets: [["", 21]],
  graphName: "product",
  nodes: [{ op: "MatMul", name: "product", inputs: ["x", "w"], outputs: ["y"] }],
  tensors: [
    {
      name: "w",
      dims: [3, 2],
      type: DATA_TYPE.float,
      bytes: () => Promise.resolve(new Uint8Array(Float32Array.of(1, 2, 3, 4, 5, 6).buffer)),
    },
  ],
  inputs: [{ name: "x", type: DATA_TYPE.float, dims: ["rows", 3] }],
  outputs: [{ name: "y", type: DATA_TYPE.float, dims: ["rows", 2] }],
};

async function graphOf(spec: ModelSpec): Promise<OrtModel> {
  const { size, pieces } = encodeModel(spec);
  const model = new Uint8Array(size);
  let at = 0;
  for await (const piece of pieces()) {
    model.set(piece, at);
    at += piece.length;
  }
  return { model, external: [] };
}

const X = Float32Array.of(1, 0, 0, 1, 1, 1);
const Y = [1, 2, 9, 12];

test("a graph runs on our device in a browser and on the processor in Node", async () => {
  const session = await openOrtSession(await graphOf(PRODUCT), { recorder: await sharedRecorder() });
  expect(session.backend).toBe(isNode ? "wasm" : "webgpu");
  expect(session.inputs.map(({ name, type, shape }) => [name, type, shape])).toEqual([
    ["x", "float32", ["rows", 3]],
  ]);
  const { y } = await session.run({ x: session.numbers(X, [2, 3]) });
  expectClose((await y!.getData()) as Float32Array, Y, { rtol: 1e-6, atol: 0 });
  await session.dispose();
});

test("without a device, the processor runs it", async () => {
  const session = await openOrtSession(await graphOf(PRODUCT));
  expect(session.backend).toBe("wasm");
  const { y } = await session.run({ x: session.numbers(X, [2, 3]) });
  expectClose((await y!.getData()) as Float32Array, Y, { rtol: 1e-6, atol: 0 });
  await session.dispose();
});

test("sessions asked for at once are opened and run in turn", async () => {
  const recorder = await sharedRecorder();
  const graph = await graphOf(PRODUCT);
  const sessions = await Promise.all([1, 2, 3].map(() => openOrtSession(graph, { recorder })));
  const results = await Promise.all(
    sessions.map(async (session, i) => {
      const { y } = await session.run({
        x: session.numbers(
          X.map((value) => value * i),
          [2, 3],
        ),
      });
      await session.dispose();
      return y!.getData();
    }),
  );
  for (const [i, result] of results.entries())
    expectClose(
      result as Float32Array,
      Y.map((value) => value * i),
      { rtol: 1e-6, atol: 0 },
    );
});

test.skipIf(isNode)(
  "our buffers are its inputs and outputs, in the order in which work was recorded",
  async () => {
    const recorder = await sharedRecorder();
    const [x, newer, y] = [zeros(recorder, [8]), upload(recorder, [...X, 0, 0]), zeros(recorder, [4])];
    const session = await openOrtSession(await graphOf(PRODUCT), { recorder, gpuOutputs: "all" });
    recorder.copy(newer, x);
    await session.run({ x: session.gpu(x, [2, 3], "float32") }, { y: session.gpu(y, [2, 2], "float32") });
    expectClose(await recorder.readF32(y), Y, { rtol: 1e-6, atol: 0 });
    await session.dispose();
  },
);

test("a graph that ONNX Runtime does not take is refused with its reason, and the device goes on", async () => {
  const recorder = await sharedRecorder();
  const nodes = PRODUCT.nodes.map((node) => ({ ...node, op: "NoSuchOperator" }));
  const graph = await graphOf({ ...PRODUCT, nodes });
  await expect(openOrtSession(graph, { recorder })).rejects.toMatchObject({
    name: "UserError",
    message: expect.stringMatching(/ONNX Runtime cannot run this graph: .*NoSuchOperator/) as string,
  });
  const y = upload(recorder, [1, 2]);
  expect([...(await recorder.readF32(y))]).toEqual([1, 2]);
});

test("what is refused under guard is no fault of the device", async () => {
  const { gpu } = await sharedRecorder();
  const buffer = upload(await sharedRecorder(), [1]).buffer!;
  const misuse = async (): Promise<void> => gpu.device.queue.writeBuffer(buffer, 8, new Float32Array(4));
  await expect(gpu.guarded(misuse)).rejects.toMatchObject({ name: "GpuError" });
  gpu.check();
  expect(await gpu.guarded(() => Promise.resolve(3))).toBe(3);
});
