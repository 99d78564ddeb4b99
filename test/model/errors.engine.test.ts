// Bad weights and sizes: each is a UserError that names the tensor or setting, what was found and what is needed.

import { fileURLToPath } from "node:url";

import { describe, expect, test } from "vitest";

import type { ParameterSource } from "../../src/model/parameters.ts";
import type { PolicyOptions } from "../../src/model/memory.ts";
import { planPolicy } from "../../src/model/memory.ts";
import { packGroups } from "../../src/model/packing.ts";
import { Policy } from "../../src/model/policy.ts";
import { openGolden } from "../../src/node/verify/golden.ts";
import { defaultOptions, rolloutSizes } from "../../src/node/verify/run.ts";
import { WgslRollout } from "../../src/rollout/wgsl.ts";
import { sharedRecorder } from "../harness.ts";

const golden = await openGolden(fileURLToPath(new URL("../fixtures/qwen2-tied", import.meta.url)));
const recorder = await sharedRecorder();
const NORM = "model.layers.1.input_layernorm.weight";

const create = (
  change: Partial<PolicyOptions> = {},
  weights: ParameterSource = golden.weights,
): Promise<Policy> =>
  Policy.create(recorder, golden.config, { ...defaultOptions(golden, true), ...change }, weights);

describe("weights are refused", () => {
  const altered = (over: Partial<ParameterSource>): ParameterSource => ({
    ...golden.weights,
    name: "model.safetensors",
    ...over,
  });
  for (const [what, weights, message] of [
    [
      "when a tensor is missing",
      altered({ shape: (name) => (name === NORM ? undefined : golden.weights.shape(name)) }),
      /has no tensor "model\.layers\.1\.input_layernorm\.weight" \[64\]/,
    ],
    [
      "when a tensor has another shape",
      altered({ shape: (name) => (name === NORM ? [32] : golden.weights.shape(name)) }),
      /input_layernorm\.weight" .* has shape \[32\], and its configuration asks for \[64\]/,
    ],
    [
      "when a value is not a number",
      altered({
        read: async (name) => {
          const values = await golden.weights.read(name);
          if (name === NORM) values[5] = NaN;
          return values;
        },
      }),
      /input_layernorm\.weight" .* holds NaN at element 5/,
    ],
  ] as const) {
    test(what, async () => {
      const before = recorder.gpu.liveBytes;
      await expect(create({}, weights)).rejects.toMatchObject({
        name: "UserError",
        message: expect.stringMatching(message),
      });
      expect(recorder.gpu.liveBytes, "nothing stays allocated").toBe(before);
    });
  }
});

test("weights that the configuration does not ask for are refused", async () => {
  const names = [...golden.weights.names!, "model.layers.2.mlp.up_proj.weight"];
  await expect(create({}, { ...golden.weights, name: "w", names })).rejects.toThrow(
    /^w holds 1 tensors .* "model\.layers\.2\.mlp\.up_proj\.weight"/,
  );
});

describe("settings are refused", () => {
  test("a LoRA rank or target that makes no sense", async () => {
    await expect(create({ lora: { ...golden.lora, rank: 0 } })).rejects.toThrow(/rank is 0/);
    await expect(create({ lora: { ...golden.lora, targets: [] } })).rejects.toThrow(/no target modules/);
    await expect(create({ lora: { ...golden.lora, targets: ["fc1" as "q_proj"] } })).rejects.toThrow(
      /"fc1" is not a module/,
    );
  });

  test("sizes that are not whole numbers from 1, and prompts that no micro-batch holds", () => {
    const limits = { maxBindingBytes: 2 ** 27 };
    const plan = (change: Partial<PolicyOptions>) =>
      planPolicy(golden.config, { ...defaultOptions(golden, true), ...change }, limits);
    expect(() => plan({ tokenBudget: 10.5 })).toThrow(/token budget is 10.5/);
    const rollout = { rows: 0, promptSlots: 1, maxPrompt: 4, maxNew: 4 };
    expect(() => plan({ rollout })).toThrow(/rows is 0/);
    expect(() => plan({ rollout: { ...rollout, rows: 1, maxPrompt: 4000 } })).toThrow(
      /up to 4000 tokens do not fit/,
    );
  });

  test("a plan whose largest tensor no binding holds, with the setting that shrinks it", () => {
    const options = { ...defaultOptions(golden, true), tokenBudget: 200_000 };
    expect(() => planPolicy(golden.config, options, { maxBindingBytes: 2 ** 27 })).toThrow(
      /gateUp \[200000,320\].*lower the token budget/,
    );
    const rollout = { rows: 4096, promptSlots: 1, maxPrompt: 4, maxNew: 512 };
    expect(() =>
      planPolicy(golden.config, { ...defaultOptions(golden, true), rollout }, { maxBindingBytes: 2 ** 27 }),
    ).toThrow(/lower the number of rollout rows/);
  });
});

