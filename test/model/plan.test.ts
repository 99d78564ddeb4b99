// Memory plans at the size of Qwen2.5-0.5B: what the project promises, and that every tensor fits the smallest device.

import { expect, test } from "vitest";

import { QWEN_05B, QWEN_05B_LORA } from "../../bench/qwen-0.5b.ts";
import type { PolicyOptions } from "../../src/model/memory.ts";
import { planPolicy } from "../../src/model/memory.ts";

const PARAMETERS = 494_032_768;
/** The binding limit of the WebGPU specification. */
const DEFAULT = { maxBindingBytes: 128 * 2 ** 20 };
const GIB = 2 ** 30;

test("an adapter of rank 16 over an f16 base with 2,048 tokens takes less than 2.5 GB", () => {
  const { bytes, total } = planPolicy(QWEN_05B, QWEN_05B_LORA, DEFAULT);
  expect(total).toBeLessThan(2.5e9);
  const table = 4 * 2048 * QWEN_05B.headSize;
  const vectors = 4 * (24 * (2 * 896 + 1152) + 896);
  const matrices = 2 * (PARAMETERS - vectors / 4);
  expect(bytes.get("weights")).toBe(matrices + vectors + table);
  // A and B of 24 layers, rank 16: per layer 16 times the inputs and outputs of the seven modules, aligned to 256 bytes.
  const perLayer = 16 * (3 * 896 + 896 + 2 * 128 + 896 + 896 + 2 * 896 + 2 * 4864 + 4864 + 896);
  expect(bytes.get("adapter")! / (4 * 24 * perLayer)).toBeCloseTo(1, 2);
});

test("the same over a base in 4-bit blocks takes less than 1.6 GB", () => {
  const { bytes, total } = planPolicy(
    QWEN_05B,
    { ...QWEN_05B_LORA, baseType: "q4", blockType: () => "q4" },
    DEFAULT,
  );
  expect(total).toBeLessThan(1.6e9);
  const table = 4 * 2048 * QWEN_05B.headSize;
  const vectors = 4 * (24 * (2 * 896 + 1152) + 896);
  expect(bytes.get("weights")).toBe((20 * (PARAMETERS - vectors / 4)) / 32 + vectors + table);
});

test("training every weight plans parameters, gradients and two moments, in pieces that default devices bind", () => {
  const { lora: _, ...options } = QWEN_05B_LORA;
  const { bytes } = planPolicy(QWEN_05B, { ...options, tokenBudget: 1024 }, DEFAULT);
  expect(bytes.get("weights")! / (4 * PARAMETERS)).toBeCloseTo(1, 2);
  expect(bytes.get("optimizer")! / (12 * PARAMETERS)).toBeCloseTo(1, 2);
});

test("keeping activations costs more than recomputing them, and rollouts add their caches", () => {
  const plan = (change: Partial<PolicyOptions>) =>
    planPolicy(QWEN_05B, { ...QWEN_05B_LORA, ...change }, DEFAULT);
  const kept = plan({ activationCheckpointing: false, tokenBudget: 512 });
  const recomputed = plan({ tokenBudget: 512 });
  expect(kept.bytes.get("activations")).toBeGreaterThan(5 * recomputed.bytes.get("activations")!);
  const rollout = { rows: 16, promptSlots: 4, maxPrompt: 256, maxNew: 256 };
  const cache = 24 * 4 * 256 * (16 + 4) * 256;
  expect(plan({ rollout }).bytes.get("kvCache")).toBeGreaterThan(cache);
  expect(plan({ rollout }).total).toBeLessThan(3 * GIB);
});
