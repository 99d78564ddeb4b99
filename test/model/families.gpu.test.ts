// Every family at odd sizes against a decoder in double precision that shares no code with the engine: log-probabilities,
// gradients (the slope of the double's objective), greedy decoding, adapters.

import { describe, expect, test } from "vitest";

import { SeededRandom } from "../../src/common/random.ts";
import type { DecoderConfig } from "../../src/model/config.ts";
import { FAMILIES } from "../../src/model/families.ts";
import type { LoraConfig } from "../../src/model/lora.ts";
import { LORA_TARGETS } from "../../src/model/lora.ts";
import type { PolicyOptions } from "../../src/model/memory.ts";
import { planPolicy } from "../../src/model/memory.ts";
import { packGroups } from "../../src/model/packing.ts";
import { readParameter, writeParameter } from "../../src/model/parameters.ts";
import { Policy } from "../../src/model/policy.ts";
import { parameterShapes } from "../../src/model/weights.ts";
import { WgslRollout } from "../../src/rollout/wgsl.ts";
import { relativeL2, sharedRecorder } from "../harness.ts";
import type { PlainModel } from "./plain-decoder.ts";
import { plainLogits, plainLogProbs } from "./plain-decoder.ts";

const SIZES = { layers: 2, vocab: 37, maxPositions: 64, ropeTheta: 1e4, rmsEps: 1e-6, eosTokenIds: [] };

/** No head is hidden size / heads, and little is a multiple of anything. */
const CONFIGS: Record<keyof typeof FAMILIES, DecoderConfig> = {
  qwen2: {
    ...SIZES,
    family: "qwen2",
    hidden: 22,
    heads: 3,
    kvHeads: 3,
    headSize: 16,
    intermediate: 26,
    tied: true,
  },
  qwen3: {
    ...SIZES,
    family: "qwen3",
    hidden: 22,
    heads: 4,
    kvHeads: 2,
    headSize: 20,
    intermediate: 30,
    tied: true,
  },
  llama: {
    ...SIZES,
    family: "llama",
    hidden: 26,
    heads: 3,
    kvHeads: 1,
    headSize: 36,
    intermediate: 22,
    tied: false,
    // Some pairs turn as before, some slower, some between.
    ropeScaling: {
      type: "llama3",
      factor: 4,
      lowFrequencyFactor: 1,
      highFrequencyFactor: 4,
      originalPositions: 64,
    },
  },
};

const PROMPT = [3, 1, 4, 1];
const RESPONSES = [
  [5, 9, 2, 6, 5],
  [36, 0],
];
const GROUPS = [{ prompt: PROMPT, responses: RESPONSES }];
const OPTIONS: PolicyOptions = {
  baseType: "f32",
  tokenBudget: 32,
  activationCheckpointing: true,
  headChunk: 100,
};
const LORA: LoraConfig = { rank: 3, alpha: 6, targets: LORA_TARGETS, seed: 5 };

/** Weights of every name, drawn so that each matters. */
function drawn(config: DecoderConfig): Map<string, Float32Array> {
  const random = new SeededRandom(7);
  return new Map(
    [...parameterShapes(config)].map(([name, shape]) => {
      const mean = name.endsWith("norm.weight") ? 1 : 0;
      const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
      return [name, values.map(() => mean + 0.3 * random.normal())];
    }),
  );
}

function plainModel(config: DecoderConfig, weights: ReadonlyMap<string, ArrayLike<number>>): PlainModel {
  const { layers, heads, kvHeads, headSize, ropeTheta: theta, ropeScaling, rmsEps: eps } = config;
  const doubles = new Map([...weights].map(([name, values]) => [name, Float64Array.from(values)]));
  const plain = { layers, heads, kvHeads, headSize, theta, eps, weights: doubles };
  if (ropeScaling?.type !== "llama3") return plain;
  const { factor, lowFrequencyFactor, highFrequencyFactor, originalPositions } = ropeScaling;
  return { ...plain, scaling: [factor, lowFrequencyFactor, highFrequencyFactor, originalPositions] };
}

const create = async (
  config: DecoderConfig,
  weights: ReadonlyMap<string, Float32Array>,
  change: Partial<PolicyOptions> = {},
): Promise<Policy> => {
  const shapes = parameterShapes(config);
  return Policy.create(
    await sharedRecorder(),
    config,
    { ...OPTIONS, ...change },
    {
      name: "drawn weights",
      shape: (name) => shapes.get(name),
      read: (name) => Promise.resolve(weights.get(name)!),
    },
  );
};

const expectedLogProbs = (model: PlainModel): number[] =>
  RESPONSES.flatMap((response) => plainLogProbs(model, [...PROMPT, ...response], PROMPT.length));

const coefficient = (i: number): number => Math.sin(i + 1);
const objective = (model: PlainModel): number =>
  expectedLogProbs(model).reduce((sum, value, i) => sum + coefficient(i) * value, 0);

/** Records a pass over GROUPS with gradients of the objective; the log-probabilities. */
async function pass(policy: Policy): Promise<Float32Array> {
  const [batch] = packGroups(GROUPS, OPTIONS.tokenBudget);
  policy.clearGradients();
  policy.forward(batch!, { temperature: 1, useAdapter: true });
  const logProb = await policy.recorder.readF32(policy.memory.head.logProb, batch!.targets.length);
  policy.setTargetGradients(Float32Array.from(batch!.targets, (_, i) => coefficient(i)));
  policy.backward();
  return logProb;
}