describe("inputs are refused", () => {
  const rollout = rolloutSizes(golden, 2, 4);
  const sampling = { temperature: 1, topK: 0, topP: 1, seed: [1, 2] as const };
  const options = { sampling, maxNew: 4, stopTokens: [], useAdapter: true };
  const short = [{ prompt: [1, 2], samples: 1, key: 0 }];
  const pass = { temperature: 1, useAdapter: true };

  test("prompts and responses longer than the plan, too many stop tokens, and an aborted run", async () => {
    const policy = await create({ rollout });
    const engine = new WgslRollout(policy);
    const long = [{ prompt: Array<number>(rollout.maxPrompt + 1).fill(1), samples: 1, key: 0 }];
    await expect(engine.generate(long, options)).rejects.toThrow(/prompt has 6 tokens and the plan allows 5/);
    await expect(engine.generate([{ ...short[0]!, prompt: [] }], options)).rejects.toThrow(/prompt is empty/);
    await expect(engine.generate(short, { ...options, maxNew: 5 })).rejects.toThrow(
      /new tokens is 5: .* 1 to 4 .*max_response/,
    );
    await expect(engine.generate(short, { ...options, maxNew: 0 })).rejects.toThrow(/new tokens is 0/);
    const strange = [{ ...short[0]!, prompt: [5, 9999] }];
    await expect(engine.generate(strange, options)).rejects.toThrow(/Token 9999 of a prompt is not in/);
    const topP = { ...options, sampling: { ...sampling, topP: 0 } };
    await expect(engine.generate(short, topP)).rejects.toThrow(/Top-p is 0/);
    await expect(
      engine.generate(short, { ...options, stopTokens: Array<number>(9).fill(1) }),
    ).rejects.toThrow(/9 stop tokens/);
    await expect(engine.generate(short, { ...options, signal: AbortSignal.abort() })).rejects.toThrow(
      /abort/i,
    );
    // The engine still works afterwards.
    const responses = await engine.generate(short, options);
    expect(responses[0]![0]!.tokens.length).toBe(4);
    policy.destroy();
  });

  test("a rollout while another is under way, and a pass in the middle of it", async () => {
    const policy = await create({ rollout });
    const engine = new WgslRollout(policy);
    const first = engine.generate(short, options);
    await expect(engine.generate(short, options)).rejects.toThrow(
      /a rollout cannot start while a rollout is under way/,
    );
    const [batch] = packGroups([{ prompt: [1], responses: [[2, 3]] }], 8);
    expect(() => policy.forward(batch!, pass)).toThrow(/a forward pass cannot start while a rollout/);
    expect((await first)[0]![0]!.tokens.length).toBe(4);
    policy.destroy();
  });

  test("an abort in the middle stops the rollout, and the engine goes on afterwards", async () => {
    const policy = await create({ rollout: { ...rollout, maxNew: 40 } });
    const engine = new WgslRollout(policy);
    const long = { ...options, maxNew: 40 };
    const whole = await engine.generate(short, long);
    const controller = new AbortController();
    let tokens = 0;
    const onTokens = (event: { tokens: readonly number[] }): void => {
      tokens += event.tokens.length;
      controller.abort(new Error("enough"));
    };
    const stopped = engine.generate(short, { ...long, onTokens, signal: controller.signal });
    await expect(stopped).rejects.toThrow("enough");
    expect(tokens).toBeGreaterThan(0);
    expect(tokens).toBeLessThan(40);
    expect(await engine.generate(short, long)).toEqual(whole);
    policy.destroy();
  });

  test("a backward pass without its forward pass, and temperature 0", async () => {
    const policy = await create({ rollout });
    const [batch] = packGroups([{ prompt: [1], responses: [[2, 3]] }], 8);
    expect(() => policy.backward()).toThrow(/needs the forward pass right before it/);
    policy.forward(batch!, pass);
    policy.setTargetGradients(Float32Array.of(1, 1));
    policy.backward();
    expect(() => policy.backward()).toThrow(/needs the forward pass/);
    policy.forward(batch!, pass);
    await new WgslRollout(policy).generate(short, options);
    expect(() => policy.backward()).toThrow(/needs the forward pass/);
    expect(() => policy.forward(batch!, { ...pass, temperature: 0 })).toThrow(/temperature is 0/);
    policy.destroy();
  });

  test("a policy that is freed with commands under way leaves the device usable", async () => {
    const policy = await create();
    const [batch] = packGroups([{ prompt: [1], responses: [[2, 3]] }], 8);
    policy.forward(batch!, pass);
    policy.destroy();
    await recorder.done();
    (await create()).destroy();
  });

  test("a policy that diverged says so instead of sampling", async () => {
    const policy = await create({ rollout });
    const huge = new Float32Array(policy.memory.weights.finalNorm.tensor.bytes / 4).fill(3e38);
    recorder.write(policy.memory.weights.finalNorm.tensor, huge);
    await expect(new WgslRollout(policy).generate(short, options)).rejects.toThrow(/the policy has diverged/);
    policy.destroy();
  });

  test("a token that the vocabulary does not have", async () => {
    const policy = await create();
    const source = { group: 0, response: 0, token: 0 };
    const batch = {
      tokens: Uint32Array.of(1, 320),
      positions: Uint32Array.of(0, 1),
      segments: [{ start: 0, end: 2, promptStart: 0, promptEnd: 0, visibleEnd: 2 }],
      targets: Uint32Array.of(1),
      rows: Uint32Array.of(0),
      sources: [source],
    };
    expect(() => policy.forward(batch, { temperature: 1, useAdapter: true })).toThrow(
      /Token 320 is not in the model's vocabulary of 320/,
    );
    policy.destroy();
  });
});
