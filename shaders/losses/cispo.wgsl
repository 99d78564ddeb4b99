// cispo: the policy gradient with a clipped importance weight that no gradient goes through; linked behind policy_loss.wgsl.
//   r = exp(clip20(logProb - oldLogProb)), w = clamp(r, 1 - clip_low, 1 + clip_high)
//   loss = -w A logProb, dLogProb = -w A: no token loses its gradient
// Entries    (none: functions sequence_term and token_loss for the driver)
// Bindings   0 params uniform (in lib/loss_token: loss_0 clip_low, loss_1 clip_high)
// Constants  none
// Dispatch   (that of policy_loss.wgsl)
// Precision  f32
// Links      lib/loss_token
// Reference  cispo in src/rl/losses/cispo.ts
// Source     MiniMax 2025, arXiv:2506.13585, eq. 4. Differs: the log-ratio is cut, as in verl
fn sequence_term(token: LossToken) -> vec4f {
  return vec4f();
}

fn token_loss(token: LossToken, sequence_mean: vec4f) -> TokenLoss {
  let low = 1.0 - params.loss_0;
  let high = 1.0 + params.loss_1;
  let x = token.log_prob - token.old_log_prob;
  let r = importance_ratio(x);
  let d = -clamp(r, low, high) * token.advantage;
  return TokenLoss(d * token.log_prob, d, f32(r < low), f32(r > high), 0.0, -clip20(x));
}
