// A person's reward function tried on a few samples before anything is trained: the responses on show of a run, or worked answers of
// the problems and some that are wrong. Samples and verdicts are plain data.

import type { Problem } from "../formats/problem.ts";
import type { OpenedProblems } from "./problems.ts";

/** Where in the function's text something went wrong, from 1; without a place where none is to blame. */
export interface RewardFault {
  readonly message: string;
  readonly line?: number;
  readonly column?: number;
}

/** One response with what the function gave it. */
export interface TestedResponse {
  /** "Worked answer 1", "Response 3 of step 12". */
  readonly name: string;
  readonly response: string;
  readonly groundTruth: string;
  /** One of the two. */
  readonly score?: number;
  readonly fault?: RewardFault;
}

export interface RewardTest {
  /** The text is no function that can be called; nothing was judged then. */
  readonly fault?: RewardFault;
  readonly tested: readonly TestedResponse[];
  /** Samples that were left out, because those before took long. */
  readonly untested: number;
}

/** A group that a run shows. */
export interface ShownGroup {
  readonly step: number;
  readonly question: string;
  readonly groundTruth: string;
  readonly responses: readonly string[];
}

interface TestSample {
  readonly name: string;
  readonly response: string;
  readonly problem: Pick<Problem, "dataSource" | "groundTruth" | "extraInfo">;
}

const WORKED = 3;
/** After this no further sample is begun: a function that runs into its limit each time would keep a person waiting. */
const PATIENCE_MS = 4000;

const EXAMPLE: Problem = {
  messages: [],
  question: "Tom has 3 apples and buys 4 more. How many has he?",
  answer: "3 + 4 = 7\n#### 7",
  groundTruth: "7",
  dataSource: "openai/gsm8k",
  extraInfo: {},
};

/** Responses of the group, with what else the problems know of its question; without a group, worked and wrong answers. */
export function testSamples(
  problems: OpenedProblems | undefined,
  group: ShownGroup | undefined,
): TestSample[] {
  const known = problems ? [...problems.train.problems, ...(problems.test?.problems ?? [])] : [];
  if (!group) return exampleSamples(known.length > 0 ? known.slice(0, WORKED) : [EXAMPLE]);
  const { step, question, groundTruth, responses } = group;
  const found = known.find((one) => one.question === question && one.groundTruth === groundTruth);
  const problem = found ?? { ...EXAMPLE, groundTruth };
  return responses.map((response, i) => ({ name: `Response ${i + 1} of step ${step}`, response, problem }));
}

function exampleSamples(problems: readonly Problem[]): TestSample[] {
  const worked = problems.map((problem, i) => ({
    name: `Worked answer ${i + 1}`,
    response: problem.answer ?? `#### ${problem.groundTruth}`,
    problem,
  }));
  const [problem] = problems;
  const wrong = `#### ${Number.isFinite(Number(problem!.groundTruth)) ? Number(problem!.groundTruth) + 1 : "something else"}`;
  return [
    ...worked,
    { name: "Wrong answer to the first", response: wrong, problem: problem! },
    { name: "No answer to the first", response: "I do not know.", problem: problem! },
  ];
}

/** What the function in `code` makes of the samples, `limitMs` for each. Rejects with UserError when no function can be run here. */
export async function testReward(
  code: string,
  limitMs: number,
  samples: readonly TestSample[],
): Promise<RewardTest> {
  const { openSandbox } = await import("../sandbox/index.ts");
  const sandbox = openSandbox(code, limitMs);
  try {
    const checked = await sandbox.check();
    if ("fault" in checked) return { fault: checked.fault, tested: [], untested: 0 };
    const tested: TestedResponse[] = [];
    const end = performance.now() + PATIENCE_MS;
    for (const { name, response, problem } of samples) {
      if (performance.now() > end) break;
      const verdict = await sandbox.judge({ ...problem, solution: response });
      tested.push({ name, response, groundTruth: problem.groundTruth, ...verdict });
    }
    return { tested, untested: samples.length - tested.length };
  } finally {
    sandbox.dispose();
  }
}
