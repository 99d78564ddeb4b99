// CISPO as a user's guide writes it, with a window of its own for good and for bad responses. Reference of
// shaders/losses/cispo_by_sign.wgsl.
//   e = clipLow where A > 0, clipHigh elsewhere, w = clamp(exp(clamp(logProb - oldLogProb, -20, 20)), 1 - e, 1 + e)
//   loss = -w A logProb, dLogProb = -w A
// Source: the guide's "A > 0: clip(r, 1 - 10, 1 + 10), A < 0: clip(r, 1 - 0.2, 1 + 0.2)", which leaves logProb out.

import cispoBySignCode from "../../../shaders/losses/cispo_by_sign.wgsl?raw";
import { weightClipped } from "./cispo.ts";
import type { PolicyLoss } from "./policy-loss.ts";
import { CLIP_WINDOW } from "./ratio.ts";

export const cispoBySign: PolicyLoss<"clipLow" | "clipHigh"> = {
  id: "cispo_by_sign",
  label: "Clipped weight, window by sign (CISPO variant)",
  description:
    "CISPO as a user's guide states it, not as the paper does: prefer cispo. Good responses take clip low as the width of their window on both sides, bad ones clip high.",
  paper: {
    title: "MiniMax-M1: Scaling Test-Time Compute Efficiently with Lightning Attention",
    url: "https://arxiv.org/abs/2506.13585",
  },
  differs:
    "The paper has one window for both signs, with clip low below 1 and clip high above. With clip low 10 the guide lets the weight of a good token grow to 11, the paper to 1 + clip high. Neither verl nor TRL has this loss.",
  params: CLIP_WINDOW,
  wgsl: cispoBySignCode,
  tokenLoss(token, _, { clipLow, clipHigh }) {
    const width = token.advantage > 0 ? clipLow : clipHigh;
    return weightClipped(token, 1 - width, 1 + width);
  },
};
