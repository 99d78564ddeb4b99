// luspo: GSPO without its division by the length of the response; linked behind policy_loss.wgsl.
//   s = exp(mean over the sequence of logProb - oldLogProb), loss = max(-A s, -A clamp(s, 1 - clip_low, 1 + clip_high))
//   dLogProb = -A s where the unclipped side is taken, 0 elsewhere
// Entries    (none: functions sequence_term and token_loss for the driver)
// Bindings   0 params uniform (in lib/loss_token: loss_0 clip_low, loss_1 clip_high, loss_2 delta: held_ratio of
//            lib/loss_token)
// Constants  none
// Dispatch   (that of policy_loss.wgsl)
// Precision  f32. The factor length is in the weights: seq-mean-token-sum
// Links      lib/loss_token
// Reference  luspo in src/rl/losses/luspo.ts
// Source     Liu et al. 2026, arXiv:2602.05261. Differs: none
fn sequence_term(token: LossToken) -> vec4f {
  return vec4f(token.log_prob - token.old_log_prob, 0.0, 0.0, 0.0);
}

fn token_loss(token: LossToken, sequence_mean: vec4f) -> TokenLoss {
  let low = 1.0 - params.loss_0;
  let high = 1.0 + params.loss_1;
  let a = token.advantage;
  let s = plain_ratio(sequence_mean.x);
  let held = held_ratio(s, params.loss_2);
  let plain = -a * held.x;
  let clipped = -a * clamp(s, low, high);
  let is_bad = a < 0.0;
  let is_clipped = clipped > plain;
  return TokenLoss(
    max(plain, clipped), select(0.0, plain, select(s <= high, s >= low, is_bad) && held.y > 0.0),
    f32(is_clipped && is_bad), f32(is_clipped && !is_bad), 0.0, token.old_log_prob - token.log_prob,
  );
}
