// vanilla: the clipped surrogate of PPO, GRPO and DAPO with the dual clip; linked behind policy_loss.wgsl.
//   r = exp(clip20(logProb - oldLogProb)), u = max(-A r, -A clamp(r, 1 - clip_low, 1 + clip_high))
//   loss = u where A >= 0, min(u, -A dual_clip) where A < 0
//   dLogProb = -A r where the unclipped side is taken, halved where r == dual_clip, 0 elsewhere and where |x| > 20
// Entries    (none: functions sequence_term and token_loss for the driver)
// Bindings   0 params uniform (in lib/loss_token: loss_0 clip_low, loss_1 clip_high, loss_2 dual_clip,
//            loss_3 delta: held_ratio of lib/loss_token)
// Constants  none
// Dispatch   (that of policy_loss.wgsl)
// Precision  f32. clamp passes the gradient at its bounds, as in torch
// Links      lib/loss_token
// Reference  vanilla in src/rl/losses/vanilla.ts
// Source     Schulman 2017, arXiv:1707.06347, eq. 7. Differs: two bounds (arXiv:2503.14476), dual clip (arXiv:1912.09729)
fn sequence_term(token: LossToken) -> vec4f {
  return vec4f();
}

fn token_loss(token: LossToken, sequence_mean: vec4f) -> TokenLoss {
  let low = 1.0 - params.loss_0;
  let high = 1.0 + params.loss_1;
  let dual_clip = params.loss_2;
  let a = token.advantage;
  let x = token.log_prob - token.old_log_prob;
  let r = importance_ratio(x);
  let held = held_ratio(r, params.loss_3);
  let plain = -a * held.x;
  let clipped = -a * clamp(r, low, high);
  let worse = max(plain, clipped);
  let bound = -a * dual_clip;
  let is_bad = a < 0.0;
  let is_clipped = clipped > plain;
  let dual = select(select(0.0, 0.5, r == dual_clip), 1.0, r < dual_clip);
  let passes = held.y * select(f32(r <= high), f32(r >= low) * dual, is_bad) * f32(abs(x) <= 20.0);
  return TokenLoss(
    select(worse, min(worse, bound), is_bad), plain * passes,
    f32(is_clipped && is_bad), f32(is_clipped && !is_bad), f32(is_bad && worse > bound), -clip20(x),
  );
}
