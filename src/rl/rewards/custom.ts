// The person's own function: computeScore(dataSource, solution, groundTruth, extraInfo), JavaScript that runs in the sandbox. The
// sandbox is loaded only here and only when the function is on: it brings an interpreter.

import type { Fault, Sandbox } from "../../sandbox/index.ts";
import { StepRefused } from "../control.ts";
import type { OpenedReward, RewardArgs, RewardFunction, RewardSettings } from "./reward.ts";

/** Characters of a response that a message shows. */
const SHOWN = 80;

/** The person's function gave no score. Nothing is lost: a run waits, or does not begin. */
export class RewardFunctionError extends StepRefused {}

const REMEDY =
  "Correct it in the recipe under Your own reward, or on the command line with --reward FILE.js (--resume, if the run has begun).";

/** Throws RewardFunctionError for a text that has no function to call. */
async function check(sandbox: Sandbox, words: (fault: Fault) => string): Promise<void> {
  const verdict = await sandbox.check();
  if ("fault" in verdict)
    throw new RewardFunctionError(`Your reward function cannot be used: ${words(verdict.fault)}. ${REMEDY}`);
}

async function open({ ownFunction, ownFunctionMs }: RewardSettings): Promise<OpenedReward> {
  const { faultWords, openSandbox } = await import("../../sandbox/index.ts");
  const sandbox = openSandbox(ownFunction, ownFunctionMs);
  try {
    await check(sandbox, faultWords);
  } catch (error) {
    sandbox.dispose();
    throw error;
  }
  return {
    score: async ({ response, problem }: RewardArgs) => {
      const verdict = await sandbox.judge({ ...problem, solution: response });
      if ("score" in verdict) return verdict.score;
      const shown = response.length > SHOWN ? `${response.slice(0, SHOWN - 1)}…` : response;
      throw new RewardFunctionError(
        `Your reward function failed at the response ${JSON.stringify(shown)}: ${faultWords(verdict.fault)}. The step waits, and nothing is lost. ${REMEDY}`,
      );
    },
    dispose: () => sandbox.dispose(),
  };
}

export const custom = {
  id: "custom",
  label: "Your own reward",
  description: "What your JavaScript function computeScore returns.",
  differs:
    "verl's compute_score in JavaScript, without network, storage, clock or chance, under a time limit.",
  params: ["gradus.reward_function", "gradus.reward_function_ms"],
  defaultWeight: 0,
  open,
} as const satisfies RewardFunction;