/** The slope of the double's objective along element `at` of `values`. */
function slope(values: Float64Array, at: number, of: () => number): number {
  const [before, step] = [values[at]!, 1e-5];
  values[at] = before + step;
  const up = of();
  values[at] = before - step;
  const down = of();
  values[at] = before;
  return (up - down) / (2 * step);
}

const expectNear = (actual: ArrayLike<number>, expected: readonly number[], what: string): void =>
  expected.forEach((value, i) => expect(Math.abs(actual[i]! - value), `${what} ${i}`).toBeLessThan(2e-5));

describe.each(Object.keys(FAMILIES) as (keyof typeof FAMILIES)[])("%s", (family) => {
  const config = CONFIGS[family];
  const weights = drawn(config);
  const model = plainModel(config, weights);

  test("log-probabilities and gradients are those of the double, activations kept or recomputed", async () => {
    const [recomputed, kept] = [
      await create(config, weights),
      await create(config, weights, { activationCheckpointing: false }),
    ];
    const logProb = await pass(recomputed);
    expectNear(logProb, expectedLogProbs(model), "log-probability");
    expect(await pass(kept)).toEqual(logProb);
    for (const [index, parameter] of recomputed.trainable.entries()) {
      const grad = await readParameter(recomputed.recorder, parameter, "grad");
      const same = await readParameter(kept.recorder, kept.trainable[index]!, "grad");
      expect(relativeL2(grad, same), parameter.name).toBeLessThan(1e-6);
      const scale = Math.hypot(...grad) / Math.sqrt(grad.length);
      const values = model.weights.get(parameter.name)!;
      const largest = grad.reduce(
        (best, value, i) => (Math.abs(value) > Math.abs(grad[best]!) ? i : best),
        0,
      );
      for (const at of [largest, grad.length - 1]) {
        const error = Math.abs(grad[at]! - slope(values, at, () => objective(model)));
        expect(error / (scale + Math.abs(grad[at]!)), `${parameter.name} ${at}`).toBeLessThan(1e-4);
      }
    }
    recomputed.destroy();
    kept.destroy();
  });

  test("greedy decoding takes the double's largest logit, from the plan's memory", async () => {
    const rollout = { rows: 2, promptSlots: 1, maxPrompt: 4, maxNew: 6 };
    const policy = await create(config, weights, { rollout });
    const { plan, recorder } = policy;
    expect(planPolicy(config, { ...OPTIONS, rollout }, recorder.gpu).total).toBe(plan.total);
    const sampling = { temperature: 0, topK: 0, topP: 1, seed: [0, 0] as const };
    const [responses] = await new WgslRollout(policy).generate([{ prompt: PROMPT, samples: 1, key: 0 }], {
      sampling,
      maxNew: 6,
      stopTokens: [],
      useAdapter: false,
    });
    const tokens = [...PROMPT];
    for (const token of responses![0]!.tokens) {
      const last = plainLogits(model, tokens).at(-1)!;
      expect(token).toBe(last.indexOf(Math.max(...last)));
      tokens.push(token);
    }
    expect(tokens.length).toBe(10);
    policy.destroy();
  });

  test("an adapter is what the double computes with W + (alpha / r) B A, and so is its gradient", async () => {
    const policy = await create(config, weights, { lora: LORA });
    const random = new SeededRandom(9);
    const adapter = new Map<string, Float64Array>();
    for (const parameter of policy.trainable) {
      const values = await readParameter(policy.recorder, parameter);
      const moved = values.map((value) => value + 0.1 * random.normal());
      writeParameter(policy.recorder, parameter, "value", new Float32Array(moved));
      adapter.set(parameter.name, Float64Array.from(moved));
    }
    const merged = (): PlainModel => plainModel(config, withAdapter(weights, adapter));
    expectNear(await pass(policy), expectedLogProbs(merged()), "log-probability");
    expect(policy.memory.weights.layers[0]!.headNorms?.q.grad).toBeUndefined();
    for (const parameter of policy.trainable.filter(({ name }) => name.includes("layers.0.self_attn"))) {
      const grad = await readParameter(policy.recorder, parameter, "grad");
      const at = grad.reduce((best, value, i) => (Math.abs(value) > Math.abs(grad[best]!) ? i : best), 0);
      const expected = slope(adapter.get(parameter.name)!, at, () => objective(merged()));
      expect(Math.abs(grad[at]! / expected - 1), parameter.name).toBeLessThan(2e-4);
    }
    policy.destroy();
  });
});

/** Weights with the adapter of LORA added to the modules that it names. */
function withAdapter(
  weights: ReadonlyMap<string, Float32Array>,
  adapter: ReadonlyMap<string, Float64Array>,
): Map<string, Float64Array> {
  const { rank, alpha } = LORA;
  return new Map(
    [...weights].map(([name, values]) => {
      const merged = Float64Array.from(values);
      const peft = `base_model.model.${name.replace(/\.weight$/, "")}`;
      const [a, b] = [adapter.get(`${peft}.lora_A.weight`), adapter.get(`${peft}.lora_B.weight`)];
      if (!a || !b) return [name, merged];
      const inputs = a.length / rank;
      for (let i = 0; i < merged.length; i++) {
        const [row, column] = [Math.floor(i / inputs), i % inputs];
        for (let r = 0; r < rank; r++)
          merged[i]! += (alpha / rank) * b[row * rank + r]! * a[r * inputs + column]!;
      }
      return [name, merged];
    }),
  );
}
