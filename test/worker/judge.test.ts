// A comparison with ONNX Runtime that still waits for the device: it can be left, and a second one takes its place.

import { afterEach, expect, test } from "vitest";

import { checking } from "../../src/worker/current.ts";
import { judged, judgeApi } from "../../src/worker/judge.ts";

let free = (): void => {};
const hold = (): void => {
  checking.ended = new Promise<void>((resolve) => (free = resolve));
};

afterEach(() => free());

test("it can be left while an export is still being checked", async () => {
  hold();
  const verdict = judgeApi.judge(() => {});
  const outcome = expect(verdict).rejects.toThrow("The comparison with ONNX Runtime was left");
  const left = judgeApi.leaveJudging();
  free();
  await Promise.all([outcome, left]);
});

test("the second of two ends the first, and the device is free after both", async () => {
  hold();
  const first = judgeApi.judge(() => {});
  const second = judgeApi.judge(() => {});
  const outcomes = [
    expect(first).rejects.toThrow("The comparison with ONNX Runtime was left"),
    // So far it came: it was not left.
    expect(second).rejects.toThrow("No model is loaded"),
  ];
  free();
  await judged();
  await Promise.all(outcomes);
});
