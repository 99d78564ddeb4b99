// geo_mean: the geometric mean of the clipped ratios of a response; linked behind policy_loss.wgsl.
//   x = logProb - oldLogProb, y = min(x, clip_high) where A > 0, max(x, -clip_low) where A < 0, 0 where A = 0
//   R = exp(mean over the sequence of y), w = exp(mean of log(samplerWeight + 1e-10)), loss = -(mean of A) R w
//   dLogProb = loss where y = x and A is not 0, else 0
// Entries    (none: functions sequence_term and token_loss for the driver)
// Bindings   0 params uniform (in lib/loss_token: loss_0 clip_low, loss_1 clip_high)
// Constants  none
// Dispatch   (that of policy_loss.wgsl)
// Precision  f32. The 1e-8 beside the length in verl is below it
// Links      lib/loss_token
// Reference  geoMean in src/rl/losses/geo-mean.ts
// Source     Geometric-Mean Policy Optimization, arXiv:2507.20673. Differs: a weight for the sampler
fn sequence_term(token: LossToken) -> vec4f {
  let a = token.advantage;
  let x = token.log_prob - token.old_log_prob;
  let y = select(select(0.0, max(x, -params.loss_0), a < 0.0), min(x, params.loss_1), a > 0.0);
  let w = token.sampler_weight;
  return vec4f(y, a, select(log(w + 1e-10), 0.0, w == 1.0), 0.0);
}

fn token_loss(token: LossToken, sequence_mean: vec4f) -> TokenLoss {
  let low = -params.loss_0;
  let high = params.loss_1;
  let a = token.advantage;
  let x = token.log_prob - token.old_log_prob;
  let loss = -sequence_mean.y * plain_ratio(sequence_mean.x) * plain_ratio(sequence_mean.z);
  let passes = (a > 0.0 && x <= high) || (a < 0.0 && x >= low);
  let is_outside = x < low || x > high;
  return TokenLoss(
    loss, select(0.0, loss, passes), 0.0, f32(is_outside && a > 0.0), f32(is_outside && a < 0.0), -x,
  );
}
