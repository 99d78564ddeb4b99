// Our numbers against Hugging Face's: log-probabilities, entropies, gradients, updates, greedy tokens. Tolerances are
// those the project promises; what is reached is usually a hundred times better and is printed.

import type { Recorder } from "../../gpu/index.ts";
import { WgslRollout } from "../../rollout/wgsl.ts";
import type { Check } from "./check.ts";
import { maxAbs, mismatches, RelativeL2 } from "./check.ts";
import type { Golden } from "./golden.ts";
import { responseValues } from "./golden.ts";
import type { Values } from "./run.ts";
import { evaluate, goldenObjective, gradients, rolloutSizes, trained, trainStep, withPolicy } from "./run.ts";

const LOG_PROB = 1e-4;
const GRADIENT = 1e-4;
const UPDATE_FULL = 1e-3;
const UPDATE_LORA = 1e-4;
const GRAD_NORM = 1e-4;

/** All comparisons with the golden file of one directory, in the order in which a fault would show. */
export async function huggingFaceChecks(recorder: Recorder, golden: Golden): Promise<Check[]> {
  return [
    ...(await logProbChecks(recorder, golden)),
    ...(await gradientChecks(recorder, golden)),
    ...(await updateChecks(recorder, golden)),
    ...(await greedyChecks(recorder, golden)),
  ];
}

function tokenCheck(
  golden: Golden,
  name: string,
  actual: readonly number[],
  expected: readonly number[],
): Check {
  const { worst, index } = maxAbs(actual, expected);
  const places = golden.groups.flatMap(({ responses }, b) =>
    responses[0]!.map((_, t) => `sequence ${b} response token ${t}`),
  );
  return { name, worst, unit: "abs", tolerance: LOG_PROB, where: places[index] ?? "length" };
}

async function logProbChecks(recorder: Recorder, golden: Golden): Promise<Check[]> {
  const { temperature, groups } = golden;
  return withPolicy(recorder, golden, { adapter: true }, async (policy) => {
    const checks: Check[] = [];
    const cases = [
      ["base, temperature 1", 1, false, "logprobs", "entropy"],
      [
        `base, temperature ${temperature}`,
        temperature,
        false,
        `logprobs_T${temperature}`,
        `entropy_T${temperature}`,
      ],
      ["adapter, temperature 1", 1, true, "lora_logprobs", "lora_entropy"],
      [
        `adapter, temperature ${temperature}`,
        temperature,
        true,
        `lora_logprobs_T${temperature}`,
        `lora_entropy_T${temperature}`,
      ],
    ] as const;
    for (const [label, t, useAdapter, logProbName, entropyName] of cases) {
      const { logProb, entropy } = await evaluate(policy, groups, { temperature: t, useAdapter });
      for (const [what, name, actual] of [
        ["log-probabilities", logProbName, logProb],
        ["entropies", entropyName, entropy],
      ] as const) {
        if (golden.file.has(name))
          checks.push(tokenCheck(golden, `${what}, ${label}`, actual, await responseValues(golden, name)));
      }
    }
    return checks;
  });
}

/** Relative L2 per tensor of our gradients against golden tensors `<prefix>.<name>`. */
async function gradientCheck(golden: Golden, name: string, prefix: string, actual: Values): Promise<Check> {
  const errors = new RelativeL2();
  for (const [parameter, values] of actual)
    errors.add(parameter, values, await golden.file.readF32(`${prefix}.${parameter}`));
  return { name, worst: errors.worst, unit: "rel L2", tolerance: GRADIENT, where: errors.where };
}

