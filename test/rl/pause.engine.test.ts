// Pause, stop and keep at any moment: the run answers before the step is over where it can, what it keeps can be loaded,
// and the numbers are those of a run that nobody disturbed.

import { describe, expect, test } from "vitest";

import type { ActiveRun } from "../../src/app/kept-run.ts";
import type { RunEvent } from "../../src/rl/events.ts";
import type { Told } from "./tiny-run.ts";
import { tensorsAt, tinyInputs, tinyRecorder, train } from "./tiny-run.ts";

const recorder = await tinyRecorder();

/** Two updates of two micro-batches a step, so that a step can be left before the first and not after it. */
const inputs = await tinyInputs({
  "trainer.total_training_steps": 2,
  "trainer.save_freq": -1,
  "data.train_batch_size": 4,
  "actor_rollout_ref.actor.ppo_max_token_len_per_gpu": 64,
});
const undisturbed = await train({ recorder, inputs });
const STEPS = [0, 1, 2];

type Moment = (event: RunEvent) => boolean;

const progress =
  (phase: string, step: number, done: number): Moment =>
  (event) =>
    event.type === "progress" && event.phase === phase && event.step === step && event.done === done;
const inState =
  (state: string): Moment =>
  (event) =>
    event.type === "state" && event.state === state;
const IN_ROLLOUT: Moment = (event) => event.type === "responses" && event.step === 2;

/** Calls `act` at the first `moment` only. */
function once(moment: Moment, act: (run: ActiveRun) => void) {
  let isDone = false;
  return (event: RunEvent, run: ActiveRun): void => {
    if (isDone || !moment(event)) return;
    isDone = true;
    act(run);
  };
}

/** Trains with `acts`, each a moment and what to do then. */
const trainWith = (...acts: readonly (readonly [Moment, (run: ActiveRun) => void])[]): Promise<Told> => {
  const listeners = acts.map(([moment, act]) => once(moment, act));
  return train({ recorder, inputs, hear: (event, run) => listeners.forEach((hear) => hear(event, run)) });
};

/** Not at once: whoever presses the button does so later. */
const proceedLater = ({ trainer }: ActiveRun): void => void setTimeout(() => trainer.proceed());

const states = ({ events }: Told): string[] =>
  events.flatMap((event) => (event.type === "state" ? [event.state] : []));
const savedSteps = ({ events }: Told): number[] =>
  events.flatMap((event) => (event.type === "checkpoint" ? [event.step] : []));

async function expectUndisturbed(told: Told): Promise<void> {
  expect(told.rows).toEqual(undisturbed.rows);
  expect(told.rows.map((row) => row["training/global_step"])).toEqual(STEPS);
  expect(await tensorsAt(told.keeping, 2)).toEqual(await tensorsAt(undisturbed.keeping, 2));
}

describe("a pause", () => {
  test.each([
    ["in the evaluation at the start", progress("evaluate", 0, 1), 0],
    ["in the rollout", IN_ROLLOUT, 1],
    ["under the old policy", progress("oldLogProb", 2, 1), 1],
    ["between micro-batches of the first update", progress("update", 2, 1), 1],
    ["after the first update", progress("update", 2, 3), 2],
    ["in the evaluation at the end", progress("evaluate", 2, 1), 2],
  ] as const)("%s stands still at a whole step and changes no number", async (_, moment, step) => {
    const told = await trainWith(
      [moment, ({ trainer }) => trainer.pause()],
      [inState("paused"), proceedLater],
    );
    expect(told.events.find(inState("paused"))).toMatchObject({ step });
    expect(states(told)).toEqual(["loading", "running", "pausing", "paused", "running", "finished"]);
    expect(savedSteps(told)).toContain(step);
    expect((await tensorsAt(told.keeping, step)).size).toBeGreaterThan(10);
    await expectUndisturbed(told);
  });

  test("in the rollout does not wait for its end", async () => {
    const { events } = await trainWith(
      [IN_ROLLOUT, ({ trainer }) => trainer.pause()],
      [inState("paused"), proceedLater],
    );
    const ends = events.flatMap((event, i) =>
      event.type === "progress" && event.phase === "rollout" && event.step === 2 && event.done === event.total
        ? [i]
        : [],
    );
    expect(ends.length, "once, when it is written anew").toBe(1);
    expect(ends[0]).toBeGreaterThan(events.findIndex(inState("paused")));
  });

  test("that is taken back before it has come about is no pause", async () => {
    const told = await trainWith([
      IN_ROLLOUT,
      ({ trainer }) => {
        trainer.pause();
        trainer.proceed();
      },
    ]);
    expect(states(told)).toEqual(["loading", "running", "pausing", "running", "finished"]);
    await expectUndisturbed(told);
  });

  test("may be answered at once by whoever hears of it", async () => {
    const told = await trainWith(
      [IN_ROLLOUT, ({ trainer }) => trainer.pause()],
      [inState("paused"), ({ trainer }) => trainer.proceed()],
    );
    expect(states(told)).toEqual(["loading", "running", "pausing", "paused", "running", "finished"]);
    await expectUndisturbed(told);
  });

  test("can end in a stop, and the run goes on from there", async () => {
    const { keeping, outcome } = await trainWith(
      [IN_ROLLOUT, ({ trainer }) => trainer.pause()],
      [inState("paused"), ({ trainer }) => void setTimeout(() => trainer.stop())],
    );
    expect(outcome).toBe("stopped");
    expect(await keeping.runs.load("run")).toMatchObject({ step: 1, totalSteps: 2 });
    await expectUndisturbed(await train({ recorder, inputs, keeping, from: "newest" }));
  });
});

