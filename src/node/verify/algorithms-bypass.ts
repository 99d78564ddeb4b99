// Golden cases of verl's bypass_mode: the sampler is the old policy, and weights and rejection come from the policy as it is.
// The mask goes to the driver as it does in training, so that what is rejected is left out there and not here.

import type { JsonObject } from "../../formats/json.ts";
import { readCorrection } from "../../rl/rollout-correction-settings.ts";
import type { CorrectionSettings, RolloutCorrection } from "../../rl/rollout-correction.ts";
import { correctRollouts } from "../../rl/rollout-correction.ts";
import { aggregationMode } from "../../rl/losses/aggregate.ts";
import type { GoldenCase } from "./algorithms-golden.ts";
import { matrixOf, packed, rowsOf } from "./algorithms-golden.ts";
import type { Judge } from "./algorithms-judge.ts";
import type { LossCase } from "./algorithms-loss.ts";
import { goldenWeights, lossCaseOf } from "./algorithms-loss.ts";

export const isBypass = ({ params }: GoldenCase): boolean => params["loss_mode"] === "bypass_mode";

/** Settings of a golden case, under the keys that verl has. */
export const correctionOfCase = (params: JsonObject): CorrectionSettings =>
  readCorrection({
    rollout_is: params["rollout_is"] as string | null,
    rollout_is_threshold: (params["rollout_is_threshold"] ?? null) as string | number | null,
    rollout_is_batch_normalize: params["rollout_is_batch_normalize"] === true,
    rollout_rs: params["rollout_rs"] as string | null,
    rollout_rs_threshold: params["rollout_rs_threshold"] as string | number | null,
  }) ?? { rejection: [] };

const settingsOf = ({ params }: GoldenCase): JsonObject => params["rollout_correction"] as JsonObject;

function correct(golden: GoldenCase): RolloutCorrection {
  const mask = matrixOf(golden.inputs["response_mask"]);
  return correctRollouts({
    oldLogProb: rowsOf(golden.inputs["log_prob"], mask),
    samplerLogProb: rowsOf(golden.inputs["old_log_prob"], mask),
    settings: correctionOfCase(settingsOf(golden)),
  });
}

/** A case of kind policy_loss and loss bypass_mode as the engine would see it. */
export function bypassCaseOf(golden: GoldenCase): LossCase {
  const { params, inputs } = golden;
  const isReinforce = settingsOf(golden)["loss_type"] === "reinforce";
  const { responseMask, weights } = correct(golden);
  const mask = matrixOf(inputs["response_mask"]);
  // Back into verl's matrix: what is rejected is 0 there, too.
  const left = mask.map((row, b) => {
    const kept = [...responseMask[b]!];
    return row.map((on) => (on === 1 ? kept.shift()! : 0));
  });
  const ofLeft = goldenWeights(aggregationMode(String(params["loss_agg_mode"])), left, {});
  const weight = packed(left, mask).map((on) => (on === 1 ? ofLeft.shift()! : 0));
  const loss = isReinforce ? "reinforce" : "vanilla";
  const plain = lossCaseOf({ ...golden, params: { ...params, loss_mode: loss } });
  return {
    ...plain,
    batch: {
      ...plain.batch,
      weight,
      mask: packed(left, mask),
      ...(isReinforce && weights && { samplerWeight: weights.flatMap((row) => [...row]) }),
    },
  };
}

/** verl's rollout_corr/* metrics of the case. */
export function compareBypassMetrics(golden: GoldenCase, judge: Judge): void {
  const wanted = golden.outputs["metrics"] as Record<string, number>;
  const { metrics } = correct(golden);
  const named = Object.keys(wanted).filter((key) => key.startsWith("rollout_corr/"));
  judge.expect(
    "the names of the metrics",
    Object.keys(metrics).toSorted().join() === named.toSorted().join(),
  );
  for (const key of named) judge.compare(key, [metrics[key]!], [wanted[key]!], { scale: 1, abs: 1e-7 });
}
