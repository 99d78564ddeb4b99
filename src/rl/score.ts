// Rewards and advantages of a step's responses.

import type { RolloutResponse } from "../rollout/engine.ts";
import type { StepPrompt } from "./generate.ts";
import { advantagesOf } from "./options.ts";
import { rewardFor } from "./rewards/index.ts";
import type { RewardScore } from "./rewards/index.ts";
import type { Run } from "./run.ts";

/** A response of a step with everything that the update and the metrics need. */
export interface ScoredRollout {
  /** Index of its prompt among the step's. */
  readonly group: number;
  /** Index within the group. */
  readonly sample: number;
  readonly tokens: readonly number[];
  readonly samplerLogProb: readonly number[];
  readonly isTruncated: boolean;
  readonly text: string;
  readonly reward: RewardScore;
  /** One per token. */
  readonly advantage: Float64Array;
}

/** Judges every response and gives its tokens their advantages. Throws UserError on a data source without reward. */
export function scoreRollouts(
  { config, model }: Run,
  prompts: readonly StepPrompt[],
  responses: readonly (readonly RolloutResponse[])[],
): ScoredRollout[] {
  const settings = { formatScore: config["gradus.format_score"] };
  const judged = responses.flatMap((group, g) =>
    group.map(({ tokens, samplerLogProb, finishReason }, sample) => {
      const { problem } = prompts[g]!.item;
      const text = model.tokenizer.decode(tokens, { skipSpecialTokens: true });
      const reward = rewardFor(problem.dataSource).score({ response: text, problem, settings });
      return {
        group: g,
        sample,
        tokens,
        samplerLogProb,
        isTruncated: finishReason === "length",
        text,
        reward,
      };
    }),
  );
  const { estimator, settings: advantageSettings } = advantagesOf(config);
  const advantages = estimator.estimate({
    rewards: judged.map(({ reward }) => reward.score),
    groups: judged.map(({ group }) => group),
    responseLengths: judged.map(({ tokens }) => tokens.length),
    settings: advantageSettings,
  });
  return judged.map((rollout, i) => ({ ...rollout, advantage: advantages[i]! }));
}
