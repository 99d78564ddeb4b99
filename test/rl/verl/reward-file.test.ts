// The Python form of the rewards gives what the TypeScript form gives, on verl's own cases and on thousands of odd texts. Run by
// python3 where it is there.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { afterAll, describe, expect, test, vi } from "vitest";

import { SeededRandom } from "../../../src/common/random.ts";
import type { RunConfig } from "../../../src/rl/config.ts";
import { configWith } from "../../../src/rl/config.ts";
import { FILTER_METRICS } from "../../../src/rl/filter-groups.ts";
import { rewardSettingsOf, rewardsOf } from "../../../src/rl/options/index.ts";
import { answerMatches } from "../../../src/rl/rewards/gsm8k.ts";
import { RewardJudge } from "../../../src/rl/rewards/judge.ts";
import { rewardFile } from "../../../src/rl/verl/reward-file.ts";
import { read } from "../../files.ts";

vi.setConfig({ testTimeout: 60_000 });

const hasPython = spawnSync("python3", ["--version"]).status === 0;
const folder = mkdtempSync(path.join(tmpdir(), "gradus-reward-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Case {
  readonly response: string;
  readonly groundTruth: string;
}

const RUNNER = `import json, sys
sys.path.insert(0, sys.argv[1])
from reward import compute_score
cases = json.load(open(sys.argv[1] + "/cases.json", encoding="utf-8"))
try:
    print(json.dumps([compute_score(*case) for case in cases]))
except Exception as error:
    print(json.dumps(f"{type(error).__name__}: {error}"))
`;

/** What `reward.py` of `config` makes of cases, as verl calls it. `modules` are files beside it, by name. */
function byPython(config: RunConfig, cases: readonly Case[], modules: Record<string, string> = {}): unknown {
  const place = mkdtempSync(path.join(folder, "case-"));
  const args = cases.map(({ response, groundTruth }) => [
    "openai/gsm8k",
    response,
    groundTruth,
    { index: 3 },
  ]);
  const files = {
    "reward.py": rewardFile(config, "some/model"),
    "cases.json": JSON.stringify(args),
    ...modules,
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(place, name), text);
  const { stdout, stderr } = spawnSync("python3", ["-c", RUNNER, place], { maxBuffer: 2 ** 28 });
  expect(stderr.toString()).toBe("");
  return JSON.parse(stdout.toString());
}

/** The same by our own rewards. */
async function byOurs(config: RunConfig, cases: readonly Case[]) {
  const judge = await RewardJudge.open(rewardsOf(config), rewardSettingsOf(config));
  const accuracy = FILTER_METRICS.find(({ id }) => id === "acc")!;
  const all = [];
  for (const { response, groundTruth } of cases) {
    const problem = { groundTruth, dataSource: "openai/gsm8k", extraInfo: { index: 3 } };
    const { score, components } = await judge.judge({ response, tokens: 0, problem });
    const reward = { score, ...answerMatches(response, groundTruth) };
    const acc = accuracy.valueOf({ reward, components, overlongPenalty: 0 } as never);
    all.push({ score, acc, ...Object.fromEntries(components.map((one) => [one.id, one.score])) });
  }
  judge.dispose();
  return all;
}

const WEIGHTS = {
  "gradus.reward_weight.gsm8k": 1,
  "gradus.reward_weight.gsm8k_flexible": -0.5,
  "gradus.reward_weight.graded": 2.25,
  "gradus.reward_weight.xml_format": 0.3,
  "gradus.format_score": 0.1,
};

/** Pieces of texts that rules look for, and characters that languages count or fold in ways of their own. */
const PIECES = [
  ...Array.from("0123456789.,$%-−+*/÷:×·x= \n\té\u00a0\ufeff\u0085\u2028\u001c٣🙂"),
  "#### ",
  "####",
  "\\boxed{",
  "}",
  "Infinity",
  "0x1f",
  "1e3",
  "12",
  "3.5",
  "1,072",
  " = ",
  " + ",
  "<think>",
  "</think>",
  "<answer>",
  "</answer>",
  "\ud83d",
  "so the answer is ",
];
const TRUTHS = ["72", "7", "1072", "-3.5", "0", "12", "x", "1e3", "31", "Infinity", "٣", "a b"];

function oddCases(count: number): Case[] {
  const random = new SeededRandom(11);
  const pick = (list: readonly string[]): string => list[random.integer(list.length)]!;
  return Array.from({ length: count }, (_, i) => {
    const length = random.integer(i % 50 === 0 ? 400 : 24);
    const response = Array.from({ length }, () => pick(PIECES)).join("");
    return { response, groundTruth: pick(TRUTHS) };
  });
}

describe.skipIf(!hasPython)("reward.py, run by python3", () => {
  test("scores verl's own cases as verl did", () => {
    const { cases } = JSON.parse(read("test/fixtures/algorithms/gsm8k_score.json")) as {
      cases: {
        solution_str: string;
        ground_truth: string;
        strict: { score: number; "score_with_format_0.1": number };
        flexible: { score: number; "score_with_format_0.1": number };
      }[];
    };
    const given = cases.map((one) => ({ response: one.solution_str, groundTruth: one.ground_truth }));
    for (const method of ["strict", "flexible"] as const) {
      const config = configWith({
        "gradus.format_score": 0.1,
        "gradus.reward_weight.gsm8k": method === "strict" ? 1 : 0,
        "gradus.reward_weight.gsm8k_flexible": method === "strict" ? 0 : 1,
      });
      const scores = (byPython(config, given) as { score: number }[]).map(({ score }) => score);
      expect(scores).toEqual(cases.map((one) => one[method]["score_with_format_0.1"]));
    }
  });

  test("gives every reward, the sum and acc that a run here gives, on odd texts", async () => {
    const cases = oddCases(4000);
    const config = configWith(WEIGHTS);
    const ours = await byOurs(config, cases);
    expect(new Set(ours.map(({ score }) => score)).size).toBeGreaterThan(10);
    expect(byPython(config, cases)).toEqual(ours);
    for (const only of ["graded", "gsm8k_flexible", "xml_format"]) {
      const alone = configWith({ "gradus.reward_weight.gsm8k": 0, [`gradus.reward_weight.${only}`]: 1 });
      const few = cases.slice(0, 400);
      expect(byPython(alone, few), only).toEqual(await byOurs(alone, few));
    }
  });

  test("counts tokens with the model's tokenizer where length is rewarded", () => {
    const config = configWith({ "gradus.reward_weight.length": 0.5, "data.max_response_length": 20 });
    const transformers = `class AutoTokenizer:
    @staticmethod
    def from_pretrained(path):
        assert path == "some/model"
        return AutoTokenizer()

    def encode(self, text, add_special_tokens):
        return text.split() if not add_special_tokens else None
`;
    const modules = { "transformers.py": transformers };
    const [row] = byPython(config, [{ response: "one two three", groundTruth: "7" }], modules) as object[];
    expect(row).toEqual({ score: 0.5 * (-4 / 20), acc: 0, gsm8k: 0, length: -4 / 20 });
  });

  const OWN =
    'const at = "}";\nfunction computeScore(source, solution, truth, extra) {\n  return solution.includes(truth) ? extra.index : 0.25;\n}\n';
  const own = configWith({
    "gradus.reward_weight.gsm8k": 0,
    "gradus.reward_weight.custom": 2,
    "gradus.reward_function": OWN,
  });

  test("says what to install where the person's function needs a package that is not there", () => {
    const without = { "quickjs.py": "raise ImportError()\n" };
    expect(byPython(own, [{ response: "7", groundTruth: "7" }], without)).toMatch(
      /^RuntimeError: .*JavaScript function.*pip install quickjs/,
    );
  });

  test("hands the person's function to quickjs whole, with what the sandbox takes away", async () => {
    const cases = [
      { response: 'a "7" \\ \u2028 🙂', groundTruth: "7" },
      { response: "eight", groundTruth: "7" },
    ];
    const modules = { "quickjs.py": read("test/fixtures/verl/quickjs.py") };
    expect(byPython(own, cases, modules)).toEqual(await byOurs(own, cases));
    const clock = configWith({ "gradus.reward_function": OWN.replace("extra.index", "Date.now()") }, own);
    expect(byPython(clock, cases, modules)).toMatch(/Date\.now is not there/);
  });
});

test("reward.py has only what its rewards use", () => {
  const plain = rewardFile(configWith({}), "m");
  expect(plain).toMatch(/^import re$/m);
  expect(plain).not.toMatch(/^import json|OWN_FUNCTION|MODEL_PATH|graded/m);
  expect(plain.match(/def extract_solution/g)).toHaveLength(1);
});