describe("keeping soon", () => {
  test.each([
    ["in a rollout keeps the step before and begins the rollout again", IN_ROLLOUT, [1, 2]],
    ["before the first update keeps the step before", progress("update", 2, 0), [1, 2]],
    ["after the first update keeps the step itself", progress("update", 2, 3), [2, 2]],
  ] as const)("%s, and changes no number", async (_, moment, saved) => {
    const told = await trainWith([moment, ({ trainer }) => trainer.saveSoon()]);
    expect(savedSteps(told)).toEqual(saved);
    expect(states(told)).toEqual(["loading", "running", "finished"]);
    await expectUndisturbed(told);
  });

  test("does nothing when all is kept", async () => {
    const told = await trainWith(
      [IN_ROLLOUT, ({ trainer }) => trainer.pause()],
      [
        inState("paused"),
        (run) => {
          run.trainer.saveSoon();
          proceedLater(run);
        },
      ],
    );
    expect(savedSteps(told)).toEqual([1, 2]);
    await expectUndisturbed(told);
  });
});

test("an evaluation that is asked for comes before the next step and changes nothing else", async () => {
  const told = await trainWith(
    [IN_ROLLOUT, ({ trainer }) => trainer.pause()],
    [
      inState("paused"),
      (run) => {
        run.trainer.evaluateSoon();
        proceedLater(run);
      },
    ],
  );
  const evaluated = told.events.flatMap((event) =>
    event.type === "evaluation" ? [event.evaluation.step] : [],
  );
  expect(evaluated).toEqual([0, 1, 2]);
  expect([told.rows[0], told.rows[2]]).toEqual([undisturbed.rows[0], undisturbed.rows[2]]);
  expect(told.rows[1]).toMatchObject(undisturbed.rows[1]!);
});

test("pause and stop after the end change nothing", async () => {
  const { run, events, keeping } = await trainWith();
  const count = events.length;
  run.trainer.pause();
  run.trainer.stop();
  run.trainer.proceed();
  run.trainer.saveSoon();
  expect(events.length).toBe(count);
  expect((await keeping.runs.load("run")).state).toBe("finished");
});

test("a run that goes on from an earlier step keeps what it learns, and drops what it left", async () => {
  const all = await tinyInputs({ "trainer.save_freq": 1, "trainer.max_actor_ckpt_to_keep": 3 });
  const { keeping } = await train({ recorder, inputs: all });
  const steps = async (): Promise<number[]> =>
    (await keeping.checkpoints.list("run")).map(({ step }) => step);
  expect(await steps()).toEqual(expect.arrayContaining([2, 3, 4]));
  const changed = await tinyInputs({
    "trainer.save_freq": -1,
    "trainer.max_actor_ckpt_to_keep": 1,
    "actor_rollout_ref.actor.optim.lr": 1e-4,
  });
  const stop = once(
    (event) => event.type === "metrics" && event.row["training/global_step"] === 3,
    ({ trainer }) => trainer.stop(),
  );
  const told = await train({ recorder, inputs: changed, keeping, from: 2, hear: stop });
  expect(told.outcome).toBe("stopped");
  expect((await steps()).at(-1), "the newest is the one just kept").toBe(3);
  const row = (await keeping.runs.load("run")).history.at(-1)!;
  expect(row["actor/lr"]).toBeCloseTo(1e-4, 10);
});
