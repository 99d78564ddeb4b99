// Every recipe in every variant takes a step on the demo model, with its algorithm's values as they are and fewer prompts:
// finite numbers, weights that move. And the first recipe of every family with the sizes of a model of one's own, which the
// demo model can carry.

import { describe, expect, test } from "vitest";

import type { RunInputs } from "../../src/app/kept-run.ts";
import { readDataset } from "../../src/formats/dataset.ts";
import { openModel } from "../../src/model/open-model.ts";
import type { Preset } from "../../src/rl/presets/index.ts";
import { presetById, PRESETS, RECIPES, resized } from "../../src/rl/presets/index.ts";
import { pairProblems } from "./preference/given-pairs.ts";
import { demoFile, tensorsAt, tinyRecorder, train } from "./tiny-run.ts";

const recorder = await tinyRecorder();
const FILES = ["config.json", "tokenizer.json", "tokenizer_config.json", "model.onnx"];
const model = await openModel(FILES.map(demoFile), "demo");
const { problems } = await readDataset(demoFile("train.jsonl"));
const pairs = await pairProblems("train.jsonl", 40);

/** What costs time, and is no matter of the algorithm. */
const SMALL = {
  "trainer.total_training_steps": 1,
  "trainer.val_before_train": false,
  "trainer.test_freq": -1,
  "data.max_prompt_length": 48,
  "data.max_response_length": 24,
  "actor_rollout_ref.rollout.max_num_seqs": 32,
  "gradus.prompt_slots": 4,
  "actor_rollout_ref.actor.ppo_max_token_len_per_gpu": 512,
} as const;

async function expectToLearn(preset: Preset): Promise<void> {
  // Enough for a group whose responses differ, which fewer responses to a problem are not at the first.
  const group = resized(preset, SMALL)["actor_rollout_ref.rollout.n"];
  const prompts = preset.ground.model === "own" ? 6 : Math.floor(16 / group);
  const config = resized(preset, { ...SMALL, "data.train_batch_size": prompts });
  const inputs: RunInputs = {
    model,
    problems: { train: config["gradus.mode"] === "dpo" ? pairs : problems.slice(0, 40), heldOut: [] },
    dataName: "demo",
    config,
  };
  const { outcome, rows, keeping } = await train({ recorder, inputs });
  expect(outcome).toBe("finished");
  const row = rows.at(-1)!;
  expect(Object.entries(row).filter(([, value]) => !Number.isFinite(value))).toEqual([]);
  expect(row["actor/grad_norm"]).toBeGreaterThan(0);
  expect(row["actor/skipped_updates"]).toBe(0);
  expect(await moved(await tensorsAt(keeping, 1))).toBe(true);
}

/** Whether a weight is no longer what the model came with; an adapter begins with B at 0. */
async function moved(tensors: ReadonlyMap<string, Float32Array>): Promise<boolean> {
  const adapter = [...tensors].filter(([name]) => name.startsWith("value/") && /lora_?B/i.test(name));
  if (adapter.length > 0) return adapter.some(([, values]) => values.some((value) => value !== 0));
  const name = "model.norm.weight";
  const before = await model.weights.read(name);
  return tensors.get(`value/${name}`)!.some((value, i) => value !== before[i]);
}

const on = (id: string): Preset[] => PRESETS.filter(({ ground }) => ground.id === id);
/** The first recipe of its family, as it is usual. */
const isFirst = ({ recipe, form }: Preset): boolean =>
  form === RECIPES.find(({ family }) => family === recipe.family)!.id;

describe("on the demo model", () => {
  test.each(on("demo"))("$id", expectToLearn);
});

describe("with the sizes of one's own model", () => {
  test.each(on("own").filter(isFirst))("$id", expectToLearn);
});

test.each(["grpo-lora-demo", "grpo-full-own"])("%s", (id) => expectToLearn(presetById(id)!));