async function gradientChecks(recorder: Recorder, golden: Golden): Promise<Check[]> {
  const { groups, temperature } = golden;
  const objective = goldenObjective(golden);
  const checks: Check[] = [];
  for (const activationCheckpointing of [false, true]) {
    const mode = activationCheckpointing ? ", recomputed activations" : "";
    const options = { activationCheckpointing };
    await withPolicy(recorder, golden, { adapter: false, options }, async (policy) => {
      const grads = await gradients(policy, groups, objective, { temperature: 1, useAdapter: false });
      checks.push(await gradientCheck(golden, `gradients of every weight${mode}`, "grad", grads));
    });
    await withPolicy(recorder, golden, { adapter: true, options }, async (policy) => {
      for (const [t, prefix] of [
        [1, "lora_grad"],
        [temperature, `lora_grad_T${temperature}`],
      ] as const) {
        const grads = await gradients(policy, groups, objective, { temperature: t, useAdapter: true });
        checks.push(await gradientCheck(golden, `adapter gradients, temperature ${t}${mode}`, prefix, grads));
      }
    });
  }
  return checks;
}

/** Trains and compares after - before with the golden update after the steps for which the file has one. */
async function updateChecks(recorder: Recorder, golden: Golden): Promise<Check[]> {
  const checks: Check[] = [];
  const meta = golden.norms;
  for (const adapter of [false, true]) {
    const label = adapter ? "adapter" : "full";
    const prefix = adapter ? "lora_after" : "after";
    const before = adapter ? golden.adapter : golden.weights;
    await withPolicy(recorder, golden, { adapter }, async (policy) => {
      for (let step = 1; step <= golden.training.steps; step++) {
        const norm = await trainStep(policy, golden, step, adapter);
        const expected = meta[label][step - 1];
        if (expected !== undefined) {
          const worst = Math.abs(norm / expected - 1);
          checks.push({
            name: `gradient norm before clipping, ${label} step ${step}`,
            worst,
            unit: "rel",
            tolerance: GRAD_NORM,
            where: "norm",
          });
        }
        const first = policy.trainable[0]!.name;
        if (!golden.file.has(`${prefix}${step}.${first}`)) continue;
        const errors = new RelativeL2();
        for (const [name, values] of await trained(policy, "value")) {
          const start = await before.read(name);
          const after = await golden.file.readF32(`${prefix}${step}.${name}`);
          errors.add(name, difference(values, start), difference(after, start));
        }
        const tolerance = adapter ? UPDATE_LORA : UPDATE_FULL;
        const where = `${errors.where} (alone ${errors.worst.toExponential(1)})`;
        checks.push({
          name: `update of ${step} AdamW steps, ${label}`,
          worst: errors.overall,
          unit: "rel L2",
          tolerance,
          where,
        });
      }
    });
  }
  return checks;
}

const difference = (a: Float32Array, b: Float32Array): Float64Array =>
  Float64Array.from(a, (value, i) => value - b[i]!);

async function greedyChecks(recorder: Recorder, golden: Golden): Promise<Check[]> {
  const { groups, file } = golden;
  const expected = {
    base: await file.readI32("greedy_tokens"),
    adapter: await file.readI32("lora_greedy_tokens"),
  };
  const maxNew = file.entry("greedy_tokens").shape[1]!;
  const rollout = rolloutSizes(golden, groups.length, maxNew);
  return withPolicy(recorder, golden, { adapter: true, options: { rollout } }, async (policy) => {
    const engine = new WgslRollout(policy);
    const checks: Check[] = [];
    for (const label of ["base", "adapter"] as const) {
      const requests = groups.map(({ prompt }, key) => ({ prompt, samples: 1, key }));
      const sampling = { temperature: 0, topK: 0, topP: 1, seed: [0, 0] as const };
      const responses = await engine.generate(requests, {
        sampling,
        maxNew,
        stopTokens: [],
        useAdapter: label === "adapter",
      });
      const tokens = responses.flatMap(([response]) => response!.tokens);
      const at = tokens.findIndex((token, i) => token !== expected[label][i]);
      const where = at < 0 ? "-" : `sequence ${Math.floor(at / maxNew)} token ${at % maxNew}`;
      checks.push({
        name: `greedy tokens, ${label}`,
        worst: mismatches(tokens, expected[label]),
        unit: "mismatches",
        tolerance: 0,
        where,
      });
    }
    return checks;
  });
}
