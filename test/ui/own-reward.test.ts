// The person's own reward as settings: on beside others, alone, and off again.

import { expect, test } from "vitest";

import { configWith } from "../../src/rl/config.ts";
import {
  alone,
  isOwnOn,
  othersInWords,
  rewardText,
  TEMPLATE,
  turnedOff,
  turnedOn,
} from "../../src/ui/own-reward.ts";

test("it is turned on beside what judges, judges alone when asked, and leaves the usual reward behind", () => {
  const on = configWith(turnedOn(configWith({}), TEMPLATE));
  expect(isOwnOn(on)).toBe(true);
  expect(othersInWords(on)).toBe("GSM8K strict (weight 1)");
  const only = configWith(alone(on), on);
  expect(othersInWords(only)).toBe("");
  const off = configWith(turnedOff(only), only);
  expect(isOwnOn(off)).toBe(false);
  expect(othersInWords(off)).toBe("GSM8K strict (weight 1)");
  expect(off["gradus.reward_function"], "the text stays").toBe(TEMPLATE);
});

test("turned off, other rewards stay as they were; turned on again, so does its weight", () => {
  const config = configWith({
    ...turnedOn(configWith({}), TEMPLATE),
    "gradus.reward_weight.custom": 3,
    "gradus.reward_weight.gsm8k": 0,
    "gradus.reward_weight.graded": 0.5,
  });
  expect(turnedOn(config, "x")).toEqual({ "gradus.reward_function": "x", "gradus.reward_weight.custom": 3 });
  expect(othersInWords(configWith(turnedOff(config), config))).toBe("Graded answer (weight 0.5)");
});

test("a file that is far too large is no function", async () => {
  expect(await rewardText(new File(["a\n"], "own.js"))).toBe("a\n");
  await expect(rewardText(new File(["x".repeat(500_000)], "big.js"))).rejects.toThrow(
    /big\.js has 500000 bytes/,
  );
});
