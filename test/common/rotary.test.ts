// Frequencies of the rotary embedding, plain and scaled: the scaled ones of Llama 3.2 1B as transformers' formula gives them
// in float32.

import { expect, test } from "vitest";
import { rotaryFrequencies } from "../../src/common/rotary.ts";

test("a plain frequency is theta^(-2i/D)", () => {
  const expected = [1, 0.1, 0.01, 0.001];
  const found = rotaryFrequencies({ headSize: 8, ropeTheta: 10000 });
  expect(found.length).toBe(4);
  expected.forEach((value, i) => expect(found[i]! / value).toBeCloseTo(1, 12));
});

test("Llama 3 keeps fast pairs, slows slow ones by the factor, and goes over between the two", () => {
  const found = rotaryFrequencies({
    headSize: 64,
    ropeTheta: 500000,
    ropeScaling: {
      type: "llama3",
      factor: 32,
      lowFrequencyFactor: 1,
      highFrequencyFactor: 4,
      originalPositions: 8192,
    },
  });
  const expected = {
    0: 1,
    8: 0.03760603070259094,
    14: 0.0032114461064338684,
    15: 0.0012905480107292533,
    16: 0.000429556705057621,
    17: 9.708286233944818e-5,
    18: 1.9461638657958247e-5,
    31: 9.41830720080361e-8,
  };
  expect(found.length).toBe(32);
  // float32's rounding of the powers and of differences.
  for (const [i, value] of Object.entries(expected))
    expect(Math.abs(found[Number(i)]! / value - 1), `pair ${i}`).toBeLessThan(3e-6);
});

test("linear scaling divides every frequency", () => {
  const rotary = { headSize: 16, ropeTheta: 10000 };
  const found = rotaryFrequencies({ ...rotary, ropeScaling: { type: "linear", factor: 4 } });
  expect([...found]).toEqual([...rotaryFrequencies(rotary)].map((value) => value / 4));
});
