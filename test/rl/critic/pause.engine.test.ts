// A pause while a critic is asked or learns: the step is left where nothing has changed yet, finished where something has, and
// the numbers are those of a run that nobody disturbed.

import { expect, test } from "vitest";

import type { RunEvent } from "../../../src/rl/events.ts";
import { tensorsAt, tinyInputs, tinyRecorder, train } from "../tiny-run.ts";

const recorder = await tinyRecorder();

/** Two updates of two micro-batches each, of critic and policy alike. */
const inputs = await tinyInputs({
  "algorithm.adv_estimator": "gae",
  "critic.optim.lr": 1e-2,
  "actor_rollout_ref.model.lora_rank": 4,
  "trainer.total_training_steps": 2,
  "trainer.test_freq": -1,
  "trainer.save_freq": -1,
  "trainer.val_before_train": false,
  "data.train_batch_size": 4,
  "actor_rollout_ref.actor.ppo_max_token_len_per_gpu": 64,
});
const undisturbed = await train({ recorder, inputs });

test("the critic has four micro-batches a step", () => {
  const phases = undisturbed.events.flatMap((event) =>
    event.type === "progress" && event.step === 2 && event.done === event.total ? [event] : [],
  );
  expect(phases.map(({ phase, total }) => `${phase} ${total}`)).toEqual([
    "rollout 16",
    "oldLogProb 4",
    "values 4",
    "updateCritic 4",
    "update 4",
  ]);
});

test.each([
  ["while it is asked", "values", 1, 1],
  ["before its first update", "updateCritic", 1, 1],
  ["after its first update", "updateCritic", 3, 2],
  ["before the policy's first update", "update", 0, 2],
] as const)("a pause %s stands still at a whole step and changes no number", async (_, phase, done, step) => {
  let isAsked = false;
  const isMoment = (event: RunEvent): boolean =>
    event.type === "progress" && event.step === 2 && event.phase === phase && event.done === done;
  const told = await train({
    recorder,
    inputs,
    hear: (event, { trainer }) => {
      if (!isAsked && isMoment(event)) {
        isAsked = true;
        trainer.pause();
      }
      if (event.type === "state" && event.state === "paused") setTimeout(() => trainer.proceed());
    },
  });
  const paused = told.events.find((event) => event.type === "state" && event.state === "paused");
  expect(paused).toMatchObject({ step });
  expect(told.rows).toEqual(undisturbed.rows);
  expect(await tensorsAt(told.keeping, 2)).toEqual(await tensorsAt(undisturbed.keeping, 2));
});
