// sapo: a smooth gate in place of the clip; linked behind policy_loss.wgsl.
//   r = exp(clip20(logProb - oldLogProb)), t = tau_pos where A > 0, tau_neg elsewhere, p = sigma(t (r - 1))
//   loss = -A (4/t) p, dLogProb = -A 4 p (1 - p) r, 0 where |logProb - oldLogProb| > 20
// Entries    (none: functions sequence_term and token_loss for the driver)
// Bindings   0 params uniform (in lib/loss_token: loss_0 tau_pos, loss_1 tau_neg)
// Constants  none
// Dispatch   (that of policy_loss.wgsl)
// Precision  f32. p (1 - p) keeps its digits where p is near 1
// Links      lib/loss_token
// Reference  sapo in src/rl/losses/sapo.ts
// Source     Soft Adaptive Policy Optimization, arXiv:2511.20347. Differs: the log-ratio is cut, as in verl
fn sequence_term(token: LossToken) -> vec4f {
  return vec4f();
}

fn token_loss(token: LossToken, sequence_mean: vec4f) -> TokenLoss {
  let a = token.advantage;
  let x = token.log_prob - token.old_log_prob;
  let r = importance_ratio(x);
  let tau = select(params.loss_1, params.loss_0, a > 0.0);
  let p = logistic(tau * (r - 1.0));
  return TokenLoss(-a * (4.0 / tau) * p.x, -a * 4.0 * p.y * r * f32(abs(x) <= 20.0), 0.0, 0.0, 0.0, -clip20(x));
}
