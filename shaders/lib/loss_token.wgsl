// What the loss driver and every policy loss share: the params, what a loss sees of a token and what it says about it.
// loss_0 .. loss_7 are the settings of the loss, in the order of its `params` in src/rl/losses/<id>.ts.
// Functions  clip20, importance_ratio, plain_ratio, held_ratio, logistic, is_finite4, loss_token
struct Params {
  first: u32, end: u32, old_is_current: u32, select_count: u32, kl_coef: f32, entropy_coef: f32,
  loss_0: f32, loss_1: f32, loss_2: f32, loss_3: f32, loss_4: f32, loss_5: f32, loss_6: f32, loss_7: f32,
}
@group(0) @binding(0) var<uniform> params: Params;

// A selection_key that no token is selected with.
const NEVER_SELECTED = 0x1.fffffep+127f;

// sampler_weight is for losses that put it in themselves; for the others it is part of the weight. length: tokens of its
// sequence without masked ones, and 0 where the token is masked itself. is_selected: 1 when the loss has a selection_key and token_selection.wgsl took this token, else 0.
struct LossToken {
  log_prob: f32, old_log_prob: f32, advantage: f32, sampler_weight: f32, length: f32, is_selected: f32,
}

// Before any weight. clipped_*: 0 or 1. ppo_kl: what verl averages into actor/ppo_kl.
struct TokenLoss {
  loss: f32, d_log_prob: f32, clipped_low: f32, clipped_high: f32, clipped_dual: f32, ppo_kl: f32,
}

// Its derivative is 1 where |x| <= 20, else 0.
fn clip20(x: f32) -> f32 {
  return clamp(x, -20.0, 20.0);
}

// exp(clip20(x)), and 1 to the bit where the policy has not changed: exp may be off by some last bits even at 0.
fn importance_ratio(x: f32) -> f32 {
  return select(exp(clip20(x)), 1.0, x == 0.0);
}

// The same without the cut: infinite where the float is too small for it.
fn plain_ratio(x: f32) -> f32 {
  return select(exp(x), 1.0, x == 0.0);
}

// The ratio held to delta, where that is above 0, and 1 if its gradient passes, else 0.
fn held_ratio(ratio: f32, delta: f32) -> vec2f {
  return select(vec2f(ratio, 1.0), vec2f(min(ratio, delta), f32(ratio <= delta)), delta > 0.0);
}

// sigma(z), and sigma(z) (1 - sigma(z)) without the loss of digits near 0 and 1.
fn logistic(z: f32) -> vec2f {
  let e = exp(-abs(z));
  let p = 1.0 / (1.0 + e);
  return vec2f(select(e * p, p, z >= 0.0), e * p * p);
}

// A token from its log_prob and the two vectors that the driver has of it.
fn loss_token(log_prob: f32, a: vec4f, b: vec4f) -> LossToken {
  return LossToken(log_prob, select(a.x, log_prob, params.old_is_current != 0u), a.y, a.z, b.z, b.w);
}

// Bits are compared because a compiler may assume that no float is NaN or infinite.
fn is_finite4(v: vec4f) -> bool {
  let exponents = bitcast<vec4u>(v) & vec4u(0x7f800000u);
  return all(exponents != vec4u(0x7f800000u));
}
