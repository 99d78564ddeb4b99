// dppo_tv: the policy gradient within a trust region of total variation; linked behind policy_loss.wgsl.
//   w = min(exp(clip20(logProb - oldLogProb)), dual_clip), p = exp(logProb), q = exp(oldLogProb)
//   v = 1 where p - q <= clip_high and A > 0, or p - q >= -clip_low and A <= 0, else 0
//   loss = -A w v logProb, dLogProb = -A w v
// Entries    (none: functions sequence_term and token_loss for the driver)
// Bindings   0 params uniform (in lib/loss_token: loss_0 clip_low, loss_1 clip_high, loss_2 dual_clip)
// Constants  none
// Dispatch   (that of policy_loss.wgsl)
// Precision  f32
// Links      lib/loss_token
// Reference  dppoTv in src/rl/losses/dppo-tv.ts
// Source     Rethinking the Trust Region in LLM Reinforcement Learning, arXiv:2602.04879.
//            Differs: the ratio is cut at dual_clip, as in verl
fn sequence_term(token: LossToken) -> vec4f {
  return vec4f();
}

fn token_loss(token: LossToken, sequence_mean: vec4f) -> TokenLoss {
  let dual_clip = params.loss_2;
  let a = token.advantage;
  let x = token.log_prob - token.old_log_prob;
  let r = importance_ratio(x);
  let difference = exp(token.log_prob) - exp(token.old_log_prob);
  let is_valid = select(difference >= -params.loss_0, difference <= params.loss_1, a > 0.0);
  let d = select(0.0, -a * min(r, dual_clip), is_valid);
  return TokenLoss(
    d * token.log_prob, d, f32(!is_valid && a <= 0.0), f32(!is_valid && a > 0.0), f32(is_valid && r > dual_clip), -clip20(x),
  );
}
