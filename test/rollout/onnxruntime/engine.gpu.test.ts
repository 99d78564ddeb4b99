// Rollouts in ONNX Runtime on graphs that our own writer made: in a browser on our device, in Node on the processor with
// everything around it on the device. What our own decoder answers is what is right. Only what the two places may differ
// in; the rest is engine.engine.test.ts.

import { beforeAll, expect, test } from "vitest";

import type { Recorder } from "../../../src/gpu/index.ts";
import { sharedRecorder } from "../../harness.ts";
import { agree, GREEDY, mismatch, REQUESTS, SAMPLED, withBoth } from "./agreement.ts";
import { move, writtenDecoder } from "./decoders.ts";

const backend = import.meta.env.SSR ? "wasm" : "webgpu";

let recorder: Recorder;
beforeAll(async () => {
  recorder = await sharedRecorder();
});

test("both engines answer alike with an adapter, without it, and right after an update; nothing stays", async () => {
  const bytes = recorder.gpu.liveBytes;
  await withBoth(recorder, await writtenDecoder("float32"), {}, async (ours, ort, policy) => {
    expect(ort.backend).toBe(backend);
    const before = await agree(ours, ort, GREEDY);
    const base = await agree(ours, ort, { ...GREEDY, useAdapter: false });
    expect(base).not.toEqual(before);
    await move(policy, 2);
    const stop = new AbortController();
    const signal = stop.signal;
    const left = ort.generate(REQUESTS, {
      ...GREEDY,
      signal,
      onTokens: () => stop.abort(new Error("enough")),
    });
    await expect(left).rejects.toThrow("enough");
    await agree(ours, ort, SAMPLED);
  });
  expect(recorder.gpu.liveBytes).toBe(bytes);
});

test("when every weight is trained", async () => {
  await withBoth(recorder, await writtenDecoder("float32"), { trained: "all" }, async (ours, ort, policy) => {
    const before = await agree(ours, ort, GREEDY);
    await move(policy, 2);
    expect(await agree(ours, ort, GREEDY)).not.toEqual(before);
  });
});

test("with 4-bit weights, log-probabilities are the policy's", async () => {
  const model = await writtenDecoder("int4");
  await withBoth(recorder, model, { baseType: "q4" }, async (_, ort, policy) => {
    // The same blocks on both sides; what the file has as floats lies in halves in training.
    expect(await mismatch(ort, policy)).toBeLessThan(2e-2);
  });
});

test("in halves, log-probabilities are nearly the policy's, or the reason is told and the device goes on", async () => {
  const model = await writtenDecoder("float16");
  const distance = () => {
    let found = 0;
    const check: Parameters<typeof withBoth>[3] = async (_, ort, policy) => {
      found = await mismatch(ort, policy);
    };
    return withBoth(recorder, model, { baseType: "f16" }, check).then(() => found);
  };
  if (backend === "webgpu" && !recorder.gpu.features.has("shader-f16")) {
    // ONNX Runtime computes halves as halves, which this device does not.
    await expect(distance()).rejects.toThrow("ONNX Runtime");
    await recorder.done();
    return;
  }
  // Every activation is rounded to 11 bits: 1e-3 of a logit of up to 20, and more over the layers.
  expect(await distance()).toBeLessThan(0.1);
});
