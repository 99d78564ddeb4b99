// A critic beside its policy: gradients against finite differences, with an adapter and with weights of its own, and that
// neither of the two disturbs the other.

import { afterAll, describe, expect, test } from "vitest";

import type { DecoderConfig } from "../../src/model/config.ts";
import { Critic } from "../../src/model/critic.ts";
import type { PolicyOptions } from "../../src/model/memory.ts";
import { packGroups } from "../../src/model/packing.ts";
import { readParameter, writeParameter } from "../../src/model/parameters.ts";
import { Policy } from "../../src/model/policy.ts";
import type { Parameter } from "../../src/model/weights.ts";
import { optimizerStep } from "../../src/optim/optimizer.ts";
import { noise, relativeL2, sharedRecorder } from "../harness.ts";
import { ADAMW, drawnWeights, ODD_CONFIG, ODD_GROUPS, ODD_OPTIONS } from "./odd-model.ts";

const LORA = { rank: 3, alpha: 6, targets: ["q_proj", "v_proj", "o_proj", "down_proj"], seed: 5 } as const;
const [batch] = packGroups(ODD_GROUPS, ODD_OPTIONS.tokenBudget);
const rows = batch!.targets.length;
const dValue = Float32Array.from({ length: rows }, (_, r) => Math.sin(r + 1));

/** A pair of odd sizes; the head and B of the adapter are drawn, because at their zeros most gradients vanish. */
async function pair(
  change: Partial<PolicyOptions>,
  model: Partial<DecoderConfig>,
): Promise<{ policy: Policy; critic: Critic }> {
  const config = { ...ODD_CONFIG, ...model };
  const source = drawnWeights(0, config);
  const options = { ...ODD_OPTIONS, ...change };
  const policy = await Policy.create(await sharedRecorder(), config, options, source);
  const critic = await Critic.create(policy, source);
  for (const [i, parameter] of critic.trainable.entries())
    if (/score|lora_B/.test(parameter.name)) set(critic, parameter, noise(count(parameter), i + 1));
  return { policy, critic };
}

const count = ({ shape }: Parameter): number => shape.reduce((a, b) => a * b, 1);
const set = ({ recorder }: Critic, parameter: Parameter, values: Float32Array): void =>
  writeParameter(recorder, parameter, "value", new Float32Array(values));

async function valuesOf(critic: Critic): Promise<Float32Array> {
  critic.forward(batch!);
  return critic.recorder.readF32(critic.memory.value, rows);
}

const objective = async (critic: Critic): Promise<number> =>
  (await valuesOf(critic)).reduce((sum, value, r) => sum + value * dValue[r]!, 0);

async function gradients(critic: Critic): Promise<Map<Parameter, Float32Array>> {
  critic.recorder.write(critic.memory.dValue, dValue);
  critic.forward(batch!);
  critic.clearGradients();
  critic.backward();
  const found = new Map<Parameter, Float32Array>();
  for (const parameter of critic.trainable)
    found.set(parameter, await readParameter(critic.recorder, parameter, "grad"));
  return found;
}

const policyLogProb = async (policy: Policy, useAdapter = true): Promise<Float32Array> => {
  policy.forward(batch!, { temperature: 1, useAdapter });
  return policy.recorder.readF32(policy.memory.head.logProb, rows);
};

describe.each([
  ["with an adapter", { lora: LORA }, {}],
  ["with an adapter and recomputed activations", { lora: LORA, activationCheckpointing: true }, {}],
  ["with weights of its own", {}, {}],
  ["with weights of its own beside a policy whose embedding is its head", {}, { tied: true }],
  ["with weights of its own, norms of heads among them", {}, { family: "qwen3" }],
] as const)("a critic %s", async (_, change, model) => {
  const { policy, critic } = await pair(change, model);
  afterAll(() => [critic, policy].forEach((part) => part.destroy()));

  test("has the gradient that is the slope of its values, parameter by parameter", async () => {
    const found = await gradients(critic);
    expect([...found.keys()].map(({ name }) => name)).toContain("score.weight");
    expect([...found.keys()].map(({ name }) => name)).not.toContain("lm_head.weight");
    const step = 2e-3;
    for (const [parameter, grad] of found) {
      const before = await readParameter(critic.recorder, parameter);
      // Along the gradient itself, so that the slope is its length.
      const length = Math.hypot(...grad);
      expect(length, parameter.name).toBeGreaterThan(1e-3);
      const moved = async (by: number): Promise<number> => {
        set(
          critic,
          parameter,
          before.map((value, i) => value + (by * grad[i]!) / length),
        );
        return objective(critic);
      };
      const slope = ((await moved(step)) - (await moved(-step))) / (2 * step);
      set(critic, parameter, before);
      // Rounding of the objective, about 1e-6, over the step, and the curve within it.
      expect(Math.abs(slope - length), parameter.name).toBeLessThan(2e-3 + 3e-3 * length);
    }
  });

  test("says the same again after a step of its policy, and the policy after one of its own", async () => {
    const [values, logProb] = [await valuesOf(critic), await policyLogProb(policy)];
    await gradients(critic);
    optimizerStep(critic.recorder, critic.memory, 1, ADAMW);
    expect(await policyLogProb(policy)).toEqual(logProb);
    const learnt = await valuesOf(critic);
    expect(relativeL2(learnt, values)).toBeGreaterThan(0.01);
    policy.setTargetGradients(dValue);
    policy.forward(batch!, { temperature: 1, useAdapter: true });
    policy.clearGradients();
    policy.backward();
    optimizerStep(policy.recorder, policy.memory, 1, ADAMW);
    expect(await valuesOf(critic)).toEqual(learnt);
    expect(await policyLogProb(policy)).not.toEqual(logProb);
  });

  test("and its policy take a backward pass only right after their own forward pass", async () => {
    const broken = "a backward pass needs the forward pass right before it";
    critic.forward(batch!);
    policy.forward(batch!, { temperature: 1, useAdapter: true });
    expect(() => critic.backward()).toThrow(broken);
    policy.backward();
    expect(() => policy.backward()).toThrow(broken);
    policy.forward(batch!, { temperature: 1, useAdapter: true });
    critic.forward(batch!);
    expect(() => policy.backward()).toThrow(broken);
    critic.backward();
    expect(() => critic.backward()).toThrow(broken);
    await policy.exclusively("a rollout", () => {
      expect(() => critic.forward(batch!)).toThrow(/cannot start while a rollout is under way/);
      return Promise.resolve();
    });
  });
});

test("a fresh critic says 0 everywhere, and has an adapter of its own", async () => {
  const source = drawnWeights();
  const policy = await Policy.create(
    await sharedRecorder(),
    ODD_CONFIG,
    { ...ODD_OPTIONS, lora: LORA },
    source,
  );
  const critic = await Critic.create(policy, source);
  expect([...(await valuesOf(critic))]).toEqual(Array(rows).fill(0));
  expect(critic.trainable.map(({ name }) => name)).toEqual([
    ...policy.trainable.map(({ name }) => name),
    "score.weight",
    "score.bias",
  ]);
  const [own, other] = [critic, policy].map(({ recorder, trainable }) =>
    readParameter(recorder, trainable[0]!),
  );
  expect(await own).not.toEqual(await other);
  const before = policy.recorder.gpu.liveBytes;
  critic.destroy();
  expect(policy.recorder.gpu.liveBytes).toBeLessThan(before);
  expect((await policyLogProb(policy)).every(Number.isFinite)).toBe(true);
  policy.destroy();
});
