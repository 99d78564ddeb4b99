// Golden cases of what stands between scores and the loss, all on the processor: advantages, KL in the reward, the choice of
// groups, rollout correction.

import { ADVANTAGE_ESTIMATORS, advantageEstimator } from "../../rl/advantages/index.ts";
import type { AdvantageArgs } from "../../rl/advantages/index.ts";
import { tokenMoments, whiten } from "../../rl/advantages/whiten.ts";
import type { KlControlSettings } from "../../rl/kl-control.ts";
import { applyKlToRewards, klControlNext, klControlStart } from "../../rl/kl-control.ts";
import { klType } from "../../rl/losses/kl.ts";
import { correctRollouts } from "../../rl/rollout-correction.ts";
import { correctionOfCase } from "./algorithms-bypass.ts";
import type { Kind } from "./algorithms-cases.ts";
import { compareFilteredGroups, compareSampling } from "./algorithms-groups.ts";
import type { GoldenCase } from "./algorithms-golden.ts";
import { matrixOf, numberOf, numbersOf, packed, rowLengths, rowsOf } from "./algorithms-golden.ts";
import type { Judge } from "./algorithms-judge.ts";
import { isRefused, TOLERANCE } from "./algorithms-judge.ts";

const idOf = ({ params }: GoldenCase): string => String(params["adv_estimator"]);
const flat = (rows: readonly ArrayLike<number>[]): number[] => rows.flatMap((row) => Array.from(row));

function compareAdvantage(golden: GoldenCase, judge: Judge): void {
  const { params, inputs, outputs } = golden;
  const mask = matrixOf(inputs["response_mask"]);
  const estimator = advantageEstimator(idOf(golden));
  const estimate = (): Float64Array[] => estimator.estimate(argsOf(golden, mask));
  if (outputs["error"] !== undefined) return judge.expect("a refusal", isRefused(estimate));
  const wanted = packed(matrixOf(outputs["advantages"]), mask);
  const largest = wanted.reduce((top, value) => Math.max(top, Math.abs(value)), 0);
  // Some of verl's estimators compute in float32 whatever they are given; the file says which in a note.
  const isSingle = String((golden as { note?: unknown }).note).includes("float32 whatever");
  const single = isSingle ? TOLERANCE.float32 * largest : 0;
  const abs = Math.max(single, numberOf(params["abs_tol"] ?? 0));
  judge.compare("advantages", flat(estimate()), wanted, { abs });
  if (!estimator.returns || outputs["returns"] === undefined) return;
  const returns = packed(matrixOf(outputs["returns"]), mask);
  judge.compare("returns", flat(estimator.returns(argsOf(golden, mask))), returns);
}

/** What an estimator gets; whatever the case does not have is left out. */
function argsOf({ params, inputs }: GoldenCase, mask: readonly number[][]): AdvantageArgs {
  const index = (inputs["index"] ?? mask.map((_, b) => b)) as (string | number)[];
  const rows = (key: string): number[][] | undefined =>
    inputs[key] === undefined ? undefined : rowsOf(inputs[key], mask);
  const [tokenRewards, values, oldLogProb] = ["token_level_rewards", "values", "old_log_probs"].map(rows);
  const [sumSquaredProb, samplerWeight] = ["sum_pi_squared", "rollout_is_weights"].map(rows);
  const components = inputs["reward_components"] as Record<string, number[]> | undefined;
  const weights = params["gdpo_reward_weights"];
  return {
    rewards: mask.map((_, b) => (tokenRewards?.[b] ?? []).reduce((a, c) => a + c, 0)),
    groups: index.map((name) => index.indexOf(name)),
    responseLengths: rowLengths(mask),
    positions: mask.map((row) => row.flatMap((on, t) => (on === 1 ? [t] : []))),
    ...(tokenRewards && { tokenRewards }),
    ...(values && { values }),
    ...(oldLogProb && { oldLogProb }),
    ...(sumSquaredProb && { sumSquaredProb }),
    ...(samplerWeight && { samplerWeight }),
    ...(inputs["reward_baselines"] !== undefined && { baselines: numbersOf(inputs["reward_baselines"]) }),
    ...(components && { rewardComponents: Object.values(components) }),
    settings: {
      normaliseByStd: params["norm_adv_by_std_in_grpo"] !== false,
      epsilon: numberOf(params["epsilon"] ?? 1e-6),
      gamma: numberOf(params["gamma"] ?? 1),
      lambda: numberOf(params["lam"] ?? 1),
      zeroTail: params["handle_zero_tail"] === true,
      ...(Array.isArray(weights) && { componentWeights: numbersOf(weights) }),
    },
  };
}

