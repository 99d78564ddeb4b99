// What must hold whatever the numbers: how a batch is cut, packed, stored or tiled changes nothing but rounding.

import { roundF16 } from "../../common/f16.ts";
import type { Recorder } from "../../gpu/index.ts";
import { openRecorder } from "../../gpu/index.ts";
import type { Group } from "../../model/packing.ts";
import type { ParameterSource } from "../../model/parameters.ts";
import type { Check } from "./check.ts";
import { maxScaled, RelativeL2 } from "./check.ts";
import type { Golden } from "./golden.ts";
import type { Objective, PolicyChoice, Values } from "./run.ts";
import { defaultOptions, evaluate, gradients, withPolicy } from "./run.ts";

const EQUAL = 1e-5;

/** A gradient that depends on log-probabilities and entropies alike, different for every token. */
const OBJECTIVE: Objective = {
  logProb: ({ group, response, token }) => Math.sin(1 + 3 * group + 5 * response + token),
  entropy: ({ group, response, token }) => 0.3 * Math.cos(2 * group + response + 2 * token),
};

/** Batches, storage and tiling. */
export async function batchChecks(recorder: Recorder, golden: Golden): Promise<Check[]> {
  return [
    ...(await packingChecks(recorder, golden)),
    ...(await microBatchChecks(recorder, golden)),
    ...(await tilingChecks(recorder, golden)),
    ...(await halfBaseChecks(recorder, golden)),
  ];
}

interface PassResult {
  readonly logProb: readonly number[];
  readonly entropy: readonly number[];
  readonly grads: Values;
}

/** Log-probabilities, entropies and gradients of `groups` at the golden temperature on a policy made as `choice` says. */
function pass(
  recorder: Recorder,
  golden: Golden,
  groups: readonly Group[],
  choice: PolicyChoice,
  tokenBudget?: number,
): Promise<PassResult> {
  const run = {
    temperature: golden.temperature,
    useAdapter: choice.adapter,
    ...(tokenBudget && { tokenBudget }),
  };
  return withPolicy(recorder, golden, choice, async (policy) => ({
    ...(await evaluate(policy, groups, run)),
    grads: await gradients(policy, groups, OBJECTIVE, run),
  }));
}

/** Two results that must agree: largest difference of log-probabilities, relative L2 of gradients. */
function agreement(name: string, actual: PassResult, reference: PassResult, tolerance = EQUAL): Check[] {
  const tokens = maxScaled(
    [...actual.logProb, ...actual.entropy],
    [...reference.logProb, ...reference.entropy],
  );
  const errors = new RelativeL2("f32");
  for (const [parameter, values] of reference.grads)
    errors.add(parameter, actual.grads.get(parameter)!, values);
  return [
    {
      name: `${name}: log-probabilities, entropies`,
      worst: tokens.worst,
      unit: "abs/max(1,|x|)",
      tolerance,
      where: `value ${tokens.index}`,
    },
    {
      name: `${name}: gradients`,
      worst: errors.worst.error,
      unit: "rel L2",
      tolerance,
      where: errors.worst.name,
    },
  ];
}

/** Several responses of different lengths to one prompt, made of the golden tokens, once more for every prompt. */
function sharedGroups({ groups }: Golden): Group[] {
  const responses = groups.map(({ responses: [response] }) => response!);
  return groups.map(({ prompt }) => ({ prompt, responses: [...responses, responses[0]!.slice(0, 1)] }));
}

async function packingChecks(recorder: Recorder, golden: Golden): Promise<Check[]> {
  const groups = sharedGroups(golden);
  const separate = groups.flatMap(({ prompt, responses }) =>
    responses.map((response) => ({ prompt, responses: [response] })),
  );
  const tokenBudget = separate.reduce(
    (sum, { prompt, responses }) => sum + prompt.length + responses[0]!.length,
    0,
  );
  const checks: Check[] = [];
  for (const adapter of [false, true]) {
    const choice = { adapter, options: { tokenBudget } };
    const run = { temperature: golden.temperature, useAdapter: adapter };
    const packed = await pass(recorder, golden, groups, choice);
    // The same coefficients for the same tokens: group g, response r became group g * count + r.
    const count = groups[0]!.responses.length;
    const original = (source: { group: number; token: number }) => ({
      group: Math.floor(source.group / count),
      response: source.group % count,
      token: source.token,
    });
    const objective = {
      logProb: (source: { group: number; token: number; response: number }) =>
        OBJECTIVE.logProb(original(source)),
      entropy: (source: { group: number; token: number; response: number }) =>
        OBJECTIVE.entropy!(original(source)),
    };
    const alone = await withPolicy(recorder, golden, choice, async (policy) => ({
      ...(await evaluate(policy, separate, run)),
      grads: await gradients(policy, separate, objective, run),
    }));
    checks.push(
      ...agreement(`shared prompt = separate sequences, ${adapter ? "adapter" : "full"}`, packed, alone),
    );
  }
  return checks;
}

