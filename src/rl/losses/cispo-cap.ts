// CISPO with an upper bound alone, given as it is and not as a distance from 1. Reference of shaders/losses/cispo_cap.wgsl.
//   w = min(exp(clamp(logProb - oldLogProb, -20, 20)), cap), loss = -w A logProb, dLogProb = -w A
// Source: TRL trl/trainer/grpo_trainer.py, loss_type "cispo".

import cispoCapCode from "../../../shaders/losses/cispo_cap.wgsl?raw";
import { UserError } from "../../common/errors.ts";
import { weightClipped } from "./cispo.ts";
import type { PolicyLoss } from "./policy-loss.ts";

export const cispoCap: PolicyLoss<"cap"> = {
  id: "cispo_cap",
  label: "Capped weight (CISPO in TRL)",
  description: "The importance weight of a token is at most the cap; ScaleRL has 5.",
  paper: {
    title: "The Art of Scaling Reinforcement Learning Compute for LLMs",
    url: "https://arxiv.org/abs/2510.13786",
  },
  differs:
    "TRL's form of CISPO (arXiv:2506.13585): its epsilon_high is the cap itself, and there is no lower bound. The log-ratio is cut to -20 .. 20.",
  params: [{ name: "cap", key: "gradus.cispo_cap" }],
  wgsl: cispoCapCode,
  check({ cap }) {
    if (cap > 0) return;
    throw new UserError(
      `The cap of the importance weight (gradus.cispo_cap) is ${cap}: no token would count. Set it above 0; 5 is usual.`,
    );
  },
  tokenLoss: (token, _, { cap }) => weightClipped(token, -Infinity, cap),
};
