// Bad weights and sizes: each is a UserError that names the tensor or setting, what was found and what is needed.

import { fileURLToPath } from "node:url";

import { describe, expect, test } from "vitest";

import type { ParameterSource } from "../../src/model/parameters.ts";
import type { PolicyOptions } from "../../src/model/memory.ts";
import { planPolicy } from "../../src/model/memory.ts";
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

  test("prompts and responses longer than the plan, too many stop tokens, and an aborted run", async () => {
    const policy = await create({ rollout });
    const engine = new WgslRollout(policy);
    const long = [{ prompt: Array<number>(rollout.maxPrompt + 1).fill(1), samples: 1, key: 0 }];
    const short = [{ prompt: [1, 2], samples: 1, key: 0 }];
    await expect(engine.generate(long, options)).rejects.toThrow(/prompt has 6 tokens and the plan allows 5/);
    await expect(engine.generate([{ ...short[0]!, prompt: [] }], options)).rejects.toThrow(/prompt is empty/);
    await expect(engine.generate(short, { ...options, maxNew: 5 })).rejects.toThrow(
      /5 new tokens .* allows 4/,
    );
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
