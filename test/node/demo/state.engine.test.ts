// A run of the demo training that was stopped and resumed is the run that was not, to the bit; another seed is refused.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { afterAll, expect, test } from "vitest";

import type { Policy } from "../../../src/model/policy.ts";
import { trained } from "../../../src/node/verify/run.ts";
import { DemoEncoder, stepExamples } from "../../../src/node/demo/examples.ts";
import { ADAMW, DEMO_CONFIG } from "../../../src/node/demo/recipe.ts";
import { loadState, saveState } from "../../../src/node/demo/state.ts";
import { trainTokenizer } from "../../../src/node/demo/tokenizer.ts";
import { createDemoPolicy } from "../../../src/node/demo/train.ts";
import { sftStep } from "../../../src/rl/sft.ts";
import { sharedRecorder } from "../../harness.ts";

const SEED = 4;
const recorder = await sharedRecorder();
const encoder = await DemoEncoder.open(trainTokenizer());
const folder = mkdtempSync(path.join(tmpdir(), "gradus-demo-test-"));
afterAll(() => rmSync(folder, { recursive: true }));

const create = (seed: number): Promise<Policy> =>
  createDemoPolicy(recorder, { ...DEMO_CONFIG, eosTokenIds: [] }, seed);
const take = (policy: Policy, step: number) =>
  sftStep(policy, stepExamples(encoder, SEED, 0, step), {
    step,
    adamw: { ...ADAMW, lr: 3e-3 },
    temperature: 1,
  });

test("a resumed run goes on to the same bits", async () => {
  const [whole, resumed] = [await create(SEED), await create(SEED + 1)];
  await take(whole, 1);
  await saveState(whole, folder, SEED, { stage: 0, step: 1 });
  const second = await take(whole, 2);
  expect(await loadState(resumed, folder, SEED)).toEqual({ stage: 0, step: 1 });
  expect(await take(resumed, 2)).toEqual(second);
  const reference = await trained(whole, "value");
  for (const [name, values] of await trained(resumed, "value"))
    expect(values, name).toEqual(reference.get(name)!);
  whole.destroy();
  resumed.destroy();
});

test("a state that is missing or of another seed is refused", async () => {
  const policy = await create(SEED);
  await expect(loadState(policy, path.join(folder, "nothing"), SEED)).rejects.toThrow(/no run to resume/);
  await saveState(policy, folder, SEED, { stage: 1, step: 300 });
  await expect(loadState(policy, folder, SEED + 1)).rejects.toThrow(/is of seed 4, not 5/);
  policy.destroy();
});

test("fresh weights have the recipe's deviations", async () => {
  const policy = await create(SEED);
  const values = await trained(policy, "value");
  const deviation = (name: string): number => {
    const list = values.get(name)!;
    return Math.sqrt(list.reduce((sum, value) => sum + value * value, 0) / list.length);
  };
  const layer = "model.layers.1";
  for (const [name, expected] of [
    ["model.embed_tokens.weight", 0.02],
    [`${layer}.self_attn.q_proj.weight`, 0.1],
    [`${layer}.mlp.up_proj.weight`, 0.1],
    [`${layer}.self_attn.o_proj.weight`, 0.1 / Math.sqrt(8)],
    [`${layer}.mlp.down_proj.weight`, 0.1 / Math.sqrt(8)],
    [`${layer}.input_layernorm.weight`, 1],
  ] as const) {
    // Four standard deviations of the deviation of 4096 numbers, the smallest matrix, are 4.4 %.
    expect(Math.abs(deviation(name) / expected - 1), name).toBeLessThan(0.045);
  }
  expect(deviation(`${layer}.self_attn.q_proj.bias`)).toBe(0);
  expect([...values.values()].reduce((sum, { length }) => sum + length, 0)).toBe(230_464);
  policy.destroy();
});
