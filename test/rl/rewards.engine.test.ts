// Rewards in a run: several at once are logged and add up, a person's function trains and resumes to the bit, and one that fails
// makes the run wait until it is corrected.

import { describe, expect, test } from "vitest";

import { keptConfig } from "../../src/app/kept-run.ts";
import { checkResumable } from "../../src/rl/config.ts";
import type { RunEvent } from "../../src/rl/events.ts";
import type { MetricRow } from "../../src/rl/metrics.ts";
import { createRun } from "../../src/rl/run.ts";
import { tensorsAt, tinyInputs, tinyRecorder, train } from "./tiny-run.ts";

const recorder = await tinyRecorder();

/** Favours 3 among the digits that the tiny model writes. */
const OWN = `function computeScore(dataSource, solution, groundTruth, extraInfo) {
  const threes = solution.split("3").length - 1;
  return { score: threes / 4 + (extraInfo.split === "train" ? 0.125 : 0), threes };
}`;
const BROKEN = OWN.replace("return {", "return solution.missing.length + {");

const SHORT = { "trainer.total_training_steps": 2, "trainer.test_freq": -1, "trainer.save_freq": 1 };
const ONLY_OWN = {
  ...SHORT,
  "gradus.reward_weight.gsm8k": 0,
  "gradus.reward_weight.custom": 2,
  "gradus.reward_function": OWN,
};
const own = await tinyInputs(ONLY_OWN);
const undisturbed = await train({ recorder, inputs: own });

const steps = (rows: readonly MetricRow[]): MetricRow[] =>
  rows.filter((row) => row["training/global_step"]! > 0);
const isPause = (event: RunEvent): event is Extract<RunEvent, { type: "state" }> =>
  event.type === "state" && event.state === "paused";

test("several rewards are logged each, add up with their weights, and are told of a response", async () => {
  const inputs = await tinyInputs({
    ...SHORT,
    "trainer.total_training_steps": 1,
    "gradus.reward_weight.graded": 0.5,
    "gradus.reward_weight.length": -0.25,
    "gradus.reward_weight.custom": 3,
    "gradus.reward_function": OWN,
  });
  const { rows, events } = await train({ recorder, inputs });
  const [row] = steps(rows);
  const mean = (id: string): number => row![`reward/${id}/mean`]!;
  const sum = mean("gsm8k") + 0.5 * mean("graded") - 0.25 * mean("length") + 3 * mean("custom");
  expect(row!["critic/score/mean"]).toBeCloseTo(sum, 12);
  expect(row!["reward/custom/std"]).toBeGreaterThan(0);
  expect(row).not.toHaveProperty("reward/xml_format/mean");
  const scored = events.find((event) => event.type === "scored");
  if (scored?.type !== "scored") throw new Error("no group was scored");
  for (const { parts, reward } of scored.responses) {
    expect(parts.map(({ label }) => label)).toEqual([
      "GSM8K strict",
      "Graded answer",
      "Length",
      "Your own reward",
    ]);
    const [strict, graded, length, custom] = parts.map(({ score }) => score);
    expect(reward).toBeCloseTo(strict! + 0.5 * graded! - 0.25 * length! + 3 * custom!, 12);
  }
});

describe("a person's function", () => {
  test("is what the run learns from", () => {
    const rows = steps(undisturbed.rows);
    expect(rows.map((row) => row["training/global_step"])).toEqual([1, 2]);
    for (const row of rows) {
      expect(row["critic/score/mean"]).toBeCloseTo(2 * row["reward/custom/mean"]!, 12);
      expect(row["actor/grad_norm"]).toBeGreaterThan(0);
      expect(row).not.toHaveProperty("reward/gsm8k/mean");
      expect(row["train/acc_strict"]).toBeGreaterThanOrEqual(0);
    }
  });

  test("resumes to the bit, from what the run has kept", async () => {
    const { keeping } = await train({
      recorder,
      inputs: own,
      hear: (event, { trainer }) => {
        if (event.type === "checkpoint" && event.step === 1) trainer.stop();
      },
    });
    const config = await keptConfig(keeping, "run");
    expect(config["gradus.reward_function"]).toBe(OWN);
    const told = await train({ recorder, inputs: { ...own, config }, keeping, from: "newest" });
    expect(told.rows).toEqual(undisturbed.rows);
    expect(await tensorsAt(told.keeping, 2)).toEqual(await tensorsAt(undisturbed.keeping, 2));
  });

  test("that fails makes the run wait and say where; corrected, it goes on as if nothing had happened", async () => {
    const inputs = await tinyInputs({ ...ONLY_OWN, "gradus.reward_function": BROKEN });
    const { outcome, events, keeping, run } = await train({
      recorder,
      inputs,
      hear: (event, { trainer }) => {
        if (isPause(event)) trainer.stop();
      },
    });
    expect(outcome).toBe("stopped");
    expect(run.trainer.progress.step).toBe(0);
    expect(events.find(isPause)?.message).toMatch(
      /^Your reward function failed at the response ".*": line 3, column \d+: TypeError: cannot read property 'length' of undefined\. .*nothing is lost\. Correct it/,
    );
    expect(events.some((event) => event.type === "state" && event.state === "failed")).toBe(false);
    const config = await keptConfig(keeping, "run", { "gradus.reward_function": OWN });
    checkResumable(inputs.config, config);
    const told = await train({ recorder, inputs: { ...inputs, config }, keeping, from: "newest" });
    expect(told.rows).toEqual(undisturbed.rows);
    expect(await tensorsAt(told.keeping, 2)).toEqual(await tensorsAt(undisturbed.keeping, 2));
  });
});

describe("before a run begins", () => {
  test("a function that is none is refused", async () => {
    const { model, problems, config } = await tinyInputs({
      ...ONLY_OWN,
      "gradus.reward_function": "let x = ;",
    });
    const live = recorder.gpu.liveBytes;
    await expect(createRun(recorder, model, problems, config)).rejects.toThrow(
      /^Your reward function cannot be used: line 1/,
    );
    expect(recorder.gpu.liveBytes).toBe(live);
  });

  test("a data source that no rule is for is refused, unless the function judges alone", async () => {
    const { model, problems } = own;
    const elsewhere = problems.train.map((problem) => ({ ...problem, dataSource: "lighteval/MATH" }));
    const both = { ...own.config, "gradus.reward_weight.gsm8k": 1 };
    await expect(createRun(recorder, model, { train: elsewhere, heldOut: [] }, both)).rejects.toThrow(
      /data source "lighteval\/MATH"/,
    );
    const run = await createRun(recorder, model, { train: elsewhere, heldOut: [] }, own.config);
    expect(run.train.length).toBe(elsewhere.length);
    run.destroy();
  });
});
