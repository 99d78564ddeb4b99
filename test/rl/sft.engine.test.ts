// The supervised step on a tiny real model: its loss is the mean of what the forward pass says, cutting the batch changes
// nothing but rounding, and the loss falls.

import { fileURLToPath } from "node:url";

import { expect, test } from "vitest";

import type { PolicyOptions } from "../../src/model/memory.ts";
import { Policy } from "../../src/model/policy.ts";
import { openGolden } from "../../src/node/verify/golden.ts";
import { defaultOptions, evaluate, trained } from "../../src/node/verify/run.ts";
import { sftStep } from "../../src/rl/sft.ts";
import { relativeL2, sharedRecorder } from "../harness.ts";

const golden = await openGolden(fileURLToPath(new URL("../fixtures/qwen2-tied", import.meta.url)));
const recorder = await sharedRecorder();
const EXAMPLES = golden.groups.map(({ prompt, responses: [response] }) => ({ prompt, response: response! }));
const TOKENS = EXAMPLES.reduce((sum, { response }) => sum + response.length, 0);
/** The longest example alone: as many micro-batches as can be. */
const SMALLEST_BUDGET = Math.max(...EXAMPLES.map(({ prompt, response }) => prompt.length + response.length));
const ADAMW = {
  lr: 1e-2,
  beta1: 0.9,
  beta2: 0.98,
  eps: 1e-8,
  weightDecay: 0,
  decay: "all",
  maxNorm: 1,
} as const;

const create = (change: Partial<PolicyOptions> = {}): Promise<Policy> =>
  Policy.create(recorder, golden.config, { ...defaultOptions(golden, false), ...change }, golden.weights);

const step = (policy: Policy, number = 1, temperature = 1) =>
  sftStep(policy, EXAMPLES, { step: number, adamw: ADAMW, temperature });

test("the loss is the mean of -logProb over all response tokens, before the step", async () => {
  const policy = await create();
  for (const temperature of [1, 0.7]) {
    const { logProb } = await evaluate(policy, golden.groups, { temperature, useAdapter: true });
    expect(logProb.length).toBe(TOKENS);
    const { loss, tokens, skipped } = await step(policy, 1, temperature);
    // Sums of float32 numbers in two orders of addition.
    expect(loss).toBeCloseTo(-logProb.reduce((sum, value) => sum + value, 0) / TOKENS, 5);
    expect({ tokens, skipped }).toEqual({ tokens: TOKENS, skipped: false });
  }
  policy.destroy();
});

test("cutting the batch changes neither loss nor step, but for rounding", async () => {
  const [whole, cut] = [await create(), await create({ tokenBudget: SMALLEST_BUDGET })];
  const [one, many] = [await step(whole), await step(cut)];
  expect(many.loss).toBeCloseTo(one.loss, 5);
  expect(Math.abs(many.gradNorm / one.gradNorm - 1)).toBeLessThan(1e-5);
  const reference = await trained(whole, "value");
  for (const [name, values] of await trained(cut, "value"))
    expect(relativeL2(values, reference.get(name)!), name).toBeLessThan(1e-3);
  whole.destroy();
  cut.destroy();
});

test("the loss falls, also for an adapter over a frozen base", async () => {
  for (const lora of [undefined, golden.lora]) {
    const policy = await create(lora && { lora });
    const first = await step(policy);
    for (let number = 2; number < 8; number++) await step(policy, number);
    const last = await step(policy, 8);
    expect(first.gradNorm).toBeGreaterThan(0);
    expect(last.loss).toBeLessThan(first.loss - 0.2);
    policy.destroy();
  }
});

test("a gradient that is not finite is told and changes nothing", async () => {
  const policy = await create();
  const before = await trained(policy, "value");
  // Logits divided by the smallest number overflow.
  const { skipped, gradNorm } = await step(policy, 1, 1e-38);
  expect({ skipped, gradNorm }).toEqual({ skipped: true, gradNorm: 0 });
  for (const [name, values] of await trained(policy, "value"))
    expect(values, name).toEqual(before.get(name)!);
  policy.destroy();
});

test("examples without a response token are refused", async () => {
  const policy = await create();
  const options = { step: 1, adamw: ADAMW, temperature: 1 };
  await expect(sftStep(policy, [], options)).rejects.toThrow(/0 examples hold no response token/);
  await expect(sftStep(policy, [{ prompt: [1], response: [] }], options)).rejects.toThrow(
    /1 examples hold no response token/,
  );
  policy.destroy();
});
