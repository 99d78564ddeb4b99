// What stands between responses and advantages: dynamic sampling fills a step with groups that teach something or waits and
// says why; length and distance from the reference are paid for.

import { expect, test } from "vitest";

import type { RunEvent } from "../../src/rl/events.ts";
import type { MetricRow } from "../../src/rl/metrics.ts";
import { tinyInputs, tinyRecorder, train } from "./tiny-run.ts";

const recorder = await tinyRecorder();

const DYNAMIC = {
  "algorithm.filter_groups.enable": true,
  "data.gen_batch_size": 2,
  "actor_rollout_ref.rollout.n": 2,
  "trainer.total_training_steps": 3,
};

const steps = (rows: readonly MetricRow[]): MetricRow[] =>
  rows.filter((row) => row["training/global_step"]! > 0);

test("every group of a step differs within, and the prompts left out are counted", async () => {
  const inputs = await tinyInputs(DYNAMIC);
  const { rows, run } = await train({ recorder, inputs });
  expect(steps(rows).map((row) => row["critic/frac_reward_zero_std"])).toEqual([0, 0, 0]);
  const rounds = steps(rows).map((row) => row["train/num_gen_batches"]!);
  const wanted = inputs.config["data.train_batch_size"];
  expect(Math.max(...rounds), "some step had to sample again").toBeGreaterThan(wanted / 2);
  expect(run.trainer.progress.drawn).toBe(rounds.reduce((sum, count) => sum + 2 * count, 0));
  for (const row of steps(rows)) {
    const kept = row["train/filtered_prompts_ratio"]! * 2 * row["train/num_gen_batches"]!;
    expect(kept).toBeGreaterThanOrEqual(wanted - 1e-9);
    expect(kept).toBeCloseTo(Math.round(kept), 9);
  }
});

test("without it, groups without spread are trained on, and steps take as many prompts as they have", async () => {
  const inputs = await tinyInputs({ ...DYNAMIC, "algorithm.filter_groups.enable": false });
  const { rows, run } = await train({ recorder, inputs });
  expect(Math.max(...steps(rows).map((row) => row["critic/frac_reward_zero_std"]!))).toBeGreaterThan(0);
  expect(steps(rows)[0]).not.toHaveProperty("train/num_gen_batches");
  expect(run.trainer.progress.drawn).toBe(3 * inputs.config["data.train_batch_size"]);
});

test("a step that cannot be filled pauses the run with the setting to change, and loses nothing", async () => {
  // Rewards cannot differ where the temperature leaves no choice.
  const inputs = await tinyInputs({
    ...DYNAMIC,
    "actor_rollout_ref.rollout.temperature": 1e-4,
    "algorithm.filter_groups.max_num_gen_batches": 2,
  });
  const isPause = (event: RunEvent): event is Extract<RunEvent, { type: "state" }> =>
    event.type === "state" && event.state === "paused";
  const { outcome, events, run } = await train({
    recorder,
    inputs,
    hear: (event, { trainer }) => {
      if (isPause(event)) trainer.stop();
    },
  });
  expect(outcome).toBe("stopped");
  expect(run.trainer.progress.step).toBe(0);
  expect(events.find(isPause)?.message).toMatch(
    /^After 2 rounds of sampling, \d of \d groups .*algorithm\.filter_groups\.max_num_gen_batches/,
  );
  expect(events.some((event) => event.type === "state" && event.state === "failed")).toBe(false);
});

test("the penalty for length is in the reward, and is told", async () => {
  const inputs = await tinyInputs({
    "trainer.total_training_steps": 1,
    "reward.reward_kwargs.overlong_buffer_cfg.enable": true,
    "reward.reward_kwargs.overlong_buffer_cfg.len": 8,
    "reward.reward_kwargs.overlong_buffer_cfg.penalty_factor": 0.5,
  });
  const plain = await tinyInputs({ "trainer.total_training_steps": 1 });
  const [row] = steps((await train({ recorder, inputs })).rows);
  const [without] = steps((await train({ recorder, inputs: plain })).rows);
  expect(row!["reward/overlong_penalty"]).toBeLessThan(0);
  expect(row!["reward/overlong"]).toBeGreaterThan(0);
  expect(row!["critic/score/mean"]).toBeCloseTo(
    without!["critic/score/mean"]! + row!["reward/overlong_penalty"]!,
    9,
  );
});

test("KL in the reward is what the tokens pay, at a price that follows the distance", async () => {
  const inputs = await tinyInputs({
    "algorithm.use_kl_in_reward": true,
    "algorithm.kl_ctrl.type": "adaptive",
    "algorithm.kl_ctrl.kl_coef": 0.5,
    "algorithm.kl_ctrl.target_kl": 1e-4,
    "algorithm.kl_ctrl.horizon": 40,
    "actor_rollout_ref.actor.optim.lr": 1e-2,
    "trainer.total_training_steps": 3,
  });
  const rows = steps((await train({ recorder, inputs })).rows);
  const responses = inputs.config["data.train_batch_size"] * inputs.config["actor_rollout_ref.rollout.n"];
  // The first step is on the reference itself.
  expect(Math.abs(rows[0]!["actor/reward_kl_penalty"]!)).toBeLessThan(1e-6);
  expect(rows[0]!["actor/reward_kl_penalty_coeff"]).toBe(0.5);
  expect(rows[1]!["actor/reward_kl_penalty_coeff"]).toBeCloseTo(0.5 * (1 - (0.2 * responses) / 40), 9);
  expect(Math.abs(rows[2]!["actor/reward_kl_penalty"]!)).toBeGreaterThan(1e-5);
  expect(rows[2]!["actor/reward_kl_penalty_coeff"]).not.toBe(rows[1]!["actor/reward_kl_penalty_coeff"]);
});
