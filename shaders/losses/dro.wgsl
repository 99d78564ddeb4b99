// dro: the policy gradient with a squared penalty on the log-ratio; linked behind policy_loss.wgsl.
//   x = logProb - oldLogProb, loss = -(A logProb - beta / 2 x^2), dLogProb = -A + beta x
// Entries    (none: functions sequence_term and token_loss for the driver)
// Bindings   0 params uniform (in lib/loss_token: loss_0 beta)
// Constants  none
// Dispatch   (that of policy_loss.wgsl)
// Precision  f32
// Links      lib/loss_token
// Reference  dro in src/rl/losses/dro.ts
// Source     Richemond et al. 2024, arXiv:2405.19107. Differs: advantages in place of a learned value
fn sequence_term(token: LossToken) -> vec4f {
  return vec4f();
}

fn token_loss(token: LossToken, sequence_mean: vec4f) -> TokenLoss {
  let beta = params.loss_0;
  let a = token.advantage;
  let x = token.log_prob - token.old_log_prob;
  return TokenLoss(0.5 * beta * x * x - a * token.log_prob, beta * x - a, 0.0, 0.0, 0.0, -x);
}
