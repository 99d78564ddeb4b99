// The entropy bonus that follows the entropy, update by update.

import { expect, test } from "vitest";

import { entropyCoefficient, entropyControlNext, entropyControlStart } from "../../src/rl/entropy-control.ts";

const settings = { start: 0.01, target: 0.5, delta: 0.005, min: 0.002, max: 0.018 };

test("it grows while the entropy is at or below its target, shrinks above, and is paid only below", () => {
  let state = entropyControlStart(settings);
  expect(entropyCoefficient(settings, state), "before anything is measured").toBe(0.01);
  const paid = [0.4, 0.5, 0.3, 0.6, 0.7, 0.8, 0.9, 0.4].map((entropy) => {
    state = entropyControlNext(settings, state, entropy);
    return [state.coef, entropyCoefficient(settings, state)].map((value) => Number(value.toFixed(9)));
  });
  expect(paid).toEqual([
    [0.015, 0.015],
    [0.018, 0.018],
    [0.018, 0.018],
    [0.013, 0],
    [0.008, 0],
    [0.003, 0],
    [0.002, 0],
    [0.007, 0.007],
  ]);
});

test("bounds in the wrong order are refused in a sentence", () => {
  expect(() => entropyControlStart({ ...settings, min: 0.5 })).toThrow(
    /above 0.5 \(gradus.entropy_coef_min\) and below 0.018/,
  );
});
