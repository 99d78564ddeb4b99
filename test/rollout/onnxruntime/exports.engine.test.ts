// Rollouts in ONNX Runtime on what real exporters write, every family and layout, against our own decoder. In Node the
// session runs on the processor.

import { beforeAll, describe, expect, test } from "vitest";

import type { Recorder } from "../../../src/gpu/index.ts";
import { sharedRecorder } from "../../harness.ts";
import { agree, GREEDY, mismatch, SAMPLED, withBoth } from "./agreement.ts";
import { move } from "./decoders.ts";
import { hasExports, openExport } from "./exports.ts";

let recorder: Recorder;
beforeAll(async () => {
  recorder = await sharedRecorder();
});

describe.skipIf(!hasExports)("of ../shared/data/models, if it is there,", () => {
  test.each([
    "qwen2-tied/v0.15.2-webgpu-fp32",
    "qwen2-tied/v0.11.4-webgpu-fp32",
    "qwen2-tied/v0.7.1-webgpu-fp32",
    "qwen2-tied/v0.6.0-web-fp32",
    "qwen2-tied/tjs-fp32",
    "qwen3-tied/v0.9.2-webgpu-fp32",
    "qwen3-tied/tjs-fp32",
    "llama-tied/v0.15.2-webgpu-fp32",
    "llama-tied/tjs-fp32",
  ])("%s: both engines answer alike, before and after an update", async (name) => {
    await withBoth(recorder, await openExport(name), {}, async (ours, ort, policy) => {
      const before = await agree(ours, ort, GREEDY);
      await move(policy, 2);
      expect(await agree(ours, ort, GREEDY)).not.toEqual(before);
      await agree(ours, ort, SAMPLED);
    });
  });

  test.each(["qwen2-tied/tjs-fp32", "qwen3-tied/v0.9.2-webgpu-fp32", "llama-tied/v0.15.2-webgpu-fp32"])(
    "%s: also when every weight is trained",
    async (name) => {
      await withBoth(recorder, await openExport(name), { trained: "all" }, async (ours, ort, policy) => {
        const before = await agree(ours, ort, GREEDY);
        await move(policy, 2);
        expect(await agree(ours, ort, GREEDY)).not.toEqual(before);
      });
    },
  );

  // Same blocks on both sides, but float matrices and, for "f16", activations that are halves on one of them.
  test.each([
    ["qwen2-tied/tjs-q4", "q4", 2e-2],
    ["llama-tied/tjs-q4f16", "q4", 0.1],
    ["qwen3-tied/tjs-q4", "q4", 2e-2],
    ["qwen2-tied/v0.7.1-webgpu-int4", "q4", 0.1],
    ["qwen2-tied/v0.15.2-webgpu-int4-unshared", "q4", 0.1],
    ["qwen2-tied/tjs-fp16", "f16", 0.1],
    ["llama-tied/v0.15.2-webgpu-fp16", "f16", 0.1],
  ] as const)("%s: log-probabilities are nearly the policy's", async (name, baseType, tolerance) => {
    await withBoth(recorder, await openExport(name), { baseType }, async (_, ort, policy) => {
      expect(await mismatch(ort, policy)).toBeLessThan(tolerance);
    });
  });
});
