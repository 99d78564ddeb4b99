// What goes wrong in a run: a gradient that is not finite, a device that goes away, a store that is full. The checkpoint
// before is whole each time, and the run goes on or can be continued to the same numbers.

import { describe, expect, test } from "vitest";

import type { Keeping } from "../../src/app/kept-run.ts";
import type { RunEvent } from "../../src/rl/events.ts";
import { createRun } from "../../src/rl/run.ts";
import type { RunState } from "../../src/rl/state.ts";
import { Trainer } from "../../src/rl/trainer.ts";
import { quotaExceeded } from "../storage/stores.ts";
import type { Training } from "./tiny-run.ts";
import { keepingIn, memoryStore, steady, tensorsAt, tinyInputs, tinyRecorder, train } from "./tiny-run.ts";

const recorder = await tinyRecorder();
const inputs = await tinyInputs({ "trainer.save_freq": 1 });
const undisturbed = await train({ recorder, inputs });

const notices = (events: readonly RunEvent[]): string[] =>
  events.flatMap((event) => (event.type === "notice" ? [event.message] : []));

const isProgress = (event: RunEvent, phase: string, step: number, done: number): boolean =>
  event.type === "progress" && event.phase === phase && event.step === step && event.done === done;

test("an update with a gradient that is not finite is left out, counted and told, and training goes on", async () => {
  const { model, problems, config } = inputs;
  const run = await createRun(recorder, model, problems, config);
  const kept = new Map<number, { tensors: Map<string, Float32Array>; optimizerSteps: number }>();
  const save = async ({ progress, tensors }: RunState): Promise<number> => {
    const copy = new Map<string, Float32Array>();
    for await (const [name, values] of tensors) copy.set(name, values.slice());
    kept.set(progress.step, { tensors: copy, optimizerSteps: progress.optimizerSteps });
    return 0;
  };
  const events: RunEvent[] = [];
  const trainer = new Trainer(run, { save }, (event) => {
    events.push(event);
    // The backward passes of step 2 are done, its update is not.
    if (isProgress(event, "update", 2, 1))
      recorder.write(run.policy.memory.pools[0]!.grads, Float32Array.of(1, Number.NaN));
  });
  expect(await trainer.train()).toBe("finished");
  run.destroy();
  expect(kept.get(2)!.tensors).toEqual(kept.get(1)!.tensors);
  expect(kept.get(3)!.tensors).not.toEqual(kept.get(1)!.tensors);
  expect([1, 2, 3, 4].map((step) => kept.get(step)!.optimizerSteps)).toEqual([1, 1, 2, 3]);
  const rows = trainer.progress.history;
  expect(rows.map((row) => row["actor/skipped_updates"])).toEqual([undefined, 0, 1, 1, 1]);
  expect(rows[2]).toMatchObject({ "actor/grad_norm": 0 });
  expect(notices(events)).toEqual([
    expect.stringMatching(/^Step 2: one update left out because a gradient was not finite/),
  ]);
  expect(steady(rows)[1]).toEqual(undisturbed.rows[1]);
});

describe("a device that goes away", () => {
  test.each([
    ["in a rollout", "rollout", 3, 0, 2],
    ["in an update", "update", 3, 0, 2],
    ["while a checkpoint is written", "save", 3, 0, 2],
    ["in an evaluation", "evaluate", 2, 0, 1],
  ] as const)("%s ends the run in a sentence, and it continues on another device", async (...place) => {
    const [, phase, step, done, last] = place;
    const lost = await tinyRecorder();
    const keeping = keepingIn(memoryStore());
    const events: RunEvent[] = [];
    const hear: Training["hear"] = (event) => {
      events.push(event);
      if (isProgress(event, phase, step, done)) lost.gpu.destroy();
    };
    const failed = train({ recorder: lost, inputs, keeping, hear });
    await expect(failed).rejects.toMatchObject({
      name: "GpuError",
      message: expect.stringMatching(/device/),
    });
    expect(events.at(-1)).toMatchObject({
      type: "state",
      state: "failed",
      message: expect.stringMatching(/\.$/),
    });
    expect((await keeping.runs.load("run")).state).toBe("failed");
    expect((await keeping.checkpoints.list("run")).at(-1)!.step).toBe(last);
    expect(await tensorsAt(keeping, last)).toEqual(await tensorsAt(undisturbed.keeping, last));

    const fresh = await tinyRecorder();
    const told = await train({ recorder: fresh, inputs, keeping, from: "newest" });
    expect(notices(told.events)).toEqual([]);
    expect(told.rows).toEqual(undisturbed.rows);
    expect(await tensorsAt(keeping, 4)).toEqual(await tensorsAt(undisturbed.keeping, 4));
    fresh.gpu.destroy();
  });
});

