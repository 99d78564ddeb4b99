// The list of rewards: tags and length, what each entry says of itself, which problems it may judge, and that several add up.

import { describe, expect, test } from "vitest";

import { CONFIG_KEYS, configWith, DEFAULTS, fieldOf } from "../../../src/rl/config.ts";
import { METRICS } from "../../../src/rl/metrics.ts";
import { rewardSettingsOf, rewardsOf } from "../../../src/rl/options/index.ts";
import { checkDataSources, REWARDS } from "../../../src/rl/rewards/index.ts";
import type { Reward } from "../../../src/rl/rewards/index.ts";
import { RewardJudge } from "../../../src/rl/rewards/judge.ts";
import { length } from "../../../src/rl/rewards/length.ts";
import { rewardMetrics } from "../../../src/rl/rewards/metric-list.ts";
import { xmlFormatScore } from "../../../src/rl/rewards/xml-format.ts";

const PROBLEM = { groundTruth: "7", dataSource: "", extraInfo: {} };
const WEIGHT = "gradus.reward_weight";

describe("tags", () => {
  test.each([
    ["<think>3 + 4</think><answer>7</answer>", 1],
    ["  <think>\nthree\n</think>\n\n<answer>7</answer>\n", 1],
    ["Well. <think>3 + 4</think><answer>7</answer>", 0.75],
    ["<think>3 + 4</think> so <answer>7</answer>", 0.75],
    ["<think>3 + 4</think><answer>7</answer> done", 0.75],
    ["<think>3 + 4</think><answer>7", 0.75],
    ["<think>3 + 4</think> 7", 0.5],
    ["<think>3 + 4", 0.25],
    ["7", 0],
    ["", 0],
    ["<answer>7</answer><think>3</think>", 0.5],
    ["</think><think>", 0.25],
    ["<think><think>3</think><answer>7</answer>", 0.75],
    ["<think></think><answer></answer>".repeat(50), 0],
  ])("%j earn %d", (response, score) => {
    expect(xmlFormatScore(response)).toBe(score);
  });
});

test("length costs evenly, down to -1 for the longest response", () => {
  const settings = rewardSettingsOf(configWith({ "data.max_response_length": 32 }));
  const score = (tokens: number): number =>
    length.score({ response: "", tokens, problem: PROBLEM }, settings);
  expect([1, 8, 16, 32].map(score)).toEqual([-1 / 32, -0.25, -0.5, -1]);
});

describe("every reward of the list", () => {
  test.each(REWARDS as readonly Reward[])(
    "$id has words, a weight, metrics, and settings that exist",
    (reward) => {
      const { id, label, description, differs, params, paper } = reward;
      expect(id).toMatch(/^[a-z0-9_]+$/);
      for (const text of [label, description, differs]) expect(text).toMatch(/^\S.{3,}/);
      expect(description).toMatch(/\.$/);
      if (paper) expect(paper.url).toMatch(/^https:\/\/arxiv\.org\/abs\/\d{4}\.\d{5}$/);
      for (const key of params) expect(CONFIG_KEYS).toContain(key);
      const field = fieldOf(`${WEIGHT}.${id}` as "gradus.reward_weight.gsm8k");
      expect(field).toMatchObject({ kind: "number", topic: "Reward", default: reward.defaultWeight });
      for (const key of [`reward/${id}/mean`, `reward/${id}/std`])
        expect(METRICS.map((metric) => metric.key)).toContain(key);
      expect(METRICS.map((metric) => metric.key)).toContain(field.watch);
    },
  );

  test.each(REWARDS as readonly Reward[])("$id judges any text with a finite number", (reward) => {
    if (!("score" in reward)) return expect(reward.id).toBe("custom");
    for (const response of ["", "\u0000", "####", "\ud83d", "<think>", "=".repeat(1000), "𝟕 ＝ ７"]) {
      const score = reward.score({ response, tokens: 1, problem: PROBLEM }, rewardSettingsOf(DEFAULTS));
      expect(Number.isFinite(score), JSON.stringify(response)).toBe(true);
    }
  });

  test("has a name of its own", () => {
    expect(new Set(REWARDS.map(({ id }) => id)).size).toBe(REWARDS.length);
  });
});

describe("weights", () => {
  test("are those of GSM8K's strict answer alone unless they are set", () => {
    expect(rewardsOf(DEFAULTS).map(({ reward, weight }) => [reward.id, weight])).toEqual([["gsm8k", 1]]);
  });

  test("choose the rewards, in the order of the list", () => {
    const config = configWith({
      [`${WEIGHT}.length`]: -0.5,
      [`${WEIGHT}.graded`]: 2,
      [`${WEIGHT}.gsm8k`]: 0,
    });
    expect(rewardsOf(config).map(({ reward, weight }) => [reward.id, weight])).toEqual([
      ["graded", 2],
      ["length", -0.5],
    ]);
  });

  test("may not all be 0, and a person's function must be there to be on", () => {
    expect(() => configWith({ [`${WEIGHT}.gsm8k`]: 0 })).toThrow(
      /Every reward has the weight 0.*gradus\.reward_weight\.gsm8k/,
    );
    expect(() => configWith({ [`${WEIGHT}.gsm8k`]: 0, "gradus.mode": "sft" })).not.toThrow();
    expect(() => configWith({ [`${WEIGHT}.custom`]: 1 })).toThrow(/its function is empty.*--reward FILE\.js/);
    expect(() => configWith({ "gradus.reward_function": "x".repeat(200_000) })).toThrow(
      /200000 characters long/,
    );
    expect(() => configWith({ "gradus.reward_function": 5 })).toThrow(/a number: a text/);
  });
});

