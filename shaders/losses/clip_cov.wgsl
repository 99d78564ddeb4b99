// clip_cov: the clipped surrogate without some tokens of high covariance, chosen at random; linked behind policy_loss.wgsl.
//   r = exp(logProb - oldLogProb), c = 0 where the token is selected, else 1
//   loss = c max(-A r, -A clamp(r, 1 - clip_low, 1 + clip_high)), dLogProb = -c A r where the unclipped side is taken, else 0
//   key = random where the token is not clipped and low < covariance < high, else never
// Entries    (none: functions sequence_term, selection_key and token_loss for the driver)
// Bindings   0 params uniform (in lib/loss_token: loss_0 clip_low, loss_1 clip_high, loss_2 ratio, loss_3 low, loss_4 high)
// Constants  none
// Dispatch   (that of policy_loss.wgsl)
// Precision  f32. The ratio is not cut
// Links      lib/loss_token
// Reference  clipCov in src/rl/losses/clip-cov.ts
// Source     Cui et al. 2025, arXiv:2505.22617. Differs: at most a share of all tokens, as in verl
fn sequence_term(token: LossToken) -> vec4f {
  return vec4f();
}

struct ClipCov {
  plain: f32, clipped: f32, passes: bool,
}

fn clip_cov(token: LossToken) -> ClipCov {
  let low = 1.0 - params.loss_0;
  let high = 1.0 + params.loss_1;
  let a = token.advantage;
  let r = plain_ratio(token.log_prob - token.old_log_prob);
  return ClipCov(-a * r, -a * clamp(r, low, high), select(r <= high, r >= low, a < 0.0));
}

fn selection_key(token: LossToken, covariance: f32, random: f32) -> f32 {
  let surrogate = clip_cov(token);
  let is_within = covariance > params.loss_3 && covariance < params.loss_4;
  return select(NEVER_SELECTED, random, is_within && !(surrogate.clipped > surrogate.plain));
}

fn token_loss(token: LossToken, sequence_mean: vec4f) -> TokenLoss {
  let surrogate = clip_cov(token);
  let is_left_out = token.is_selected != 0.0;
  let is_bad = token.advantage < 0.0;
  return TokenLoss(
    select(max(surrogate.plain, surrogate.clipped), 0.0, is_left_out),
    select(0.0, surrogate.plain, surrogate.passes && !is_left_out),
    f32(is_left_out && is_bad), f32(is_left_out && !is_bad), 0.0,
    token.old_log_prob - token.log_prob,
  );
}
