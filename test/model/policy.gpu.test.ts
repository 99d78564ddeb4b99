// The whole policy without golden files, at odd sizes and also in a browser: its gradient against finite differences,
// decoding against the training forward, recomputed against kept activations.

import { describe, expect, test, vi } from "vitest";

import type { PolicyOptions } from "../../src/model/memory.ts";
import { packGroups } from "../../src/model/packing.ts";
import { readParameter, writeParameter } from "../../src/model/parameters.ts";
import { Policy } from "../../src/model/policy.ts";
import { optimizerStep } from "../../src/optim/optimizer.ts";
import { WgslRollout } from "../../src/rollout/wgsl.ts";
import { relativeL2, sharedRecorder, zeros } from "../harness.ts";
import {
  ADAMW as OPTIMISER,
  drawnWeights as weights,
  ODD_CONFIG as CONFIG,
  ODD_GROUPS as GROUPS,
  ODD_OPTIONS as OPTIONS,
} from "./odd-model.ts";

const TEMPERATURE = 0.8;
const createPolicy = async (change: Partial<PolicyOptions> = {}, step = 0): Promise<Policy> =>
  Policy.create(await sharedRecorder(), CONFIG, { ...OPTIONS, ...change }, weights(step));

const coefficient = (i: number): number => Math.sin(i + 1);
const entropyCoefficient = (i: number): number => 0.3 * Math.cos(2 * i);

/** L = sum_r c_r logProb_r + e_r entropy_r. */
async function objective(policy: Policy, useAdapter = true): Promise<number> {
  const [batch] = packGroups(GROUPS, OPTIONS.tokenBudget);
  policy.forward(batch!, { temperature: TEMPERATURE, useAdapter });
  const { logProb, entropy } = policy.memory.head;
  const count = batch!.targets.length;
  const values = [
    await policy.recorder.readF32(logProb, count),
    await policy.recorder.readF32(entropy, count),
  ];
  return values[0]!.reduce(
    (sum, value, i) => sum + coefficient(i) * value + entropyCoefficient(i) * values[1]![i]!,
    0,
  );
}

async function gradient(policy: Policy): Promise<Map<string, Float32Array>> {
  const [batch] = packGroups(GROUPS, OPTIONS.tokenBudget);
  const { recorder, memory } = policy;
  recorder.write(
    memory.head.dLogProb,
    Float32Array.from(batch!.targets, (_, i) => coefficient(i)),
  );
  recorder.write(
    memory.head.dEntropy,
    Float32Array.from(batch!.targets, (_, i) => entropyCoefficient(i)),
  );
  policy.forward(batch!, { temperature: TEMPERATURE, useAdapter: true });
  policy.clearGradients();
  policy.backward();
  const grads = new Map<string, Float32Array>();
  for (const parameter of policy.trainable)
    grads.set(parameter.name, await readParameter(recorder, parameter, "grad"));
  return grads;
}

