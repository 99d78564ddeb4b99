// The parts of a step's strip: which there are, how wide, and how far.

import { describe, expect, test } from "vitest";

import { configWith } from "../../src/rl/config.ts";
import { STEP } from "../../src/rl/metrics.ts";
import type { Progress, RunView } from "../../src/ui/run-view.ts";
import { segmentsOf } from "../../src/ui/step-segments.ts";
import type { MetricRow } from "../../src/worker/api.ts";

const runAt = (progress: Partial<Progress>, history: readonly MetricRow[] = []): RunView => ({
  state: "running",
  step: 0,
  history,
  evaluations: [],
  notices: [],
  progress: { phase: "rollout", step: 1, done: 0, total: 4, ...progress },
});

const TIMED: MetricRow = {
  [STEP]: 1,
  "timing_s/gen": 6,
  "timing_s/old_log_prob": 1,
  "timing_s/update_actor": 2,
  "timing_s/testing": 1,
};

describe("segments", () => {
  test("a first step has rollout, update and evaluation, equally wide", () => {
    const segments = segmentsOf(runAt({}));
    expect(segments.map(({ phase }) => phase)).toEqual(["rollout", "update", "evaluate"]);
    for (const { share } of segments) expect(share).toBeCloseTo(1 / 3, 12);
  });

  test("a first step on given pairs writes no responses", () => {
    const config = configWith({ "gradus.mode": "dpo" });
    const segments = segmentsOf({ ...runAt({ phase: "reference" }), config });
    expect(segments.map(({ phase }) => phase)).toEqual(["reference", "update", "evaluate"]);
  });

  test("widths follow the measured times, sum to 1, and leave room for a label", () => {
    const segments = segmentsOf(runAt({}, [TIMED]));
    const shares = segments.map(({ share }) => share);
    expect(segments.map(({ phase }) => phase)).toEqual(["rollout", "oldLogProb", "update", "evaluate"]);
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
    expect(shares[0]).toBeGreaterThan(0.4);
    expect(Math.min(...shares)).toBeGreaterThan(0.1);
  });

  test("what came before is done, what goes on is partly done, what comes has not begun", () => {
    const segments = segmentsOf(runAt({ phase: "update", done: 1 }, [TIMED]));
    expect(segments.map(({ done }) => done)).toEqual([1, 1, 0.25, 0]);
    expect(segments.filter(({ isNow }) => isNow).map(({ phase }) => phase)).toEqual(["update"]);
  });

  test("greedy responses stand between the rollout and the old policy", () => {
    const segments = segmentsOf(runAt({ phase: "greedy", done: 2 }, [TIMED]));
    expect(segments.map(({ phase, done }) => [phase, done])).toEqual([
      ["rollout", 1],
      ["greedy", 0.5],
      ["oldLogProb", 0],
      ["update", 0],
      ["evaluate", 0],
    ]);
  });

  test("while a checkpoint is written the step is done", () => {
    const segments = segmentsOf(runAt({ phase: "save" }, [TIMED]));
    expect(segments.map(({ done }) => done)).toEqual([1, 1, 1, 0]);
  });

  test("loading stands alone", () => {
    expect(segmentsOf(runAt({ phase: "load", done: 1 }))).toMatchObject([
      { phase: "load", share: 1, done: 0.25 },
    ]);
  });

  test("the evaluation before the first step stands alone, because no other part of a step has happened", () => {
    expect(segmentsOf(runAt({ phase: "evaluate", step: 0, done: 1 }))).toMatchObject([
      { phase: "evaluate", share: 1, done: 0.25 },
    ]);
  });

  test("a paused run has nothing under way", () => {
    const { progress: _, ...paused } = runAt({}, [TIMED]);
    expect(segmentsOf(paused).map(({ done }) => done)).toEqual([0, 0, 0, 0]);
  });
});
