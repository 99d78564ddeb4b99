// What a run is made of: prompts that fit, memory as planned, a refusal before anything is allocated, and the answers to
// held-out problems.

import { describe, expect, test } from "vitest";

import { RECORDER_BYTES } from "../../src/gpu/index.ts";
import type { Problem } from "../../src/formats/problem.ts";
import { openModel } from "../../src/model/open-model.ts";
import { Interrupted, StepControl } from "../../src/rl/control.ts";
import { evaluate, evaluationRow } from "../../src/rl/evaluate.ts";
import type { RunEvent } from "../../src/rl/events.ts";
import { createRun, planRun } from "../../src/rl/run.ts";
import { tinyFiles, tinyInputs, tinyRecorder, train } from "./tiny-run.ts";

const recorder = await tinyRecorder();
const inputs = await tinyInputs();
const { model, problems, config } = inputs;

const create = (change: Partial<typeof inputs> = {}) => {
  const all = { ...inputs, ...change };
  return createRun(recorder, all.model, all.problems, all.config);
};

describe("memory", () => {
  test.each([
    ["all weights", {}],
    ["all weights and a copy of them", { "actor_rollout_ref.actor.use_kl_loss": true }],
    ["all weights and a critic", { "algorithm.adv_estimator": "gae" }],
    [
      "an adapter and a critic",
      {
        "algorithm.adv_estimator": "gae",
        "actor_rollout_ref.model.lora_rank": 4,
        "gradus.base_type": "f16",
      },
    ],
    ["an adapter", { "actor_rollout_ref.model.lora_rank": 4, "gradus.base_type": "f16" }],
  ])("of a run of %s is what was planned, and is given back", async (_, values) => {
    const chosen = (await tinyInputs(values)).config;
    const before = recorder.gpu.liveBytes;
    const run = await create({ config: chosen });
    const { total, bytes } = planRun(model, chosen, recorder.gpu);
    expect(recorder.gpu.liveBytes - before).toBe(total - RECORDER_BYTES);
    expect([...bytes.values()].reduce((a, b) => a + b, 0)).toBe(total);
    run.destroy();
    expect(recorder.gpu.liveBytes).toBe(before);
  });
});

describe("a run is refused before anything is allocated", async () => {
  const endless = await openModel(tinyFiles({ eos_token_id: null }, { eos_token: null }), "tiny");
  const answerless = problems.train.map(({ answer, ...problem }): Problem => problem);
  test.each([
    ["without problems", { problems: { train: [], heldOut: [] } }, /no problem to train on/],
    [
      "when every prompt is too long",
      { config: { ...config, "data.max_prompt_length": 5 } },
      /Every problem is longer than the longest prompt of 5 tokens/,
    ],
    [
      "when supervised fine-tuning has a problem without an answer",
      {
        problems: { train: [...problems.train, ...answerless], heldOut: [] },
        config: { ...config, "gradus.mode": "sft" },
      },
      /has no worked answer/,
    ],
    ["when nothing ends a response", { model: endless }, /tiny names no token that ends a response/],
  ])("%s", async (_, change, message) => {
    const before = recorder.gpu.liveBytes;
    await expect(create(change as Partial<typeof inputs>)).rejects.toMatchObject({
      name: "UserError",
      message: expect.stringMatching(message),
    });
    expect(recorder.gpu.liveBytes).toBe(before);
  });
});

describe("an evaluation", () => {
  const silent = (step: number): StepControl => new StepControl(step, () => {});

  test("answers each held-out problem once, greedily, and in order", async () => {
    const run = await create();
    const [one, two] = [await evaluate(run, silent(0)), await evaluate(run, silent(0))];
    expect(two.evaluation).toEqual(one.evaluation);
    const { n, samples, strict, flexible, responseLength } = one.evaluation;
    expect(n).toBe(3);
    expect(samples.map(({ question }) => question)).toEqual(problems.heldOut.map(({ question }) => question));
    for (const { response, groundTruth, isStrict } of samples) {
      expect(response).toMatch(/^#### /);
      expect(isStrict).toBe(response === `#### ${groundTruth}`);
    }
    expect(strict.mean).toBe(samples.filter(({ isStrict }) => isStrict).length / 3);
    expect(flexible.mean).toBe(samples.filter(({ isFlexible }) => isFlexible).length / 3);
    expect(responseLength).toBeGreaterThan(3);
    expect(evaluationRow(one.evaluation, 1)).toMatchObject({ "val-aux/n": 3, "training/global_step": 0 });
    run.destroy();
  });

  test("takes no more problems than it is told to, the first ones", async () => {
    const run = await create({ config: { ...config, "data.val_max_samples": 2 } });
    const { evaluation } = await evaluate(run, silent(4));
    expect(evaluation).toMatchObject({ n: 2, step: 4 });
    expect(evaluation.samples[1]!.question).toBe(problems.heldOut[1]!.question);
    run.destroy();
  });

  test("can be left, and tells how far it is", async () => {
    const run = await create();
    const events: RunEvent[] = [];
    const control: StepControl = new StepControl(0, (event) => {
      events.push(event);
      if (event.type === "progress" && event.done === 1) control.interrupt();
    });
    await expect(evaluate(run, control)).rejects.toThrow(Interrupted);
    expect(events[0]).toMatchObject({ phase: "evaluate", done: 0, total: 3 });
    expect((await evaluate(run, silent(0))).evaluation.n).toBe(3);
    run.destroy();
  });
});

describe("what a run says of its problems", () => {
  const notices = async (change: Partial<typeof inputs>): Promise<string[]> => {
    const one = { ...config, "trainer.total_training_steps": 1 };
    const { events, rows } = await train({ recorder, inputs: { ...inputs, config: one, ...change } });
    expect(rows.at(-1)!["training/global_step"]).toBe(1);
    return events.flatMap((event) => (event.type === "notice" ? [event.message] : []));
  };

  test("none is held out: nothing is evaluated, and that is told", async () => {
    expect(await notices({ problems: { train: problems.train, heldOut: [] } })).toEqual([
      expect.stringMatching(/^No problem is held out, so accuracy is not measured/),
    ]);
  });

  test("some are too long: they are left out, and counted", async () => {
    const long: Problem = { ...problems.train[0]!, messages: [{ role: "user", content: "one ".repeat(80) }] };
    const told = await notices({
      problems: { train: [long, ...problems.train], heldOut: [long, ...problems.heldOut] },
    });
    expect(told).toEqual([expect.stringMatching(/^2 problems are left out: .* more than 40 tokens/)]);
  });
});
