// How good the demo model is at held-out problems: as it answers by itself, with the answer forced to come at once, and
// with working forced. The two forced numbers are the gates: training can only find a strategy that is there and pays.

import type { Policy } from "../../model/policy.ts";
import { packGroups } from "../../model/packing.ts";
import { scoreSolution } from "../../rl/rewards/gsm8k.ts";
import { WgslRollout } from "../../rollout/wgsl.ts";
import type { DemoEncoder } from "./examples.ts";
import type { DemoProblem } from "./problems.ts";
import { LENGTHS } from "./recipe.ts";

/** Shares of right answers, 0 to 1, and mean length of the model's own responses. */
export interface DemoScores {
  readonly greedy: number;
  /** The first token is "####". */
  readonly direct: number;
  /** The first token is the likeliest digit, so that the response cannot start with "####". */
  readonly working: number;
  /** Tokens of a greedy response, end included. */
  readonly length: number;
}

const DIGITS = ["1", "2", "3", "4", "5", "6", "7", "8", "9"] as const;

/** Answers `problems` greedily in the three ways. */
export async function scoreDemo(
  policy: Policy,
  encoder: DemoEncoder,
  problems: readonly DemoProblem[],
): Promise<DemoScores> {
  const prompts = problems.map(({ question }) => encoder.prompt(question));
  const shareRight = (responses: readonly number[][]): number => {
    const scores = responses.map((ids, i) => {
      const response = encoder.tokenizer.decode(ids, { skipSpecialTokens: true });
      return scoreSolution(response, String(problems[i]!.answer), "strict", 0);
    });
    return scores.reduce((sum, score) => sum + score, 0) / scores.length;
  };
  const own = await complete(policy, encoder, prompts, []);
  const mark = encoder.idOf("####");
  const direct = await complete(
    policy,
    encoder,
    prompts,
    prompts.map(() => mark),
  );
  const working = await complete(policy, encoder, prompts, await likeliestDigits(policy, encoder, prompts));
  return {
    greedy: shareRight(own),
    direct: shareRight(direct),
    working: shareRight(working),
    length: own.reduce((sum, { length }) => sum + length, 0) / own.length,
  };
}

/** Greedy responses that start with the given token, if there is one for each prompt. */
async function complete(
  policy: Policy,
  { tokenizer }: DemoEncoder,
  prompts: readonly number[][],
  starts: readonly number[],
): Promise<number[][]> {
  const begun = prompts.map((_, i) => (starts[i] === undefined ? [] : [starts[i]]));
  const requests = prompts.map((prompt, i) => ({ prompt: [...prompt, ...begun[i]!], samples: 1, key: i }));
  const responses = await new WgslRollout(policy).generate(requests, {
    sampling: { temperature: 0, topK: 0, topP: 1, seed: [0, 0] },
    maxNew: LENGTHS.response,
    stopTokens: [tokenizer.eosToken!.id],
    useAdapter: true,
  });
  return responses.map(([response], i) => [...begun[i]!, ...response!.tokens]);
}

/** For each prompt, the digit that the model finds the likeliest start of a response. */
async function likeliestDigits(
  policy: Policy,
  encoder: DemoEncoder,
  prompts: readonly number[][],
): Promise<number[]> {
  const ids = DIGITS.map((digit) => encoder.idOf(digit));
  const groups = prompts.map((prompt) => ({ prompt, responses: ids.map((id) => [id]) }));
  const best = prompts.map(() => ({ id: ids[0]!, logProb: -Infinity }));
  for (const batch of packGroups(groups, policy.options.tokenBudget)) {
    policy.forward(batch, { temperature: 1, useAdapter: true });
    const logProb = await policy.recorder.readF32(policy.memory.head.logProb, batch.targets.length);
    batch.sources.forEach(({ group, response }, r) => {
      if (logProb[r]! > best[group]!.logProb) best[group] = { id: ids[response]!, logProb: logProb[r]! };
    });
  }
  return best.map(({ id }) => id);
}
