// Our numbers against Hugging Face's: log-probabilities, entropies, gradients, updates, greedy tokens. Tolerances are
// those the project promises; what is reached is usually a hundred times better and is printed.

import type { Recorder } from "../../gpu/index.ts";
import type { Policy } from "../../model/policy.ts";
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
        // Adapter values at the other temperature came later to the format.
        if (golden.file.has(name) || !name.startsWith("lora_"))
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
  const { name: where, error: worst } = errors.worst;
  return { name, worst, unit: "rel L2", tolerance: GRADIENT, where };
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

/** Trains and compares norms, and after - before with the golden update after the steps for which the file has one. */
async function updateChecks(recorder: Recorder, golden: Golden): Promise<Check[]> {
  const checks: Check[] = [];
  for (const adapter of [false, true]) {
    const label = adapter ? "adapter" : "full";
    await withPolicy(recorder, golden, { adapter }, async (policy) => {
      const noise = new NoiseElements();
      for (let step = 1; step <= golden.training.steps; step++) {
        const norm = await trainStep(policy, golden, step, adapter);
        await noise.note(policy, norm);
        const expected = golden.norms[label][step - 1];
        if (expected !== undefined) {
          const name = `gradient norm before clipping, ${label} step ${step}`;
          const worst = Math.abs(norm / expected - 1);
          checks.push({ name, worst, unit: "rel", tolerance: GRAD_NORM, where: "norm" });
        }
        const first = `${adapter ? "lora_after" : "after"}${step}.${policy.trainable[0]!.name}`;
        const isWanted = step === golden.training.steps || golden.file.has(first);
        if (isWanted) checks.push(await updateCheck(policy, golden, adapter, step, noise));
      }
    });
  }
  return checks;
}

async function updateCheck(
  policy: Policy,
  golden: Golden,
  adapter: boolean,
  step: number,
  noise: NoiseElements,
): Promise<Check> {
  const prefix = `${adapter ? "lora_after" : "after"}${step}`;
  const all = new RelativeL2();
  const errors = new RelativeL2();
  for (const [name, values] of await trained(policy, "value")) {
    const start = await (adapter ? golden.adapter : golden.weights).read(name);
    const after = await golden.file.readF32(`${prefix}.${name}`);
    const update = difference(values, start);
    const reference = difference(after, start);
    all.add(name, update, reference);
    errors.add(name, update, reference, (i) => noise.has(name, i));
  }
  return {
    name: `update of ${step} AdamW steps, ${adapter ? "adapter" : "full"}`,
    worst: errors.overall,
    unit: "rel L2",
    // No engine in float32 can promise more than Hugging Face's own float32 reaches.
    tolerance: Math.max(adapter ? UPDATE_LORA : UPDATE_FULL, 2 * golden.updateDeviation(prefix)),
    where: `${errors.worst.name} (with ${noise.count} elements whose gradient is rounding: ${all.overall.toExponential(1)})`,
  };
}

/** Elements whose gradient is below this share of the gradient's norm. */
const NOISE_SHARE = 1e-6;

/**
 * AdamW divides a gradient by its own size, so an element whose true gradient is zero but for rounding moves by a full
 * step in a direction that rounding decides, in Hugging Face's float32 as here. Such elements say nothing. One whose
 * gradient is exactly zero, of a token that does not occur, only decays, and counts.
 */
class NoiseElements {
  readonly #marks = new Map<string, Uint8Array>();
  count = 0;

  /** Marks the elements that were noise in the step just taken, whose gradients [of any shape] had norm `norm`. */
  async note(policy: Policy, norm: number): Promise<void> {
    const bound = NOISE_SHARE * norm;
    for (const [name, grads] of await trained(policy, "grad")) {
      const marks = this.#marks.get(name) ?? new Uint8Array(grads.length);
      this.#marks.set(name, marks);
      grads.forEach((grad, i) => {
        if (grad === 0 || Math.abs(grad) >= bound || marks[i]) return;
        marks[i] = 1;
        this.count++;
      });
    }
  }

  has(name: string, index: number): boolean {
    return this.#marks.get(name)![index] === 1;
  }
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