describe("several rewards", () => {
  const OWN = "function computeScore(source, solution) {\n  return solution.length / 100;\n}";

  test("add up with their weights, and are told apart", async () => {
    const config = configWith({
      [`${WEIGHT}.graded`]: 0.5,
      [`${WEIGHT}.length`]: 0.1,
      [`${WEIGHT}.custom`]: 10,
      "gradus.reward_function": OWN,
    });
    const judge = await RewardJudge.open(rewardsOf(config), rewardSettingsOf(config));
    const response = "3 + 4 = 7 #### 8";
    const { score, components } = await judge.judge({ response, tokens: 8, problem: PROBLEM });
    expect(components).toEqual([
      { id: "gsm8k", score: 0, weight: 1 },
      { id: "graded", score: 0.5, weight: 0.5 },
      { id: "length", score: -0.25, weight: 0.1 },
      { id: "custom", score: 0.16, weight: 10 },
    ]);
    expect(score).toBeCloseTo(0.5 * 0.5 - 0.1 * 0.25 + 10 * 0.16, 12);
    const row = rewardMetrics([components, components.map((part) => ({ ...part, score: part.score + 1 }))]);
    expect(row).toMatchObject({
      "reward/gsm8k/mean": 0.5,
      "reward/gsm8k/std": 0.5,
      "reward/length/mean": 0.25,
    });
    expect(row["reward/custom/mean"]).toBeCloseTo(0.66, 12);
    expect(Object.keys(row).length).toBe(8);
    judge.dispose();
  });

  test.each([
    [
      "a text without the function",
      "const x = 1;",
      /^Your reward function cannot be used: there is no function computeScore.* Correct it in the recipe/,
    ],
    [
      "a text that is no JavaScript",
      "function computeScore( {",
      /cannot be used: line 1, column \d+: SyntaxError/,
    ],
  ])("%s is refused before anything is judged", async (_, code, words) => {
    const config = configWith({ [`${WEIGHT}.custom`]: 1, "gradus.reward_function": code });
    await expect(RewardJudge.open(rewardsOf(config), rewardSettingsOf(config))).rejects.toMatchObject({
      name: "UserError",
      message: expect.stringMatching(words) as string,
    });
  });

  test("an error names the response it happened on, cut to 80 characters, and the next response is judged", async () => {
    const code =
      "function computeScore(source, solution) {\n  if (solution.length > 50) throw new Error('too much');\n  return 1;\n}";
    const config = configWith({
      [`${WEIGHT}.gsm8k`]: 0,
      [`${WEIGHT}.custom`]: 1,
      "gradus.reward_function": code,
    });
    const judge = await RewardJudge.open(rewardsOf(config), rewardSettingsOf(config));
    const judged = (response: string) => judge.judge({ response, tokens: 8, problem: PROBLEM });
    await expect(judged("a".repeat(100))).rejects.toThrow(
      /failed at the response "a{79}…": line 2, column \d+: Error: too much\. .*nothing is lost/,
    );
    expect(await judged("short")).toEqual({ score: 1, components: [{ id: "custom", score: 1, weight: 1 }] });
    judge.dispose();
  });
});

describe("data sources", () => {
  const on = (values: Record<string, unknown>) => rewardsOf(configWith(values));
  const own = { [`${WEIGHT}.custom`]: 1, "gradus.reward_function": "x" };

  test("that are known, or not named, are judged by GSM8K's rules", () => {
    expect(() => checkDataSources(["", "openai/gsm8k"], on({}))).not.toThrow();
  });

  test("that are named and unknown are refused while such a rule is on", () => {
    const refused =
      /data source "lighteval\/MATH", and there is no reward.* Set data_source to one of openai\/gsm8k.* gradus\.reward_weight\.gsm8k at 0/;
    expect(() => checkDataSources(["", "lighteval/MATH"], on({}))).toThrow(refused);
    expect(() => checkDataSources(["lighteval/MATH"], on(own))).toThrow(refused);
    expect(() => checkDataSources(["openai/gsm8"], on({}))).toThrow(/Did you mean openai\/gsm8k\?/);
  });

  test("are free where a person's function, the tags or the length judge", () => {
    for (const values of [own, { [`${WEIGHT}.xml_format`]: 1, [`${WEIGHT}.length`]: 1 }])
      expect(() =>
        checkDataSources(["lighteval/MATH"], on({ ...values, [`${WEIGHT}.gsm8k`]: 0 })),
      ).not.toThrow();
  });
});
