// Going on from an adapter: what was exported begins the next run as it was, over the same reference, and the run's own
// checkpoints carry on from there.

import { describe, expect, test } from "vitest";

import { fixedSettings, withAdapter, withoutAdapter } from "../../src/app/adapter-files.ts";
import { keepFiles, keptModel } from "../../src/app/kept-files.ts";
import { restoreKept } from "../../src/app/kept-run.ts";
import type { RunInputs } from "../../src/app/kept-run.ts";
import { openProblems } from "../../src/app/problems.ts";
import { trainedModel } from "../../src/app/trained-model.ts";
import { weightExport } from "../../src/app/weight-exports.ts";
import { bytesOf } from "../../src/formats/encoded-file.ts";
import { bytesSource } from "../../src/formats/safetensors.ts";
import { zipStream } from "../../src/formats/zip.ts";
import type { Policy } from "../../src/model/policy.ts";
import { evaluate } from "../../src/node/verify/run.ts";
import { configWith } from "../../src/rl/config.ts";
import { createRun } from "../../src/rl/run.ts";
import { demoFile, tensorsAt, tinyInputs, tinyRecorder, train } from "../rl/tiny-run.ts";

const recorder = await tinyRecorder();
const SHORT = { "trainer.total_training_steps": 2, "trainer.val_before_train": false };
const LORA = {
  ...SHORT,
  "actor_rollout_ref.model.lora_rank": 4,
  "actor_rollout_ref.model.lora_alpha": 12,
  "actor_rollout_ref.model.target_modules": ["q_proj", "v_proj", "down_proj"],
  "actor_rollout_ref.actor.optim.lr": 0.05,
};

const first = await tinyInputs(LORA);
const told = await train({ recorder, inputs: first });
const checkpoint = await told.keeping.checkpoints.open("run", 2);
const exported = await weightExport(trainedModel(checkpoint, first.model, first.config), "adapter");
const archive = await bytesOf(zipStream(exported));

/** What a person begins with the export in an archive, as the page offers it. */
async function goingOn(values: Readonly<Record<string, unknown>> = {}): Promise<RunInputs> {
  const { model: plain, ...inputs } = await tinyInputs(SHORT);
  const model = await withAdapter(plain, [bytesSource("adapter.zip", archive)]);
  return { ...inputs, model, config: configWith({ ...fixedSettings(model), ...values }, inputs.config) };
}

const GROUPS = [{ prompt: [426, 279, 10, 427, 10, 426, 278, 10], responses: [[270, 32, 52, 427], [51]] }];
const logProbs = async (policy: Policy, useAdapter = true): Promise<number[]> =>
  (await evaluate(policy, GROUPS, { temperature: 1, useAdapter })).logProb;

describe("a run that goes on from an adapter", async () => {
  const inputs = await goingOn();

  test("begins as the checkpoint was, to the bit, and refers to the base", async () => {
    expect(inputs.model.adapter).toMatchObject({
      lora: { rank: 4, alpha: 12, targets: ["q_proj", "v_proj", "down_proj"] },
      step: 2,
      notices: [],
    });
    const next = await createRun(recorder, inputs.model, inputs.problems, inputs.config);
    const restored = await createRun(recorder, first.model, first.problems, first.config);
    const fresh = await logProbs(restored.policy);
    await restoreKept(restored, told.keeping, "run", 2);
    expect(await logProbs(next.policy)).toEqual(await logProbs(restored.policy));
    expect(await logProbs(next.policy)).not.toEqual(fresh);
    expect(await logProbs(next.policy, false)).toEqual(fresh);
    next.destroy();
    restored.destroy();
  });

  test("trains on, keeps the adapter's files, and is resumed from its own checkpoint", async () => {
    const long = await goingOn({ "trainer.save_freq": 1 });
    const whole = await train({ recorder, inputs: long });
    const { runs } = whole.keeping;
    await keepFiles(runs, "run", long.model, await openProblems([demoFile("train.jsonl")]));
    const model = await keptModel(runs, "run", "tiny");
    expect(model.adapter).toMatchObject({ lora: inputs.model.adapter!.lora, step: 2 });
    const final = await tensorsAt(whole.keeping, 2);
    const resumed = await train({ recorder, inputs: { ...long, model }, keeping: whole.keeping, from: 1 });
    expect(resumed.rows).toEqual(whole.rows);
    expect(await tensorsAt(whole.keeping, 2)).toEqual(final);
    expect(final).not.toEqual(await tensorsAt(told.keeping, 2));
  });

  test("cannot have other settings than the adapter, and takes a fresh one when it is removed", async () => {
    for (const [key, value] of [
      ["lora_rank", 8],
      ["lora_rank", 0],
      ["lora_alpha", 16],
      ["target_modules", ["q_proj"]],
    ] as const) {
      const other = configWith({ [`actor_rollout_ref.model.${key}`]: value }, inputs.config);
      await expect(createRun(recorder, inputs.model, inputs.problems, other)).rejects.toMatchObject({
        name: "UserError",
        message: expect.stringMatching(
          new RegExp(`${key} is .*, and the adapter that the run goes on from has`),
        ) as string,
      });
    }
    const fresh = withoutAdapter(inputs.model);
    expect(fixedSettings(fresh)).toEqual({});
    const run = await createRun(recorder, fresh, inputs.problems, inputs.config);
    expect(await logProbs(run.policy)).toEqual(await logProbs(run.policy, false));
    run.destroy();
  });
});
