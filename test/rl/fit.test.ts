// Whether a run fits a device, at the size of Qwen2.5-0.5B: what is said when it does not, and that the settings that are
// offered then do make it fit, with no more of them than it takes.

import { expect, test } from "vitest";

import { QWEN_05B } from "../../bench/qwen-0.5b.ts";
import type { ConfigKey, RunConfig } from "../../src/rl/config.ts";
import { configWith } from "../../src/rl/config.ts";
import type { Fit } from "../../src/rl/fit.ts";
import { checkFit, fitRun } from "../../src/rl/fit.ts";
import { presetById } from "../../src/rl/presets/index.ts";
import { planRun } from "../../src/rl/run.ts";

const GIB = 2 ** 30;
const LORA = configWith(presetById("grpo", "own")!.values);
const FULL = configWith(presetById("grpo-full-own")!.values);
const FLOATS = { config: QWEN_05B, weights: {} };
const BLOCKS = {
  config: QWEN_05B,
  weights: { blockType: (name: string) => (name.endsWith("proj.weight") ? ("q4z" as const) : undefined) },
};

const device = (memoryGib: number | undefined, maxBindingBytes = 2 * GIB) => ({
  maxBindingBytes,
  isSoftware: false,
  memoryBytes: memoryGib === undefined ? undefined : memoryGib * GIB,
});

/** Fits with what is offered; without any one of it, it does not. */
function expectNeeded(
  { remedy }: Fit,
  model: typeof FLOATS,
  config: RunConfig,
  gpu: ReturnType<typeof device>,
) {
  const { values, totalBytes } = remedy!;
  expect(planRun(model, configWith(values, config), gpu).total).toBe(totalBytes);
  expect(totalBytes).toBeLessThanOrEqual(gpu.memoryBytes!);
  for (const key of Object.keys(values) as ConfigKey[]) {
    if (key.includes("lora") || key.includes("optim.lr")) continue;
    const { [key]: _, ...without } = values;
    expect(() => planRun(model, configWith(without, config), gpu), key).toThrow(/GPU memory/);
  }
}

test("a run fits where nobody has said how much there is, and where it is enough", () => {
  const { total } = fitRun(FLOATS, LORA, device(undefined)).plan!;
  expect(fitRun(FLOATS, LORA, device(total / GIB)).plan!.total).toBe(total);
  const tight = fitRun(FLOATS, LORA, device((total - 1) / GIB));
  expect(tight.plan).toBeUndefined();
  expect(tight.problem).toMatch(
    /^The run takes [\d.]+ GiB of GPU memory, and [\d.]+ GiB are there for it\.$/,
  );
});

test("4-bit weights are offered where the model has them, and the token budget where it has not", () => {
  const f16 = fitRun(FLOATS, LORA, device(undefined)).plan!.total / GIB;
  const gpu = device(f16 - 0.3);
  const blocks = fitRun(BLOCKS, LORA, gpu);
  expect(blocks.remedy!.values).toEqual({ "gradus.base_type": "q4" });
  expectNeeded(blocks, BLOCKS, LORA, gpu);
  const floats = fitRun(FLOATS, LORA, gpu);
  expect(Object.keys(floats.remedy!.values)).toEqual(["actor_rollout_ref.actor.ppo_max_token_len_per_gpu"]);
  expectNeeded(floats, FLOATS, LORA, gpu);
  expect(() => checkFit(BLOCKS, LORA, gpu)).toThrow(
    /are there for it\. With gradus\.base_type=q4 it takes [\d.]+ GiB\.$/,
  );
});

test("several settings are offered where none is enough, without those that are not needed", () => {
  const wasteful = configWith(
    {
      "actor_rollout_ref.model.enable_gradient_checkpointing": false,
      "gradus.base_type": "f32",
      "actor_rollout_ref.actor.ppo_max_token_len_per_gpu": 8192,
    },
    LORA,
  );
  const gpu = device(1.5);
  const fit = fitRun(BLOCKS, wasteful, gpu);
  expect(Object.keys(fit.remedy!.values).length).toBeGreaterThan(1);
  expectNeeded(fit, BLOCKS, wasteful, gpu);
});

test("an adapter is offered in place of all weights, with its learning rate", () => {
  const gpu = device(3);
  const fit = fitRun(FLOATS, FULL, gpu);
  expect(fit.remedy!.values).toEqual({
    "actor_rollout_ref.model.lora_rank": 32,
    "actor_rollout_ref.model.lora_alpha": 32,
    "actor_rollout_ref.actor.optim.lr": 2e-5,
    "gradus.base_type": "f16",
  });
  expectNeeded(fit, FLOATS, FULL, gpu);
});

test("nothing is offered where no setting helps", () => {
  const fit = fitRun(BLOCKS, LORA, device(0.2));
  expect(fit.problem).toMatch(/0\.2 GiB are there/);
  expect(fit.remedy).toBeUndefined();
  expect(() => checkFit(BLOCKS, LORA, device(0.2))).toThrow(
    /are there for it\. No setting of this recipe makes it fit: take a smaller model/,
  );
});

test("a piece that the device does not bind is named, and what makes it smaller is offered", () => {
  const large = configWith(
    { "actor_rollout_ref.rollout.max_num_seqs": 1024, "gradus.prompt_slots": 1 },
    LORA,
  );
  const gpu = device(undefined, 64 * 2 ** 20);
  const fit = fitRun(FLOATS, large, gpu);
  expect(fit.problem).toMatch(/needs \d+ bytes in one piece, and this device binds 67108864/);
  expect(planRun(FLOATS, configWith(fit.remedy!.values, large), gpu).total).toBe(fit.remedy!.totalBytes);
});
