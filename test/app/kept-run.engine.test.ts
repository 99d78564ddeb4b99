// A run's record and checkpoints: what a list shows is right at any moment, and what does not belong together is refused.

import { describe, expect, test } from "vitest";

import { keptConfig, keptForCluster, restoreKept } from "../../src/app/kept-run.ts";
import { createRun } from "../../src/rl/run.ts";
import { flip } from "../storage/stores.ts";
import { keepingIn, memoryStore, tensorsAt, tinyInputs, tinyRecorder, train } from "../rl/tiny-run.ts";

const recorder = await tinyRecorder();
const SHORT = { "trainer.total_training_steps": 3, "trainer.save_freq": 1, "trainer.test_freq": -1 };
const inputs = await tinyInputs(SHORT);
/** What an imported configuration had for a cluster. */
const kept = { "trainer.nnodes": 2, "trainer.logger": ["console"] };

const store = memoryStore();
const keeping = keepingIn(store);
const whole = await train({ recorder, inputs: { ...inputs, kept }, keeping });

test("the record of a run tells what it is and where it stands", async () => {
  const record = await keeping.runs.load("run");
  expect(record).toMatchObject({
    id: "run",
    modelName: "tiny",
    dataName: "digits",
    step: 3,
    totalSteps: 3,
    state: "finished",
    config: inputs.config,
    kept,
  });
  expect(record.name).toMatch(/^GRPO/);
  expect(record.history).toEqual(whole.run.trainer.progress.history);
});

test("a checkpoint's summary has the accuracy of its own weights, where that was measured", async () => {
  const measured = await tinyInputs({
    "trainer.test_freq": 2,
    "trainer.save_freq": 1,
    "trainer.total_training_steps": 3,
  });
  const told = await train({ recorder, inputs: measured });
  const accuracy = (step: number): number | undefined =>
    told.rows.find((row) => row["training/global_step"] === step)?.["val-core/openai/gsm8k/acc/mean@1"];
  const infos = await told.keeping.checkpoints.list("run");
  expect(infos.map(({ step, summary }) => [step, summary["accuracy"]])).toEqual(
    [1, 2, 3].map((step) => [step, accuracy(step)]),
  );
  expect([1, 2, 3].map((step) => accuracy(step) === undefined)).toEqual([true, false, false]);
});

test("the record of a run that goes on is never behind its checkpoint, also after a crash", async () => {
  const under = memoryStore();
  const plain = keepingIn(under);
  await train({ recorder, inputs: { ...inputs, kept }, keeping: plain });
  // As a tab leaves it that is closed in the middle of a step.
  await plain.runs.save({ ...(await plain.runs.load("run")), state: "running" });
  const steps: number[] = [];
  const watched = keepingIn({
    ...under,
    set: async (key, bytes) => {
      await under.set(key, bytes);
      if (key.endsWith("/record")) steps.push((await plain.runs.load("run")).step);
    },
  });
  const told = await train({ recorder, inputs, keeping: watched, from: 2 });
  expect(steps[0]).toBe(2);
  expect(steps.at(-1)).toBe(3);
  expect((await plain.runs.load("run")).history).toEqual(told.run.trainer.progress.history);
  expect(told.rows).toEqual(whole.rows);
  expect(await keptForCluster(plain, "run")).toEqual(kept);
});

test("only as many checkpoints are kept as are wanted", async () => {
  const few = await tinyInputs({ ...SHORT, "trainer.max_actor_ckpt_to_keep": 1 });
  const told = await train({ recorder, inputs: few });
  // Every accuracy is that of step 0, and of equals the newest is the best.
  expect((await told.keeping.checkpoints.list("run")).map(({ step }) => step)).toEqual([3]);
});

test("kept settings come back with changes on top, checked", async () => {
  expect(await keptConfig(keeping, "run")).toEqual(inputs.config);
  const changed = await keptConfig(keeping, "run", { "trainer.total_training_steps": "9" });
  expect(changed["trainer.total_training_steps"]).toBe(9);
  await expect(keptConfig(keeping, "run", { "trainer.steps": 1 })).rejects.toThrow(/There is no setting/);
});

