// GSPO without its division by the length of the response. Reference of shaders/losses/luspo.wgsl.
//   s = exp(mean over the sequence of logProb - oldLogProb)
//   loss = max(-A min(s, delta), -A clamp(s, 1 - clipLow, 1 + clipHigh)), summed over the tokens of a response: its length times GSPO's
// Source: TRL trl/trainer/grpo_trainer.py, loss_type "luspo" with importance_sampling_level "sequence".

import luspoCode from "../../../shaders/losses/luspo.wgsl?raw";
import { sequenceClipped } from "./gspo.ts";
import type { PolicyLoss } from "./policy-loss.ts";
import { checkDelta, CLIP_WINDOW, DELTA, logRatio } from "./ratio.ts";

export const luspo: PolicyLoss<"clipLow" | "clipHigh" | "delta"> = {
  id: "luspo",
  label: "Sequence ratio times length (LUSPO)",
  description: "GSPO with each response weighed by its length, which GSPO divides by.",
  paper: {
    title:
      "Length-Unbiased Sequence Policy Optimization: Revealing and Controlling Response Length Variation in RLVR",
    url: "https://arxiv.org/abs/2602.05261",
  },
  differs:
    "From TRL: the ratio is always that of the sequence. As in TRL no log-ratio is cut. Always added up as seq-mean-token-sum. verl has no such loss.",
  params: [...CLIP_WINDOW, DELTA],
  aggregation: "seq-mean-token-sum",
  wgsl: luspoCode,
  check: checkDelta,
  sequenceTerm: (token) => [logRatio(token)],
  tokenLoss: (token, [mean = 0], params) =>
    sequenceClipped(token, mean, params, { cap: Infinity, delta: params.delta }),
};
