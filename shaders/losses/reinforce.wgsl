// reinforce: the policy gradient, weighed for the sampler alone; linked behind policy_loss.wgsl.
//   loss = -A w logProb, dLogProb = -A w, with w = samplerWeight, which is part of the weight
// Entries    (none: functions sequence_term and token_loss for the driver)
// Bindings   0 params uniform (in lib/loss_token)
// Constants  none
// Dispatch   (that of policy_loss.wgsl)
// Precision  f32
// Links      lib/loss_token
// Reference  reinforce in src/rl/losses/reinforce.ts
// Source     Williams 1992, doi:10.1007/BF00992696. Differs: a weight for the sampler
fn sequence_term(token: LossToken) -> vec4f {
  return vec4f();
}

fn token_loss(token: LossToken, sequence_mean: vec4f) -> TokenLoss {
  let a = token.advantage;
  return TokenLoss(-a * token.log_prob, -a, 0.0, 0.0, 0.0, token.old_log_prob - token.log_prob);
}
