// Packing: which tokens become inputs, which row predicts which target, and how groups are cut.

import { describe, expect, test } from "vitest";
import { packGroups } from "../../src/model/packing.ts";

const group = { prompt: [10, 11, 12], responses: [[1, 2, 3], [4], [5, 6]] };

test("shares the prompt and leaves out each response's last token", () => {
  const [batch, ...rest] = packGroups([group], 100);
  expect(rest).toEqual([]);
  expect([...batch!.tokens]).toEqual([10, 11, 12, 1, 2, 5]);
  expect([...batch!.positions]).toEqual([0, 1, 2, 3, 4, 3]);
  expect([...batch!.targets]).toEqual([1, 2, 3, 4, 5, 6]);
  // The last prompt token predicts the first token of every response.
  expect([...batch!.rows]).toEqual([2, 3, 4, 2, 2, 5]);
  expect(batch!.segments).toEqual([
    { start: 0, end: 3, promptStart: 0, promptEnd: 0, visibleEnd: 6 },
    { start: 3, end: 5, promptStart: 0, promptEnd: 3, visibleEnd: 5 },
    { start: 5, end: 6, promptStart: 0, promptEnd: 3, visibleEnd: 6 },
  ]);
  expect(batch!.sources[3]).toEqual({ group: 0, response: 1, token: 0 });
});

test("a single response is one ordinary sequence", () => {
  const [batch] = packGroups([{ prompt: [7], responses: [[8, 9]] }], 100);
  expect(batch!.segments).toEqual([{ start: 0, end: 2, promptStart: 0, promptEnd: 0, visibleEnd: 2 }]);
});

describe("cutting", () => {
  test("keeps every target exactly once and every batch within the budget", () => {
    const groups = Array.from({ length: 9 }, (_, g) => ({
      prompt: Array.from({ length: 2 + (g % 4) }, (_, i) => i),
      responses: Array.from({ length: 1 + (g % 3) }, (_, r) =>
        Array.from({ length: 1 + ((g * 3 + r) % 6) }, (_, t) => 100 * g + 10 * r + t),
      ),
    }));
    for (const budget of [10, 13, 40, 1000]) {
      const batches = packGroups(groups, budget);
      const seen = batches.flatMap((batch) => [...batch.targets]);
      expect(seen).toEqual(groups.flatMap(({ responses }) => responses.flat()));
      for (const { tokens, targets } of batches)
        expect(Math.max(tokens.length, targets.length)).toBeLessThanOrEqual(budget);
    }
  });

  test("many one-token responses count against the budget as targets", () => {
    const batches = packGroups([{ prompt: [1], responses: Array.from({ length: 10 }, () => [5]) }], 4);
    expect(batches.map(({ targets }) => targets.length)).toEqual([4, 4, 2]);
  });

  test("a response longer than the budget is refused with both numbers", () => {
    expect(() => packGroups([{ prompt: [1, 2], responses: [[1, 2, 3, 4]] }], 4)).toThrow(
      /has 5 tokens and the plan allows 4/,
    );
  });

  test("an empty prompt is refused", () => {
    expect(() => packGroups([{ prompt: [], responses: [[1]] }], 4)).toThrow(/Prompt 1 is empty/);
  });

  test("responses without tokens have no targets and cost nothing", () => {
    const [batch] = packGroups([{ prompt: [1, 2], responses: [[], [3]] }], 10);
    expect([...batch!.targets]).toEqual([3]);
  });
});
