// gpg: the plain policy gradient, blind to the old policy; linked behind policy_loss.wgsl.
//   loss = -A logProb, dLogProb = -A
// Entries    (none: functions sequence_term and token_loss for the driver)
// Bindings   0 params uniform (in lib/loss_token)
// Constants  none
// Dispatch   (that of policy_loss.wgsl)
// Precision  f32
// Links      lib/loss_token
// Reference  gpg in src/rl/losses/gpg.ts
// Source     Chu et al. 2025, arXiv:2504.02546. Differs: none
fn sequence_term(token: LossToken) -> vec4f {
  return vec4f();
}

fn token_loss(token: LossToken, sequence_mean: vec4f) -> TokenLoss {
  let a = token.advantage;
  return TokenLoss(-a * token.log_prob, -a, 0.0, 0.0, 0.0, token.old_log_prob - token.log_prob);
}