/** Mean, variance and whitened values; the sums and means that nothing here is made of are not compared. */
function compareMoments({ inputs, outputs }: GoldenCase, judge: Judge): void {
  const mask = matrixOf(inputs["mask"]);
  const rows = rowsOf(inputs["values"], mask);
  if (outputs["var_error"] !== undefined)
    return judge.expect(
      "a refusal",
      isRefused(() => whiten(rows)),
    );
  const { mean, variance } = tokenMoments(rows);
  judge.compare("mean", [mean], [numberOf(outputs["mean"])]);
  judge.compare("var", [variance], [numberOf(outputs["var"])]);
  judge.compare("whiten", flat(whiten(rows)), packed(matrixOf(outputs["whiten"]), mask));
}

function controlOf(values: unknown): KlControlSettings {
  const { type, kl_coef, init_kl_coef, target_kl, horizon } = values as Record<string, unknown>;
  return {
    type: type === "fixed" ? "fixed" : "adaptive",
    coef: numberOf(kl_coef ?? init_kl_coef),
    target: numberOf(target_kl),
    horizon: numberOf(horizon),
  };
}

function compareController({ params, outputs }: GoldenCase, judge: Judge): void {
  const settings = controlOf(params);
  let state = klControlStart(settings);
  for (const step of outputs["steps"] as Record<string, number>[]) {
    state = klControlNext(settings, state, step["current_kl"]!, step["n_steps"]!);
    judge.compare("coefficient", [state.coef], [step["value"]!]);
  }
}

function compareKlInReward({ params, inputs, outputs }: GoldenCase, judge: Judge): void {
  const mask = matrixOf(inputs["response_mask"]);
  const settings = controlOf(params["kl_ctrl"]);
  const { coef } = klControlStart(settings);
  const { tokenRewards, kl } = applyKlToRewards({
    tokenScores: rowsOf(inputs["token_level_scores"], mask),
    oldLogProb: rowsOf(inputs["old_log_prob"], mask),
    refLogProb: rowsOf(inputs["ref_log_prob"], mask),
    type: klType(String(params["kl_penalty"])),
    coef,
  });
  const metrics = outputs["metrics"] as Record<string, number>;
  judge.compare(
    "token_level_rewards",
    flat(tokenRewards),
    packed(matrixOf(outputs["token_level_rewards"]), mask),
  );
  judge.compare("actor/reward_kl_penalty", [kl], [metrics["actor/reward_kl_penalty"]!], { scale: 1 });
  judge.compare("actor/reward_kl_penalty_coeff", [coef], [metrics["actor/reward_kl_penalty_coeff"]!]);
  const after = klControlNext(settings, { coef }, kl, mask.length);
  judge.compare("kl_coef_after", [after.coef], [numberOf(outputs["kl_coef_after"])]);
}

/** verl means shares of tokens and responses in float32 also in its double-precision cases. */
const SHARE_ROUNDING = 1e-7;

function compareCorrection({ params, inputs, outputs }: GoldenCase, judge: Judge): void {
  const mask = matrixOf(inputs["response_mask"]);
  const { weights, responseMask, metrics } = correctRollouts({
    oldLogProb: rowsOf(inputs["old_log_prob"], mask),
    samplerLogProb: rowsOf(inputs["rollout_log_prob"], mask),
    settings: correctionOfCase(params),
  });
  const wanted = outputs["metrics"] as Record<string, unknown>;
  const isSameKind = (weights !== undefined) === Array.isArray(outputs["rollout_is_weights"]);
  judge.expect("weights or none", isSameKind);
  if (weights) judge.compare("weights", flat(weights), packed(matrixOf(outputs["rollout_is_weights"]), mask));
  judge.compare("mask", flat(responseMask), packed(matrixOf(outputs["response_mask"]), mask));
  const names = (of: object): string => Object.keys(of).toSorted().join();
  judge.expect("the names of the metrics", names(metrics) === names(wanted));
  for (const [key, value] of Object.entries(metrics)) {
    const abs = key.includes("fraction") ? SHARE_ROUNDING : 0;
    judge.compare(key, [value], [numberOf(wanted[key])], { abs, scale: 1 });
  }
}

const noTopic = (): string => "";

export const REWARD_KINDS: Readonly<Record<string, Kind>> = {
  advantage: {
    missing(golden) {
      const id = idOf(golden);
      return ADVANTAGE_ESTIMATORS.some((entry) => entry.id === id) ? undefined : `no estimator "${id}"`;
    },
    topic: idOf,
    compare: compareAdvantage,
  },
  masked_stats: { topic: noTopic, compare: compareMoments },
  kl_controller: { topic: noTopic, compare: compareController },
  kl_in_reward: { topic: noTopic, compare: compareKlInReward },
  rollout_correction: { topic: noTopic, compare: compareCorrection },
  filter_groups_recipe: { topic: noTopic, compare: compareSampling },
  filter_groups_v1: { topic: noTopic, compare: compareFilteredGroups },
};
