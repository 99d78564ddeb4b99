// vespo: the policy gradient with a smooth weight of the ratio of the whole response; linked behind policy_loss.wgsl.
//   y = clamp(sum over the sequence of clip20(logProb - oldLogProb) + log samplerWeight, log 1e-8, 20)
//   k, l = k_pos, lambda_pos where A >= 0, k_neg, lambda_neg elsewhere, w = exp(l + k y - l exp(y))
//   loss = -w A logProb, dLogProb = -w A
// Entries    (none: functions sequence_term and token_loss for the driver)
// Bindings   0 params uniform (in lib/loss_token: loss_0 k_pos, loss_1 lambda_pos, loss_2 k_neg, loss_3 lambda_neg)
// Constants  none
// Dispatch   (that of policy_loss.wgsl)
// Precision  f32. The sum is the mean times the length
// Links      lib/loss_token
// Reference  vespo in src/rl/losses/vespo.ts
// Source     Shen et al. 2026, arXiv:2602.10693, and TRL. Differs: none
const VESPO_LOWEST = -18.420681;

fn sequence_term(token: LossToken) -> vec4f {
  let sampler = clamp(log(max(token.sampler_weight, 1e-8)), VESPO_LOWEST, 20.0);
  return vec4f(clip20(token.log_prob - token.old_log_prob) + sampler, 0.0, 0.0, 0.0);
}

fn token_loss(token: LossToken, sequence_mean: vec4f) -> TokenLoss {
  let a = token.advantage;
  let y = clamp(sequence_mean.x * token.length, VESPO_LOWEST, 20.0);
  let k = select(params.loss_2, params.loss_0, a >= 0.0);
  let lambda = select(params.loss_3, params.loss_1, a >= 0.0);
  // 1 to the bit where the policy has not changed.
  let d = -a * plain_ratio(k * y - lambda * (plain_ratio(y) - 1.0));
  return TokenLoss(d * token.log_prob, d, 0.0, 0.0, 0.0, token.old_log_prob - token.log_prob);
}
