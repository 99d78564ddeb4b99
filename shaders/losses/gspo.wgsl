// gspo: the clipped surrogate with one ratio for the whole response; linked behind policy_loss.wgsl.
//   s = exp(min(mean over the sequence of logProb - oldLogProb, 10))
//   loss = max(-A s, -A clamp(s, 1 - clip_low, 1 + clip_high))
//   dLogProb = -A s where the unclipped side is taken, 0 elsewhere and where the mean is above 10
// Entries    (none: functions sequence_term and token_loss for the driver)
// Bindings   0 params uniform (in lib/loss_token: loss_0 clip_low, loss_1 clip_high)
// Constants  none
// Dispatch   (that of policy_loss.wgsl)
// Precision  f32
// Links      lib/loss_token
// Reference  gspo in src/rl/losses/gspo.ts
// Source     Zheng et al. 2025, arXiv:2507.18071, GSPO-token. Differs: the mean is cut above at 10, as in verl
fn sequence_term(token: LossToken) -> vec4f {
  return vec4f(token.log_prob - token.old_log_prob, 0.0, 0.0, 0.0);
}

fn token_loss(token: LossToken, sequence_mean: vec4f) -> TokenLoss {
  let low = 1.0 - params.loss_0;
  let high = 1.0 + params.loss_1;
  let a = token.advantage;
  let s = plain_ratio(min(sequence_mean.x, 10.0));
  let plain = -a * s;
  let clipped = -a * clamp(s, low, high);
  let is_bad = a < 0.0;
  let is_clipped = clipped > plain;
  let passes = sequence_mean.x <= 10.0 && select(s <= high, s >= low, is_bad);
  return TokenLoss(
    max(plain, clipped), select(0.0, plain, passes),
    f32(is_clipped && is_bad), f32(is_clipped && !is_bad), 0.0, token.old_log_prob - token.log_prob,
  );
}
