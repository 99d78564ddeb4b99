// The sections on what is minimised: policy losses, aggregation, KL, entropy, advantages, rewards.

import type { AdvantageEstimator } from "../../rl/advantages/advantage.ts";
import { ADVANTAGE_ESTIMATORS } from "../../rl/advantages/index.ts";
import { AGGREGATION_MODES, AGGREGATION_WORDS } from "../../rl/losses/aggregate.ts";
import { POLICY_LOSSES } from "../../rl/losses/index.ts";
import { KL_TYPES, klWords } from "../../rl/losses/kl.ts";
import type { PolicyLoss } from "../../rl/losses/policy-loss.ts";
import type { Reward } from "../../rl/rewards/index.ts";
import { REWARDS } from "../../rl/rewards/index.ts";
import { fileHeader } from "./file-headers.ts";
import { block, code, link, pieces, table } from "./markdown.ts";
import { paramsTable, settingsTable } from "./settings.ts";

const anchor = (name: string): string =>
  name
    .toLowerCase()
    .replaceAll(/[^\w -]/g, "")
    .replaceAll(" ", "-");
const jump = (id: string, label: string): string => `[${code(id)}](#${anchor(`${id} ${label}`)})`;

export const lossesSection = (): string =>
  pieces(
    "## Policy losses",
    "`actor_rollout_ref.actor.policy_loss.loss_mode`. Loss and derivative of one token; log-ratios are `logProb - oldLogProb`, in nats, and `A` is the advantage. How tokens are added up stands under Aggregation. With one update a step the old policy is the current one, so that every ratio is exactly 1 and no clip acts.",
    table(
      ["Loss", "In a word", "Paper"],
      POLICY_LOSSES.map(({ id, label, paper }) => [jump(id, label), label, link(paper)]),
    ),
    ...POLICY_LOSSES.map(lossEntry),
  );

function lossEntry({ id, label, description, paper, differs, params, aggregation }: PolicyLoss): string {
  const { formula, source } = fileHeader("losses", id);
  return pieces(
    `### ${code(id)} ${label}`,
    description,
    block(formula),
    `Paper: ${link(paper)}. ${source ? `Computed as in ${source}. ` : ""}Differs from the paper: ${differs}`,
    aggregation && !differs.includes(aggregation) ? `Always added up as ${code(aggregation)}.` : "",
    paramsTable(params),
  );
}

export const aggregationSection = (): string =>
  pieces(
    "## Aggregation",
    "`actor_rollout_ref.actor.loss_agg_mode`. Counts are those of the whole update, so that cutting it into micro-batches changes nothing but rounding. A loss that has its own ignores the setting for its policy term; KL and entropy terms follow the setting always.",
    table(
      ["Mode", "What it is"],
      AGGREGATION_MODES.map((mode) => [code(mode), AGGREGATION_WORDS[mode]]),
    ),
    settingsTable(["actor_rollout_ref.actor.loss_agg_mode", "actor_rollout_ref.actor.loss_scale_factor"]),
  );

export const advantagesSection = (): string =>
  pieces(
    "## Advantage estimators",
    "`algorithm.adv_estimator`. `R_i` is the reward of a response, `n_j` its number of tokens; standard deviations are unbiased.",
    table(
      ["Estimator", "In a word", "Paper"],
      ADVANTAGE_ESTIMATORS.map(({ id, label, description, paper }) => [
        jump(id, label),
        description,
        link(paper),
      ]),
    ),
    ...ADVANTAGE_ESTIMATORS.map(estimatorEntry),
  );

function estimatorEntry(entry: AdvantageEstimator): string {
  const { id, label, description, paper, differs, params, sameAs } = entry;
  const { formula, source } = fileHeader("advantages", id);
  return pieces(
    `### ${code(id)} ${label}`,
    description,
    block(formula),
    sameAs && `The same numbers as ${code(sameAs)} wherever responses are as the engine makes them.`,
    `Paper: ${link(paper)}. ${source ? `Computed as in ${source}. ` : ""}Differs from the paper: ${differs}`,
    settingsTable(params),
  );
}

export const klSection = (): string =>
  pieces(
    "## KL and entropy",
    "KL is taken to the model the run began with, with `d = logProb - refLogProb`, as a loss of its own or off the reward of every token.",
    table(
      ["Estimator", "What it is"],
      KL_TYPES.map((type) => [code(type), klWords(type)]),
    ),
    pieces(
      "### KL as a loss",
      settingsTable(
        ["use_kl_loss", "kl_loss_coef", "kl_loss_type"].map((key) => `actor_rollout_ref.actor.${key}`),
      ),
    ),
    pieces(
      "### KL in the reward",
      settingsTable(
        [
          "use_kl_in_reward",
          "kl_penalty",
          "kl_ctrl.type",
          "kl_ctrl.kl_coef",
          "kl_ctrl.target_kl",
          "kl_ctrl.horizon",
        ].map((key) => `algorithm.${key}`),
      ),
    ),
    pieces("### Entropy", settingsTable(["actor_rollout_ref.actor.entropy_coeff"])),
  );

export const rewardsSection = (): string =>
  pieces(
    "## Rewards",
    ...REWARDS.map(rewardEntry),
    pieces(
      "### Penalty for long responses",
      block(fileHeader("rewards", "overlong").formula),
      settingsTable(
        ["enable", "len", "penalty_factor"].map((key) => `reward.reward_kwargs.overlong_buffer_cfg.${key}`),
      ),
    ),
  );

function rewardEntry({ id, label, description, dataSources, paper, differs, params }: Reward): string {
  return pieces(
    `### ${code(id)} ${label}`,
    description,
    dataSources ? `For the data sources ${dataSources.map(code).join(", ")}.` : "",
    block(fileHeader("rewards", id).formula),
    `${paper ? `Paper: ${link(paper)}. ` : ""}Differs: ${differs}`,
    settingsTable(params),
  );
}
