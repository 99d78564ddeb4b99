// What the page knows of a run after its events, in the order they come and in the orders they may come.

import { describe, expect, test } from "vitest";

import { DEFAULTS } from "../../src/rl/config.ts";
import { STEP } from "../../src/rl/metrics.ts";
import { type RunView, shownGroup, viewAfter, viewOf } from "../../src/ui/run-view.ts";
import type { Evaluation, RunEvent, ScoredResponse } from "../../src/worker/api.ts";

const after = (events: readonly RunEvent[], from?: RunView): RunView =>
  events.reduce<RunView | undefined>((view, event) => viewAfter(view, event), from)!;

const running: RunEvent = { type: "state", state: "running", step: 0 };
const group = (step: number): RunEvent => ({
  type: "group",
  step,
  question: `Problem ${step}`,
  groundTruth: "7",
  samples: 1,
});
const scored: ScoredResponse = {
  text: "#### 7",
  tokens: [],
  parts: [],
  reward: 1,
  advantage: 0,
  isStrict: true,
  isFlexible: true,
  isTruncated: false,
};
const evaluation = (step: number): Evaluation => {
  const accuracy = { mean: 0.5, low: 0.4, high: 0.6 };
  return { step, n: 2, strict: accuracy, flexible: accuracy, responseLength: 3, samples: [] };
};

describe("a run's view", () => {
  test("the scored group stays while the next one is written", () => {
    const view = after([
      running,
      group(1),
      { type: "scored", step: 1, question: "q", groundTruth: "1", responses: [scored] },
      group(2),
    ]);
    expect(view.group).toMatchObject({ step: 2, responses: [] });
    expect(view.group?.scored).toBeUndefined();
    expect(view.scoredGroup).toMatchObject({ step: 1, scored: [scored] });
  });

  test("a reward function is tried on the newest group that is written to its end, scored or not", () => {
    const written = (isFinished: boolean): RunEvent => ({
      type: "responses",
      step: 2,
      responses: [{ text: "#### 8", length: 3, isFinished }],
    });
    const first = [
      running,
      group(1),
      { type: "scored", step: 1, question: "q", groundTruth: "1", responses: [scored] },
    ] as const;
    expect(shownGroup(after([running, group(1)]))).toBeUndefined();
    const told = { step: 1, question: "q", groundTruth: "1", responses: ["#### 7"] };
    expect(shownGroup(after([...first, group(2)]))).toEqual(told);
    expect(shownGroup(after([...first, group(2), written(false)]))).toEqual(told);
    expect(shownGroup(after([...first, group(2), written(true)]))).toEqual({
      step: 2,
      question: "Problem 2",
      groundTruth: "7",
      responses: ["#### 8"],
    });
  });

  test("responses without a group are left out", () => {
    expect(after([running, { type: "responses", step: 1, responses: [] }]).group).toBeUndefined();
  });

  test("rows of one step become one row, in the order of steps", () => {
    const view = after([
      running,
      { type: "metrics", row: { [STEP]: 2, "actor/entropy": 0.5 } },
      { type: "metrics", row: { [STEP]: 1 } },
      { type: "metrics", row: { [STEP]: 2, "timing_s/testing": 3 } },
    ]);
    expect(view.history).toEqual([{ [STEP]: 1 }, { [STEP]: 2, "actor/entropy": 0.5, "timing_s/testing": 3 }]);
    expect(view.step).toBe(2);
  });

  test("an evaluation of the same step replaces the former one", () => {
    const view = after([
      running,
      { type: "evaluation", evaluation: evaluation(5) },
      { type: "evaluation", evaluation: evaluation(0) },
      { type: "evaluation", evaluation: { ...evaluation(5), n: 9 } },
    ]);
    expect(view.evaluations.map(({ step, n }) => [step, n])).toEqual([
      [0, 2],
      [5, 9],
    ]);
  });

  test("a paused run shows no progress, and a failed one says why", () => {
    const progress: RunEvent = { type: "progress", phase: "update", step: 3, done: 1, total: 2 };
    expect(after([running, progress]).progress).toMatchObject({ phase: "update", done: 1 });
    expect(after([running, progress, { type: "state", state: "pausing", step: 3 }]).progress).toBeDefined();
    expect(after([running, progress, { type: "state", state: "paused", step: 3 }]).progress).toBeUndefined();
    const failed = after([running, progress, { type: "state", state: "failed", step: 3, message: "Lost." }]);
    expect(failed).toMatchObject({ state: "failed", step: 3, message: "Lost." });
    expect(after([running], failed).message).toBeUndefined();
  });

  test("loading begins a new view", () => {
    const old = after([
      running,
      { type: "metrics", row: { [STEP]: 1 } },
      { type: "notice", message: "Slow." },
    ]);
    expect(after([{ type: "state", state: "loading", step: 0 }], old)).toMatchObject({
      history: [],
      notices: [],
    });
  });

  test("of many notices the newest twenty stay", () => {
    const notices = Array.from({ length: 25 }, (_, index): RunEvent => ({
      type: "notice",
      message: `${index}`,
    }));
    const view = after([running, ...notices]);
    expect([view.notices.length, view.notices[0], view.notices.at(-1)]).toEqual([20, "5", "24"]);
  });

  test("a snapshot that comes after the first events keeps what they told", () => {
    const view = viewOf(
      { id: "a", config: DEFAULTS, history: [{ [STEP]: 1 }], evaluations: [evaluation(0)] },
      after([running, { type: "metrics", row: { [STEP]: 2 } }]),
    );
    expect(view.id).toBe("a");
    expect(view.state).toBe("running");
    expect(view.history.map((row) => row[STEP])).toEqual([1, 2]);
    expect(view.evaluations).toHaveLength(1);
  });
});