/** A store that takes nothing while `disk.isFull`. */
function fullable(): { keeping: Keeping; disk: { isFull: boolean } } {
  const store = memoryStore();
  const disk = { isFull: false };
  const keeping = keepingIn({
    ...store,
    set: (key, bytes) => (disk.isFull ? Promise.reject(quotaExceeded()) : store.set(key, bytes)),
  });
  return { keeping, disk };
}

test("a run whose end finds no room is kept and finished once there is some", async () => {
  const { keeping, disk } = fullable();
  const told = await train({
    recorder,
    inputs,
    keeping,
    hear: (event, { trainer }) => {
      if (event.type === "metrics" && event.row["training/global_step"] === 4) disk.isFull = true;
      if (event.type !== "state" || event.state !== "paused") return;
      disk.isFull = false;
      trainer.proceed();
    },
  });
  expect(told.outcome).toBe("finished");
  expect(notices(told.events)).toHaveLength(1);
  expect(await tensorsAt(keeping, 4)).toEqual(await tensorsAt(undisturbed.keeping, 4));
});

test("a store that is full is told, training goes on, and its end waits for room until it is stopped", async () => {
  const { keeping, disk } = fullable();
  let waits = 0;
  const told = await train({
    recorder,
    inputs,
    keeping,
    hear: (event, { trainer }) => {
      if (event.type === "metrics" && event.row["training/global_step"] === 2) disk.isFull = true;
      if (event.type !== "state" || event.state !== "paused") return;
      expect(event.message).toMatch(/weights are not saved yet: make room, then resume/);
      if (++waits === 1) trainer.proceed();
      else trainer.stop();
    },
  });
  expect([told.outcome, waits]).toEqual(["stopped", 2]);
  expect(told.rows).toEqual(undisturbed.rows);
  const messages = notices(told.events);
  expect(messages.length, "one for each checkpoint that is due, two more for the last").toBe(5);
  for (const message of messages) expect(message).toMatch(/checkpoint of step [234] .* storage is full/);
  expect((await keeping.checkpoints.list("run")).map(({ step }) => step)).toEqual([1]);

  disk.isFull = false;
  const continued = await train({ recorder, inputs, keeping, from: "newest" });
  expect(continued.rows).toEqual(undisturbed.rows);
});

test("a pause that could not be kept is kept by the stop after it, once there is room", async () => {
  const { keeping, disk } = fullable();
  const told = await train({
    recorder,
    inputs,
    keeping,
    hear: (event, { trainer }) => {
      if (isProgress(event, "rollout", 2, 0)) disk.isFull = true;
      if (event.type === "metrics" && event.row["training/global_step"] === 2) trainer.pause();
      if (event.type !== "state" || event.state !== "paused") return;
      disk.isFull = false;
      setTimeout(() => trainer.stop());
    },
  });
  expect(told.outcome).toBe("stopped");
  expect(notices(told.events).length).toBe(1);
  expect((await keeping.checkpoints.list("run")).map(({ step }) => step)).toEqual([1, 2]);
  expect((await train({ recorder, inputs, keeping, from: "newest" })).rows).toEqual(undisturbed.rows);
});

test("settings that no device holds are refused before anything is allocated", async () => {
  const before = recorder.gpu.liveBytes;
  const huge = await tinyInputs({ "actor_rollout_ref.actor.ppo_max_token_len_per_gpu": 131072 });
  const config = { ...huge.config, "actor_rollout_ref.rollout.max_num_seqs": 10_000_000 };
  await expect(train({ recorder, inputs: { ...huge, config } })).rejects.toMatchObject({
    name: "UserError",
    message: expect.stringMatching(/lower the number of rollout rows/),
  });
  expect(recorder.gpu.liveBytes).toBe(before);
});
