// The policy gradient with a squared penalty on the log-ratio. Reference of shaders/losses/dro.wgsl.
//   x = logProb - oldLogProb, loss = -(A logProb - beta / 2 x^2), dLogProb = -A + beta x
// Source: verl verl/trainer/ppo/core_algos.py, compute_policy_loss_dro.

import droCode from "../../../shaders/losses/dro.wgsl?raw";
import { UserError } from "../../common/errors.ts";
import type { PolicyLoss } from "./policy-loss.ts";
import { logRatio, NOT_CLIPPED } from "./ratio.ts";

export const dro: PolicyLoss<"beta"> = {
  id: "dro",
  label: "Squared penalty (DRO)",
  description: "No clip: a spring pulls every token back to its old probability, with the strength beta.",
  paper: {
    title: "Offline Regularised Reinforcement Learning for Large Language Models Alignment",
    url: "https://arxiv.org/abs/2405.19107",
  },
  differs:
    "The paper learns a value to compare rewards with; verl, which names no source, puts advantages there, and so does this.",
  params: [{ name: "beta", key: "actor_rollout_ref.actor.policy_loss.dro_beta" }],
  wgsl: droCode,
  check({ beta }) {
    if (beta > 0) return;
    throw new UserError(
      `DRO's beta (dro_beta) is ${beta}: nothing would hold the policy. Set it above 0, such as 0.1.`,
    );
  },
  tokenLoss(token, _, { beta }) {
    const { advantage, logProb } = token;
    const x = logRatio(token);
    return {
      loss: (beta / 2) * x * x - advantage * logProb,
      dLogProb: beta * x - advantage,
      ...NOT_CLIPPED,
      ppoKl: -x,
    };
  },
};
