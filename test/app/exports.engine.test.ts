// What is taken home of a run is what was trained: weights and adapter load again and compute the same.

import { describe, expect, test } from "vitest";

import { checkExport } from "../../src/app/export-check.ts";
import { exportOffers } from "../../src/app/export-offers.ts";
import { metricsCsv, metricsJsonl } from "../../src/app/exports.ts";
import { keepFiles, keptModel } from "../../src/app/kept-files.ts";
import { restoreKept } from "../../src/app/kept-run.ts";
import { keptAdapter, trainedModel } from "../../src/app/trained-model.ts";
import type { WeightForm } from "../../src/app/weight-exports.ts";
import { formsOf, weightExport } from "../../src/app/weight-exports.ts";
import { UserError } from "../../src/common/errors.ts";
import { fromJsonLines } from "../../src/formats/metrics-table.ts";
import type { ByteSource } from "../../src/formats/safetensors.ts";
import { bytesSource, openSafetensors } from "../../src/formats/safetensors.ts";
import { openModel } from "../../src/model/open-model.ts";
import type { Keeping, RunInputs } from "../../src/app/kept-run.ts";
import type { Policy } from "../../src/model/policy.ts";
import { evaluate, trained } from "../../src/node/verify/run.ts";
import { createRun } from "../../src/rl/run.ts";
import { collected } from "../formats/fixtures.ts";
import { tinyFiles, tinyInputs, tinyRecorder, train } from "../rl/tiny-run.ts";

const recorder = await tinyRecorder();
const SHORT = { "trainer.total_training_steps": 2, "trainer.val_before_train": false };
const LORA = { ...SHORT, "actor_rollout_ref.model.lora_rank": 4, "actor_rollout_ref.actor.optim.lr": 0.05 };

/** The files of the run's last checkpoint in one form. */
async function exported(
  { checkpoints }: Keeping,
  inputs: RunInputs,
  form: WeightForm,
): Promise<ByteSource[]> {
  const trained = trainedModel(await checkpoints.open("run", 2), inputs.model, inputs.config);
  expect(formsOf(trained)).toContain(form);
  const files = await weightExport(trained, form);
  return Promise.all(files.map(async (file) => bytesSource(file.name, await collected(file))));
}

/** Log-probabilities of some tokens after a prompt of the demo. */
async function logProbs(policy: Policy): Promise<number[]> {
  const groups = [
    {
      prompt: [426, 279, 10, 427, 10, 426, 278, 10],
      responses: [
        [270, 32, 52, 427],
        [51, 5],
      ],
    },
  ];
  return (await evaluate(policy, groups, { temperature: 1, useAdapter: true })).logProb;
}

describe("all weights", async () => {
  const inputs = await tinyInputs(SHORT);
  const { keeping, run } = await train({ recorder, inputs });

  test("open as the model, and as trained", async () => {
    const files = await exported(keeping, inputs, "safetensors");
    expect(files.map(({ name }) => name).toSorted()).toEqual(
      tinyFiles()
        .map(({ name }) => name)
        .toSorted(),
    );
    const model = await openModel(files, "trained");
    const again = await createRun(recorder, model, inputs.problems, inputs.config);
    const restored = await createRun(recorder, inputs.model, inputs.problems, inputs.config);
    const fresh = await logProbs(restored.policy);
    expect(await restoreKept(restored, keeping, "run", undefined)).toBe(2);
    expect(await trained(again.policy, "value")).toEqual(await trained(restored.policy, "value"));
    expect(await logProbs(again.policy)).toEqual(await logProbs(restored.policy));
    expect(await logProbs(again.policy)).not.toEqual(fresh);
    again.destroy();
    restored.destroy();
  });

  test("of another model or method are refused", async () => {
    const other = (await tinyInputs(LORA)).config;
    const checkpoint = await keeping.checkpoints.open("run", 2);
    expect(() => trainedModel(checkpoint, inputs.model, other)).toThrow(
      expect.objectContaining({
        name: "UserError",
        message: expect.stringMatching(
          /The checkpoint of step 2 has no "base_model.*another model than tiny/,
        ),
      }),
    );
  });

  test("the history is a row a step in both tables, with every number", async () => {
    const { history } = run.trainer.progress;
    const rows = fromJsonLines(new TextDecoder().decode(metricsJsonl(history).bytes));
    expect(rows).toEqual(history.map((row) => ({ ...row, step: row["training/global_step"] })));
    const lines = new TextDecoder().decode(metricsCsv(history).bytes).trim().split(/\r?\n/);
    expect(lines.length).toBe(1 + history.length);
    expect(lines[0]).toMatch(/^step,/);
  });
});

test("an adapter loads over the same base and computes the same, to the bit", async () => {
  const inputs = await tinyInputs(LORA);
  const { keeping } = await train({ recorder, inputs });
  const files = await exported(keeping, inputs, "adapter");
  expect(files.map(({ name }) => name)).toEqual(["adapter_config.json", "adapter_model.safetensors"]);

  const [one, two] = [
    await createRun(recorder, inputs.model, inputs.problems, inputs.config),
    await createRun(recorder, inputs.model, inputs.problems, inputs.config),
  ];
  const fresh = await logProbs(two.policy);
  await restoreKept(one, keeping, "run", 2);
  const file = await openSafetensors(files[1]!);
  await two.policy.loadAdapter({
    name: file.name,
    names: [...file.entries.keys()],
    shape: (name) => file.entries.get(name)?.shape,
    read: (name) => file.readF32(name),
  });
  expect(await logProbs(two.policy)).toEqual(await logProbs(one.policy));
  expect(await logProbs(two.policy)).not.toEqual(fresh);
  one.destroy();
  two.destroy();
});

test("an adapter whose base is gone is taken home alone", async () => {
  const inputs = await tinyInputs(LORA);
  const { keeping } = await train({ recorder, inputs });
  const whole = await exported(keeping, inputs, "adapter");
  const config = inputs.model.files.filter(({ name }) => name.endsWith("config.json"));
  await keepFiles(keeping.runs, "run", { files: config }, { files: [] });
  await expect(keptModel(keeping.runs, "run", "tiny")).rejects.toThrow(UserError);

  const alone = await keptAdapter(keeping, "run", undefined, "The base is gone.");
  const [offer, merged] = await exportOffers(alone);
  expect(offer).toMatchObject({ form: "adapter", bytes: whole.reduce((sum, { size }) => sum + size, 0) });
  expect(merged).toMatchObject({ form: "safetensors", refusal: "The base is gone." });
  const sources = await Promise.all(
    (await weightExport(alone, "adapter")).map(async (file) => bytesSource(file.name, await collected(file))),
  );
  for (const [i, file] of sources.entries())
    expect(await file.read(0, file.size)).toEqual(await whole[i]!.read(0, whole[i]!.size));
  expect(await checkExport(sources, "adapter", alone, { recorder })).toEqual({
    isGood: true,
    message: expect.stringMatching(
      /as it was trained\. Not run in ONNX Runtime: The base is gone\.$/,
    ) as string,
  });
  await expect(weightExport(alone, "onnx")).rejects.toThrow("The base is gone.");
});
