// When training waits for the comparison with ONNX Runtime, and for what reason.

import { expect, test } from "vitest";

import { SessionCore } from "../../src/ui/session/core.ts";
import { SessionJudge, whyUnjudged } from "../../src/ui/session/judge.ts";
import type { WorkerApi } from "../../src/worker/api.ts";

const facts = { worst: 1, tolerance: 1e-4, tokens: 32, backend: "webgpu", message: "" } as const;

test("a model that is not compared, or that agrees, can be trained", () => {
  expect(whyUnjudged(undefined)).toBeUndefined();
  expect(whyUnjudged({ verdict: { kind: "agrees", ...facts }, isAccepted: false })).toBeUndefined();
});

test("training waits while the comparison is under way", () => {
  expect(whyUnjudged({ stage: "Running it here" })).toBe("The model is compared with ONNX Runtime");
});

test("what differs or is not known waits for the person", () => {
  const differs = { kind: "differs", ...facts } as const;
  const skipped = { kind: "skipped", message: "" } as const;
  for (const verdict of [differs, skipped]) {
    expect(whyUnjudged({ verdict, isAccepted: false })).toBe("ONNX Runtime does not confirm the model");
    expect(whyUnjudged({ verdict, isAccepted: true })).toBeUndefined();
  }
});

test("another model ends the comparison under way, and its answer is not shown", async () => {
  const agrees = { kind: "agrees", ...facts } as const;
  let answer = (): void => {};
  let left = 0;
  const core = new SessionCore({
    judge: () => new Promise((resolve) => (answer = () => resolve(agrees))),
    leaveJudging: async () => void left++,
  } as unknown as WorkerApi);
  const judge = new SessionJudge(core);
  const asked = judge.ask();
  expect(core.state.judgement).toEqual({ stage: "Loading ONNX Runtime" });
  await judge.forget();
  answer();
  await asked;
  expect(left).toBe(1);
  expect(core.state.judgement).toBeUndefined();
});
