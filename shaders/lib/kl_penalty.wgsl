// Estimators of the KL divergence from the reference at one token, (value, derivative with respect to log_prob).
// KL_TYPE: 0 none, 1 k1, 2 abs, 3 k2, 4 k3; 5 to 8 the same values with the derivative of k2 (verl's "+").
// Reference klPenalty in src/rl/losses/kl.ts.
// Functions  kl_penalty
override KL_TYPE: u32 = 0u;

fn kl_penalty(log_prob: f32, ref_log_prob: f32) -> vec2f {
  let d = log_prob - ref_log_prob;
  var kl = vec2f();
  switch (KL_TYPE) {
    case 1u, 5u: { kl = vec2f(d, 1.0); }
    case 2u, 6u: { kl = vec2f(abs(d), sign(d)); }
    case 3u, 7u: { kl = vec2f(0.5 * d * d, d); }
    case 4u, 8u: { kl = kl_low_variance(d); }
    default: { return kl; }
  }
  return vec2f(kl.x, select(kl.y, d, KL_TYPE > 4u));
}

// e^k - k - 1 with k = clamp(-d, -20, 20), cut to 10, where the derivative ends.
fn kl_low_variance(d: f32) -> vec2f {
  let k = clamp(-d, -20.0, 20.0);
  let value = exp(k) - k - 1.0;
  return vec2f(min(value, 10.0), select(0.0, 1.0 - exp(k), abs(d) <= 20.0 && value <= 10.0));
}
