// When training waits for the comparison with ONNX Runtime, and for what reason.

import { expect, test } from "vitest";

import { whyUnjudged } from "../../src/ui/session/judge.ts";

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