describe("a policy of odd sizes", () => {
  test("its gradient is the slope of its objective along a random direction", async () => {
    const policy = await createPolicy();
    const grads = await gradient(policy);
    policy.destroy();
    const source = weights();
    let slope = 0;
    for (const [name, grad] of grads) {
      const towards = source.direction(name, grad.length);
      slope += grad.reduce((sum, g, i) => sum + g * towards[i]!, 0);
    }
    const step = 2e-3;
    const [up, down] = [await createPolicy({}, step), await createPolicy({}, -step)];
    const measured = ((await objective(up)) - (await objective(down))) / (2 * step);
    up.destroy();
    down.destroy();
    // Rounding of L, about 1e-5, over the step; the slope is of order 10.
    expect(Math.abs(slope)).toBeGreaterThan(1);
    expect(Math.abs(measured / slope - 1)).toBeLessThan(3e-3);
  });

  test("recomputing activations gives the same gradient", async () => {
    const [kept, recomputed] = [await createPolicy(), await createPolicy({ activationCheckpointing: true })];
    const reference = await gradient(kept);
    for (const [name, grad] of await gradient(recomputed)) {
      expect(relativeL2(grad, reference.get(name)!), name).toBeLessThan(1e-6);
    }
    kept.destroy();
    recomputed.destroy();
  });

  test("a fresh adapter changes nothing, and one step moves it", async () => {
    const lora = { rank: 3, alpha: 6, targets: ["q_proj", "v_proj", "down_proj"] as const, seed: 5 };
    const policy = await createPolicy({ lora });
    const [plain, adapted] = [await createPolicy(), policy];
    expect(await objective(adapted)).toBe(await objective(plain));
    plain.destroy();
    await gradient(policy);
    const before = await objective(policy);
    optimizerStep(policy.recorder, policy.memory, 1, OPTIMISER);
    expect(await objective(policy)).toBeLessThan(before - 0.1);
    policy.destroy();
  });

  test("a reference copy stays what the weights were before training", async () => {
    const policy = await createPolicy({ referenceCopy: true });
    const before = await objective(policy);
    await gradient(policy);
    optimizerStep(policy.recorder, policy.memory, 1, OPTIMISER);
    expect(await objective(policy)).not.toBe(before);
    expect(await objective(policy, false)).toBe(before);
    expect(() => policy.backward()).toThrow("the reference policy is not trained");
    policy.destroy();
  });

  test("a parameter and its moments can be taken out and put back", async () => {
    const [trained, fresh] = [await createPolicy(), await createPolicy()];
    await gradient(trained);
    optimizerStep(trained.recorder, trained.memory, 1, OPTIMISER);
    for (const [i, parameter] of trained.trainable.entries()) {
      for (const part of ["value", "m", "v"] as const) {
        const values = await readParameter(trained.recorder, parameter, part);
        writeParameter(fresh.recorder, fresh.trainable[i]!, part, new Float32Array(values));
      }
    }
    for (const policy of [trained, fresh]) {
      await gradient(policy);
      optimizerStep(policy.recorder, policy.memory, 2, OPTIMISER);
    }
    expect(await objective(fresh)).toBe(await objective(trained));
    trained.destroy();
    fresh.destroy();
  });

  test("neither a training step nor a rollout creates a buffer", async () => {
    const policy = await createPolicy({ rollout: { rows: 2, promptSlots: 1, maxPrompt: 4, maxNew: 3 } });
    const engine = new WgslRollout(policy);
    const sampling = { temperature: 1, topK: 5, topP: 0.9, seed: [1, 2] as const };
    const created = vi.spyOn(policy.recorder.gpu.device, "createBuffer");
    for (let step = 1; step <= 3; step++) {
      await engine.generate([{ prompt: [1, 2], samples: 3, key: step }], {
        sampling,
        maxNew: 3,
        stopTokens: [],
        useAdapter: true,
      });
      await gradient(policy);
      optimizerStep(policy.recorder, policy.memory, step, OPTIMISER);
      await policy.recorder.done();
    }
    expect(created).not.toHaveBeenCalled();
    zeros(policy.recorder, [1]);
    expect(created).toHaveBeenCalledTimes(1);
    created.mockRestore();
    policy.destroy();
  });

  test("decoding gives the log-probabilities of the training forward", async () => {
    const rollout = { rows: 3, promptSlots: 1, maxPrompt: 4, maxNew: 6 };
    const policy = await createPolicy({ rollout });
    const sampling = { temperature: TEMPERATURE, topK: 0, topP: 1, seed: [1, 2] as const };
    const requests = [
      { prompt: [3, 1, 4], samples: 4, key: 0 },
      { prompt: [36], samples: 2, key: 50 },
    ];
    const progress: number[] = [];
    const responses = await new WgslRollout(policy).generate(requests, {
      sampling,
      maxNew: 6,
      stopTokens: [0, 1, 2, 3],
      useAdapter: true,
      onTokens: ({ tokens }) => progress.push(...tokens),
    });
    const flat = responses.flat();
    expect(progress.length).toBe(flat.flatMap(({ tokens }) => tokens).length);
    for (const { tokens, finishReason } of flat) {
      expect(finishReason).toBe(tokens.at(-1)! <= 3 ? "stop" : "length");
      expect(tokens.slice(0, -1).every((token) => token > 3)).toBe(true);
    }
    const groups = requests.map(({ prompt }, i) => ({
      prompt,
      responses: responses[i]!.map(({ tokens }) => tokens),
    }));
    const [batch] = packGroups(groups, OPTIONS.tokenBudget);
    policy.forward(batch!, { temperature: TEMPERATURE, useAdapter: true });
    const logProb = await policy.recorder.readF32(policy.memory.head.logProb, batch!.targets.length);
    const sampled = flat.flatMap(({ samplerLogProb }) => samplerLogProb);
    sampled.forEach((value, i) => expect(Math.abs(value - logProb[i]!)).toBeLessThan(2e-5));
    policy.destroy();
  });
});