test("a run goes on beyond its last step when more are asked for", async () => {
  const longer = {
    ...inputs,
    config: await keptConfig(keeping, "run", { "trainer.total_training_steps": 4 }),
  };
  const at = keepingIn(memoryStore());
  await train({ recorder, inputs, keeping: at });
  const told = await train({ recorder, inputs: longer, keeping: at, from: "newest" });
  expect(told.rows.slice(0, 4)).toEqual(whole.rows);
  expect(told.rows.length).toBe(5);
  expect((await at.runs.load("run")).totalSteps).toBe(4);
});

describe("what does not belong together is refused", () => {
  test("a run without a checkpoint", async () => {
    const empty = keepingIn(memoryStore());
    await empty.runs.save(await keeping.runs.load("run"));
    await expect(train({ recorder, inputs, keeping: empty, from: "newest" })).rejects.toMatchObject({
      name: "UserError",
      message: expect.stringMatching(/Run run has no whole checkpoint to go on from/),
    });
  });

  test("a checkpoint of other settings, and nothing stays allocated", async () => {
    const before = recorder.gpu.liveBytes;
    const other = await tinyInputs({ ...SHORT, "actor_rollout_ref.model.lora_rank": 4 });
    await expect(train({ recorder, inputs: other, keeping, from: 2 })).rejects.toMatchObject({
      name: "UserError",
      message: expect.stringMatching(/has no tensor "value\/base_model\..*lora_A\.weight"/),
    });
    expect(recorder.gpu.liveBytes).toBe(before);
  });

  test("an adapter of another rank", async () => {
    const lora = (rank: number) => tinyInputs({ ...SHORT, "actor_rollout_ref.model.lora_rank": rank });
    const at = keepingIn(memoryStore());
    await train({ recorder, inputs: await lora(2), keeping: at });
    await expect(train({ recorder, inputs: await lora(4), keeping: at, from: 2 })).rejects.toThrow(
      /The checkpoint of step 2 has 64 values of .* asks for \[4,32\]/,
    );
  });

  test("a checkpoint of another version", async () => {
    const at = keepingIn(memoryStore());
    await at.runs.save(await keeping.runs.load("run"));
    await at.checkpoints.save("run", { step: 1, meta: { version: 7 }, tensors: new Map() });
    await expect(train({ recorder, inputs, keeping: at, from: 1 })).rejects.toThrow(
      /The checkpoint of step 1 was written by another version of Gradus \(7, and this one reads 1\)/,
    );
  });

  test("a damaged checkpoint, with the one to use instead", async () => {
    const copy = memoryStore();
    for (const key of await store.keys("")) await copy.set(key, (await store.get(key))!);
    const chunk = (await copy.keys("")).findLast(
      (key) => !key.endsWith("manifest") && !key.endsWith("record"),
    )!;
    await flip(copy, chunk, 1000);
    await expect(train({ recorder, inputs, keeping: keepingIn(copy), from: "newest" })).rejects.toThrow(
      /Use the checkpoint of step 2 instead/,
    );
    const told = await train({ recorder, inputs, keeping: keepingIn(copy), from: 2 });
    expect(told.rows).toEqual(whole.rows);
  });
});

test("a run goes on on another kind of device, and says that its last digits may differ", async () => {
  const at = keepingIn(memoryStore());
  const { meta } = await keeping.checkpoints.load("run", 2);
  const device = { ...(meta["device"] as object), adapterName: "Another adapter" };
  await at.runs.save(await keeping.runs.load("run"));
  await at.checkpoints.save("run", {
    step: 2,
    meta: { ...meta, device },
    tensors: await tensorsAt(keeping, 2),
  });
  const told = await train({ recorder, inputs, keeping: at, from: 2 });
  const notices = told.events.flatMap((event) => (event.type === "notice" ? [event.message] : []));
  expect(notices).toEqual([expect.stringMatching(/^This run began on "Another adapter" and goes on on /)]);
  expect(told.outcome).toBe("finished");
});

test("a checkpoint is put into a run that was just created", async () => {
  const run = await createRun(recorder, inputs.model, inputs.problems, inputs.config);
  expect(await restoreKept(run, keeping, "run", 1)).toBe(1);
  await expect(restoreKept(run, keeping, "run", 9)).rejects.toThrow(/step 9 .* does not exist.*1, 2, 3/);
  run.destroy();
});
