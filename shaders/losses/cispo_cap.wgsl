// cispo_cap: CISPO with an upper bound alone, given as it is and not as a distance from 1; linked behind policy_loss.wgsl.
//   w = min(exp(clip20(logProb - oldLogProb)), cap)
//   loss = -w A logProb, dLogProb = -w A
// Entries    (none: functions sequence_term and token_loss for the driver)
// Bindings   0 params uniform (in lib/loss_token: loss_0 cap)
// Constants  none
// Dispatch   (that of policy_loss.wgsl)
// Precision  f32
// Links      lib/loss_token
// Reference  cispoCap in src/rl/losses/cispo-cap.ts
// Source     Khatri et al. 2025, arXiv:2510.13786, and TRL. Differs: the log-ratio is cut
fn sequence_term(token: LossToken) -> vec4f {
  return vec4f();
}

fn token_loss(token: LossToken, sequence_mean: vec4f) -> TokenLoss {
  let cap = params.loss_0;
  let x = token.log_prob - token.old_log_prob;
  let r = importance_ratio(x);
  let d = -min(r, cap) * token.advantage;
  return TokenLoss(d * token.log_prob, d, 0.0, f32(r > cap), 0.0, -clip20(x));
}
