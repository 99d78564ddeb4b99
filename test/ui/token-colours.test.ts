// The tint behind tokens: sign, strength, and what is told in words.

import { describe, expect, test } from "vitest";

import { signed, tintColour, tintScale, tintStrength, tokenText } from "../../src/ui/token-colours.ts";
import type { ScoredToken } from "../../src/worker/api.ts";

const token = (values: Partial<ScoredToken>): ScoredToken => ({
  text: " 7",
  logProb: Math.log(0.5),
  importanceRatio: 1,
  entropy: 0.25,
  advantage: 0,
  ...values,
});

describe("tints", () => {
  test("a better response is teal, a worse one orange, none leaves no tint", () => {
    expect(tintColour(tintStrength(token({ advantage: 1 }), "advantage", 2), "advantage")).toMatch(
      /positive/,
    );
    expect(tintColour(tintStrength(token({ advantage: -1 }), "advantage", 2), "advantage")).toMatch(
      /negative/,
    );
    expect(tintColour(tintStrength(token({}), "advantage", 2), "advantage")).toBe("transparent");
  });

  test("a ratio and its inverse are equally strong on both sides", () => {
    const up = tintStrength(token({ importanceRatio: 1.1 }), "ratio", 1);
    const down = tintStrength(token({ importanceRatio: 1 / 1.1 }), "ratio", 1);
    expect(up).toBeGreaterThan(0);
    expect(down).toBeCloseTo(-up, 12);
  });

  test("strength ends at 1, and what is not finite has none", () => {
    expect(tintStrength(token({ importanceRatio: 40 }), "ratio", 1)).toBe(1);
    expect(tintStrength(token({ importanceRatio: 0 }), "ratio", 1)).toBe(0);
    expect(tintStrength(token({ advantage: -9 }), "advantage", 1)).toBe(-1);
  });

  test("entropy has one colour, whose scale is the group's largest", () => {
    const tokens = [token({ entropy: 2 }), token({ entropy: 1 })];
    expect(tintScale(tokens, "entropy")).toBe(2);
    expect(tintColour(tintStrength(tokens[1]!, "entropy", 2), "entropy")).toMatch(/accent\) 15%/);
  });

  test("small advantages are not drawn as large ones", () => {
    expect(tintScale([token({ advantage: 0.01 })], "advantage")).toBe(1);
    expect(tintScale([token({ advantage: -3 })], "advantage")).toBe(3);
  });
});

describe("words", () => {
  test("a number has its sign, with a real minus, and zero has none", () => {
    expect([signed(1.234), signed(-0.5), signed(-0.001), signed(2, 1)]).toEqual([
      "+1.23",
      "\u22120.50",
      "0.00",
      "+2.0",
    ]);
  });

  test("a token is told with all its numbers", () => {
    expect(tokenText(token({ advantage: 1 }))).toBe(
      '" 7" advantage +1.00, probability 50.0 %, ratio 1.000, entropy 0.25 nats',
    );
  });
});
