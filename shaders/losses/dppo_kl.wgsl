// dppo_kl: the policy gradient within a trust region of KL, of this token against all others; linked behind policy_loss.wgsl.
//   w = min(exp(clip20(logProb - oldLogProb)), dual_clip), p = exp(logProb), q = exp(oldLogProb)
//   d = q log(q / p) + (1 - q) log((1 - q + 1e-8) / (1 - p + 1e-8))
//   v = 1 where d <= clip_high or p <= q and A > 0, or d <= clip_low or p >= q and A <= 0, else 0
//   loss = -A w v logProb, dLogProb = -A w v
// Entries    (none: functions sequence_term and token_loss for the driver)
// Bindings   0 params uniform (in lib/loss_token: loss_0 clip_low, loss_1 clip_high, loss_2 dual_clip)
// Constants  none
// Dispatch   (that of policy_loss.wgsl)
// Precision  f32
// Links      lib/loss_token
// Reference  dppoKl in src/rl/losses/dppo-kl.ts
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
  let p = exp(token.log_prob);
  let q = exp(token.old_log_prob);
  // Rounding may put a probability above 1.
  let others = max(1.0 - p, 0.0);
  let old_others = max(1.0 - q, 0.0);
  let divergence = -q * x + old_others * log((old_others + 1e-8) / (others + 1e-8));
  let may_grow = divergence <= params.loss_1 || p <= q;
  let may_shrink = divergence <= params.loss_0 || p >= q;
  let is_valid = select(may_shrink, may_grow, a > 0.0);
  let d = select(0.0, -a * min(r, dual_clip), is_valid);
  return TokenLoss(
    d * token.log_prob, d, f32(!is_valid && a <= 0.0), f32(!is_valid && a > 0.0), f32(is_valid && r > dual_clip), -clip20(x),
  );
}
