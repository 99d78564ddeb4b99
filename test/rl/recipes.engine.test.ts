// Every policy loss and every advantage estimator that the form offers takes a step: finite numbers, weights that move.

import { expect, test } from "vitest";

import { ADVANTAGE_ESTIMATORS } from "../../src/rl/advantages/index.ts";
import { POLICY_LOSSES } from "../../src/rl/losses/index.ts";
import { tensorsAt, tinyInputs, tinyRecorder, train } from "./tiny-run.ts";

const recorder = await tinyRecorder();

/** Two updates a step, so that ratios leave 1. */
const STEP = {
  "trainer.total_training_steps": 1,
  "actor_rollout_ref.actor.ppo_mini_batch_size": 1,
  "actor_rollout_ref.actor.optim.lr": 1e-3,
};

async function expectToTrain(values: Readonly<Record<string, unknown>>): Promise<void> {
  const inputs = await tinyInputs({ ...STEP, ...values });
  const { outcome, run, keeping } = await train({ recorder, inputs });
  expect(outcome).toBe("finished");
  const row = run.trainer.progress.history.at(-1)!;
  expect(Object.entries(row).filter(([, value]) => !Number.isFinite(value))).toEqual([]);
  expect(row["actor/grad_norm"]).toBeGreaterThan(0);
  expect(row["actor/skipped_updates"]).toBe(0);
  const moments = [...(await tensorsAt(keeping, 1))].filter(([name]) => name.startsWith("m/"));
  expect(moments.some(([, values]) => values.some((value) => value !== 0))).toBe(true);
}

test.each(POLICY_LOSSES.map(({ id }) => id))("policy loss %s", (id) =>
  expectToTrain({ "actor_rollout_ref.actor.policy_loss.loss_mode": id }),
);

test.each(ADVANTAGE_ESTIMATORS.map(({ id }) => id))("advantage estimator %s", (id) =>
  // Pairs that differ: every estimator has something to say then.
  expectToTrain({
    "algorithm.adv_estimator": id,
    "actor_rollout_ref.rollout.n": 2,
    "algorithm.filter_groups.enable": true,
  }),
);
