// DAPO's penalty of long responses against verl's own numbers.

import { expect, test } from "vitest";

import { checkOverlong, overlongPenalty } from "../../../src/rl/rewards/overlong.ts";
import { fixtureJson } from "../../formats/fixtures.ts";

interface Point {
  readonly max_resp_len: number;
  readonly overlong_buffer_len: number;
  readonly penalty_factor: number;
  readonly response_length: number;
  readonly score: number;
  readonly overlong_reward: number;
  readonly overlong: boolean;
  readonly reward: number;
  readonly reward_position: number;
}
const points = fixtureJson("algorithms/overlong_penalty.json") as Point[];

/** The file's numbers are the shortest text of a float32. */
const single = (value: number): number => Math.fround(value);

test("there are verl's points to compare with", () => {
  expect(points.length).toBe(126);
  expect(points.filter(({ overlong }) => overlong).length).toBeGreaterThan(20);
});

test.each(points)(
  "a response of $response_length of $max_resp_len tokens, buffer $overlong_buffer_len, factor $penalty_factor, score $score",
  (point) => {
    const settings = {
      maxLength: point.max_resp_len,
      buffer: point.overlong_buffer_len,
      factor: point.penalty_factor,
    };
    const penalty = overlongPenalty(point.response_length, settings);
    expect(single(penalty)).toBe(single(point.overlong_reward));
    expect(penalty < 0).toBe(point.overlong);
    expect(single(point.score + single(penalty))).toBe(single(point.reward));
    expect(point.reward_position).toBe(point.response_length - 1);
  },
);

test("beyond the longest response the penalty goes on falling", () => {
  expect(overlongPenalty(12, { maxLength: 10, buffer: 4, factor: 1 })).toBe(-1.5);
});

test.each([
  [{ maxLength: 10, buffer: 0, factor: 1 }, /buffer is 0 tokens .* Set the buffer between 1 and 10/],
  [{ maxLength: 10, buffer: 11, factor: 1 }, /buffer is 11 tokens .* longest response 10/],
  [{ maxLength: 10, buffer: 5, factor: -1 }, /penalty factor -1/],
])("settings %j are refused", (settings, sentence) => {
  expect(() => checkOverlong(settings)).toThrow(sentence);
  expect(() => checkOverlong({ maxLength: 10, buffer: 10, factor: 1 })).not.toThrow();
});
