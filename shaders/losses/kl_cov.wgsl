// kl_cov: the policy gradient with a penalty on moving the tokens of highest covariance; linked behind policy_loss.wgsl.
//   x = logProb - oldLogProb, c = coef where the token is selected, else 0
//   loss = -A exp(x) + c |x|, dLogProb = -A exp(x) + c sign(x)
//   key = -covariance
// Entries    (none: functions sequence_term, selection_key and token_loss for the driver)
// Bindings   0 params uniform (in lib/loss_token: loss_0 ratio, loss_1 coef)
// Constants  none
// Dispatch   (that of policy_loss.wgsl)
// Precision  f32. The ratio is not cut
// Links      lib/loss_token
// Reference  klCov in src/rl/losses/kl-cov.ts
// Source     Cui et al. 2025, arXiv:2505.22617. Differs: |x| for the KL, as in verl
fn sequence_term(token: LossToken) -> vec4f {
  return vec4f();
}

fn selection_key(token: LossToken, covariance: f32, random: f32) -> f32 {
  return -covariance;
}

fn token_loss(token: LossToken, sequence_mean: vec4f) -> TokenLoss {
  let x = token.log_prob - token.old_log_prob;
  let plain = -token.advantage * plain_ratio(x);
  let penalty = params.loss_1 * token.is_selected;
  return TokenLoss(plain + penalty * abs(x), plain + penalty * sign(x), 0.0, 0.0, 0.0, abs(x));
}
