// Golden cases of preference pairs: which responses are paired, the loss of the pairs, and its gradient.

import { preferenceLoss, responseLogProb, tokenSlope } from "../../rl/preference/loss.ts";
import type { PreferencePair, ResponseLogProb } from "../../rl/preference/loss.ts";
import { pairsByReward } from "../../rl/preference/rank.ts";
import type { Kind } from "./algorithms-cases.ts";
import type { GoldenCase } from "./algorithms-golden.ts";
import { matrixOf, numberOf, numbersOf, packed, rowLengths } from "./algorithms-golden.ts";
import type { Judge } from "./algorithms-judge.ts";

const waysOf = ({ params }: GoldenCase): ResponseLogProb =>
  params["sequence_log_prob"] === "mean" ? "mean" : "sum";

/** The file lists pairs by place, not by rank. */
const byPlace = ([a, b]: PreferencePair, [c, d]: PreferencePair): number => a - c || b - d;

function pairsOf({ params, inputs }: GoldenCase): PreferencePair[] {
  const rewards = numbersOf(inputs["rewards"]);
  const names = inputs["index"] as (string | number)[];
  const groups = [...new Set(names)].map((name) => names.flatMap((other, i) => (other === name ? [i] : [])));
  const margin = numberOf(params["margin"]);
  const pairs = groups.flatMap((places) =>
    pairsByReward(
      places,
      places.map((i) => rewards[i]!),
      margin,
    ),
  );
  return pairs.map(([chosen, rejected]): PreferencePair => [chosen, rejected]).sort(byPlace);
}

function comparePreference(golden: GoldenCase, judge: Judge): void {
  const { params, inputs, outputs } = golden;
  const mask = matrixOf(inputs["response_mask"]);
  const by = waysOf(golden);
  const lengths = rowLengths(mask);
  const scores = matrixOf(inputs["log_prob"]).map((row, b) => responseLogProb(packed([row], [mask[b]!]), by));
  const pairs = pairsOf(golden);
  judge.expect("pairs", JSON.stringify(pairs) === JSON.stringify(outputs["pairs"]));
  const { loss, dScore, accuracy, margin } = preferenceLoss({
    scores,
    pairs,
    beta: numberOf(params["beta"]),
    loss: "sigmoid",
    labelSmoothing: 0,
  });
  const metrics = outputs["metrics"] as Record<string, unknown>;
  judge.compare("loss", [loss], [numberOf(outputs["loss"])]);
  const gradients = [...dScore].flatMap((slope, b) =>
    Array.from({ length: lengths[b]! }, () => slope * tokenSlope(lengths[b]!, by)),
  );
  judge.compare("grad", gradients, packed(matrixOf(outputs["grad"]), mask));
  judge.compare("preference_accuracy", [accuracy], [numberOf(metrics["preference_accuracy"])]);
  judge.compare("mean_logp_margin", [margin], [numberOf(metrics["mean_logp_margin"])]);
  judge.compare("num_pairs", [pairs.length], [numberOf(metrics["num_pairs"])], { scale: 1 });
}

export const PREFERENCE_KINDS: Readonly<Record<string, Kind>> = {
  preference: { topic: waysOf, compare: comparePreference },
};
