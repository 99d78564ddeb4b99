// Rollouts in ONNX Runtime give what our own decoder gives: greedy tokens to the token, sampled ones for the same seed, and
// log-probabilities of the policy as it is now, on graphs of every family and layout. In Node the session runs on the
// processor, and everything around it on the device.

import { beforeAll, describe, expect, test } from "vitest";

import type { Recorder } from "../../../src/gpu/index.ts";
import { packGroups } from "../../../src/model/packing.ts";
import type { Policy } from "../../../src/model/policy.ts";
import { OrtRollout } from "../../../src/rollout/onnxruntime/engine.ts";
import type {
  RolloutEngine,
  RolloutOptions,
  RolloutRequest,
  RolloutResponse,
} from "../../../src/rollout/engine.ts";
import { WgslRollout } from "../../../src/rollout/wgsl.ts";
import { sharedRecorder } from "../../harness.ts";
import type { OnnxDecoder } from "./models.ts";
import { hasExports, move, openExport, policyOn, SIZES } from "./models.ts";

let recorder: Recorder;
beforeAll(async () => {
  recorder = await sharedRecorder();
});

/** Prompts of all lengths, one token and the longest among them; eleven responses in five rows. */
const REQUESTS: readonly RolloutRequest[] = [
  { prompt: [5, 6, 7, 8, 9, 10, 11], samples: 3, key: 4 },
  { prompt: [3], samples: 2, key: 9 },
  { prompt: Array.from({ length: 24 }, (_, i) => (i * 37 + 5) % 250), samples: 4, key: 2 },
  { prompt: [200, 100, 50], samples: 2, firstSample: 3, key: 7 },
];
const GREEDY: RolloutOptions = {
  sampling: { temperature: 0, topK: 0, topP: 1, seed: [0, 0] },
  maxNew: SIZES.maxNew,
  stopTokens: [],
  useAdapter: true,
};
const SAMPLED: RolloutOptions = { ...GREEDY, sampling: { temperature: 0.9, topK: 0, topP: 1, seed: [3, 8] } };

const tokensOf = (responses: readonly (readonly RolloutResponse[])[]) =>
  responses.map((group) => group.map(({ tokens }) => tokens));

/** Largest difference of log-probabilities between two rollouts of the same tokens. */
function worst(
  a: readonly (readonly RolloutResponse[])[],
  b: readonly (readonly RolloutResponse[])[],
): number {
  const all = (responses: typeof a) =>
    responses.flatMap((group) => group.flatMap((response) => response.samplerLogProb));
  const other = all(b);
  return Math.max(...all(a).map((logProb, i) => Math.abs(logProb - other[i]!)));
}

/** Runs `check` with both engines on a policy that has been moved away from its file. */
async function withBoth(
  model: OnnxDecoder,
  trained: Parameters<typeof policyOn>[2],
  check: (ours: RolloutEngine, ort: OrtRollout, policy: Policy) => Promise<void>,
): Promise<void> {
  const policy = await policyOn(recorder, model, trained);
  try {
    await move(policy, 1, trained === "all" ? 0.02 : 0.1);
    const ort = await OrtRollout.create(policy, model.files, SIZES);
    try {
      await check(new WgslRollout(policy), ort, policy);
    } finally {
      await ort.destroy();
    }
  } finally {
    policy.destroy();
  }
}

/** float32 on both sides, in other orders of addition; logits are up to 10. */
const F32 = 1e-4;

async function agrees(ours: RolloutEngine, ort: RolloutEngine, options: RolloutOptions): Promise<void> {
  const expected = await ours.generate(REQUESTS, options);
  const actual = await ort.generate(REQUESTS, options);
  expect(tokensOf(actual)).toEqual(tokensOf(expected));
  expect(worst(actual, expected)).toBeLessThan(F32);
}

describe.skipIf(!hasExports)("exports of ../shared/data/models, if they are there,", () => {
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
    await withBoth(await openExport(name), undefined, async (ours, ort, policy) => {
      expect(ort.backend).toBe("wasm");
      await agrees(ours, ort, GREEDY);
      const before = await ort.generate(REQUESTS, GREEDY);
      await agrees(ours, ort, { ...GREEDY, useAdapter: false });
      await move(policy, 2);
      await agrees(ours, ort, GREEDY);
      expect(tokensOf(await ort.generate(REQUESTS, GREEDY))).not.toEqual(tokensOf(before));
      await agrees(ours, ort, SAMPLED);
    });
  });
});
