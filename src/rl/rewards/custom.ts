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

/** Runs the function as the sandbox does: in a world of its own for every response, with what sandbox/prelude.ts takes away. */
const PYTHON_CUSTOM = String.raw`def plain(value):
    """Values of numpy as JSON has them."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def own_score(data_source, solution_str, ground_truth, extra_info):
    """What the person's JavaScript function gives."""
    try:
        import quickjs
    except ImportError as error:
        raise RuntimeError(
            "This reward is a JavaScript function, which the Python package quickjs runs, and it is not installed: "
            "run 'pip install quickjs' on every machine of the cluster."
        ) from error
    context = quickjs.Context()
    context.set_memory_limit(64 * 2**20)
    context.set_max_stack_size(256 * 1024)
    context.set_time_limit(OWN_FUNCTION_MS / 1000)
    tools = context.eval(PRELUDE)
    judge = context.eval("(tools) => tools.judge")(tools)
    arguments = [data_source, solution_str, ground_truth, extra_info or {}]
    given = context.parse_json(json.dumps(arguments, default=plain))
    context.eval(OWN_FUNCTION)
    compute = context.eval(FIND)
    if compute is None:
        raise ValueError("OWN_FUNCTION in this file has no function computeScore or compute_score.")
    score = float(judge(compute, given))
    if not math.isfinite(score):
        raise ValueError(f"The reward function returned {score}, and a finite number is needed.")
    return score`;

export const custom = {
  id: "custom",
  label: "Your own reward",
  description: "What your JavaScript function computeScore returns.",
  differs:
    "verl's compute_score in JavaScript, without network, storage, clock or chance, under a time limit.",
  params: ["gradus.reward_function", "gradus.reward_function_ms"],
  defaultWeight: 0,
  open,
  python: {
    definitions: [PYTHON_CUSTOM],
    score: "own_score(data_source, solution_str, ground_truth, extra_info)",
  },
} as const satisfies RewardFunction;
