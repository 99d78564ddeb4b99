// cispo_by_sign: CISPO as a user's guide writes it, with a window for each sign of the advantage; linked behind policy_loss.wgsl.
//   e = clip_low where A > 0, clip_high elsewhere, w = clamp(exp(clip20(logProb - oldLogProb)), 1 - e, 1 + e)
//   loss = -w A logProb, dLogProb = -w A
// Entries    (none: functions sequence_term and token_loss for the driver)
// Bindings   0 params uniform (in lib/loss_token: loss_0 clip_low, loss_1 clip_high)
// Constants  none
// Dispatch   (that of policy_loss.wgsl)
// Precision  f32
// Links      lib/loss_token
// Reference  cispoBySign in src/rl/losses/cispo-by-sign.ts
// Source     MiniMax 2025, arXiv:2506.13585. Differs: the paper has one window for both signs
fn sequence_term(token: LossToken) -> vec4f {
  return vec4f();
}

fn token_loss(token: LossToken, sequence_mean: vec4f) -> TokenLoss {
  let a = token.advantage;
  let x = token.log_prob - token.old_log_prob;
  let r = importance_ratio(x);
  let width = select(params.loss_1, params.loss_0, a > 0.0);
  let d = -clamp(r, 1.0 - width, 1.0 + width) * a;
  return TokenLoss(d * token.log_prob, d, f32(r < 1.0 - width), f32(r > 1.0 + width), 0.0, -clip20(x));
}
