// sapo_min: the smaller of the plain and the gated surrogate, as a user's guide writes SAPO; linked behind policy_loss.wgsl.
//   r = exp(clip20(logProb - oldLogProb)), t = tau_pos where A > 0, tau_neg elsewhere, f = (4/t) sigma(t (r - 1))
//   loss = -min(r A, f A), dLogProb = -A r or -A f', whichever side is taken, halves of both in a tie
// Entries    (none: functions sequence_term and token_loss for the driver)
// Bindings   0 params uniform (in lib/loss_token: loss_0 tau_pos, loss_1 tau_neg)
// Constants  none
// Dispatch   (that of policy_loss.wgsl)
// Precision  f32
// Links      lib/loss_token
// Reference  sapoMin in src/rl/losses/sapo-min.ts
// Source     Soft Adaptive Policy Optimization, arXiv:2511.20347, for f. Differs: the paper has no min
fn sequence_term(token: LossToken) -> vec4f {
  return vec4f();
}

fn token_loss(token: LossToken, sequence_mean: vec4f) -> TokenLoss {
  let a = token.advantage;
  let x = token.log_prob - token.old_log_prob;
  let r = importance_ratio(x);
  let tau = select(params.loss_1, params.loss_0, a > 0.0);
  let p = logistic(tau * (r - 1.0));
  let plain = r * a;
  let gated = (4.0 / tau) * p.x * a;
  let share = select(select(0.0, 0.5, plain == gated), 1.0, plain < gated);
  let slope = r * f32(abs(x) <= 20.0) * (share + (1.0 - share) * 4.0 * p.y);
  return TokenLoss(-min(plain, gated), -a * slope, 0.0, 0.0, 0.0, -clip20(x));
}