async function microBatchChecks(recorder: Recorder, golden: Golden): Promise<Check[]> {
  const { groups, config } = golden;
  // Eight different sequences of one length, so that a budget of that length cuts eight micro-batches.
  const longest = groups.reduce((a, b) => (tokenCount(b) > tokenCount(a) ? b : a));
  const shifted = (by: number) => (token: number) => (token + by) % config.vocab;
  const eight = Array.from({ length: 8 }, (_, i) => ({
    prompt: longest.prompt.map(shifted(i)),
    responses: longest.responses.map((response) => response.map(shifted(i))),
  }));
  const tokenBudget = 8 * tokenCount(longest);
  const checks: Check[] = [];
  for (const adapter of [false, true]) {
    const choice = { adapter, options: { tokenBudget } };
    const once = await pass(recorder, golden, eight, choice);
    const cut = await pass(recorder, golden, eight, choice, tokenCount(longest));
    checks.push(...agreement(`1 x 8 = 8 x 1 micro-batches, ${adapter ? "adapter" : "full"}`, cut, once));
  }
  return checks;
}

const tokenCount = ({ prompt, responses }: Group): number => prompt.length + responses[0]!.length - 1;

async function tilingChecks(recorder: Recorder, golden: Golden): Promise<Check[]> {
  const { groups, config } = golden;
  const checks: Check[] = [];
  const maxBindingBytes = smallestBinding(golden);
  const weak = await openRecorder({ gpu: navigator.gpu, limits: "default", maxBindingBytes });
  for (const adapter of [false, true]) {
    const label = adapter ? "adapter" : "full";
    const plain = await pass(recorder, golden, groups, { adapter });
    // About five shards and chunks that cut through them.
    const rowBytes = 4 * config.hidden;
    const headChunk = Math.max(64, Math.ceil((config.vocab * 5) / 3));
    const options = { vocabShardBytes: Math.ceil(config.vocab / 5) * rowBytes, headChunk };
    const tiled = await pass(recorder, golden, groups, { adapter, options });
    checks.push(...agreement(`vocabulary in pieces, ${label}`, tiled, plain));
    // Pools of parameters split, too.
    const bound = await pass(recorder, golden, groups, { adapter, recorder: weak, options: { headChunk } });
    checks.push(
      ...agreement(`default device, bindings of at most ${maxBindingBytes} bytes, ${label}`, bound, plain),
    );
  }
  weak.gpu.destroy();
  return checks;
}

/** Bytes of the largest tensor that cannot be cut: a projection, or an activation of all tokens. */
function smallestBinding(golden: Golden): number {
  const { hidden, intermediate, heads, kvHeads, headSize } = golden.config;
  const { tokenBudget } = defaultOptions(golden, false);
  const widest = Math.max(2 * intermediate, (heads + 2 * kvHeads) * headSize, hidden);
  const elements = Math.max(widest * Math.max(hidden, tokenBudget), heads * headSize * hidden);
  // Tensors of a pool take whole runs of 256 bytes.
  return Math.ceil((4 * elements) / 256) * 256;
}

async function halfBaseChecks(recorder: Recorder, golden: Golden): Promise<Check[]> {
  const rounded: ParameterSource = {
    name: golden.weights.name,
    shape: (name) => golden.weights.shape(name),
    async read(name) {
      const values = await golden.weights.read(name);
      return golden.weights.shape(name)!.length > 1 ? roundF16(values) : values;
    },
  };
  const half = await pass(recorder, golden, golden.groups, { adapter: true, options: { baseType: "f16" } });
  const full = await pass(recorder, golden, golden.groups, { adapter: true, weights: rounded });
  return agreement("packed-f16 base = f32 on rounded weights", half, full);
}
