// value_loss: how far a critic's values are from the returns, and the gradient; clipped around what it said before the update.
//   L = sum_r weight * max((v - return)^2, (clamp(v, old - clip, old + clip) - return)^2) / 2
// Entries    token_losses, add_stats
// Bindings   0 params uniform {first, end: u32, clip: f32}   1 inputs read vec4f[R] (old value, return, weight, 1 if it counts)
//            2 values read f32[R]   3 d_value read_write f32[R]   4 token_stats read_write f32[R,5]
//            5 stats read_write f32[5] (VALUE_STATS in src/rl/critic/value-loss.ts)
// Constants  WORKGROUP_SIZE (override)
// Dispatch   token_losses: one invocation per token first .. end - 1. add_stats: one workgroup per slot, over those tokens
// Precision  f32, additions in fixed order. d_value is assigned, stats are added to. A token that is not finite gets a gradient
//            that is not finite either, so that the optimiser leaves the step out
// Links      lib/reduce_*
// Reference  valueLossReference in src/rl/critic/value-loss.ts
// Source     verl verl/trainer/ppo/core_algos.py, compute_value_loss. Differs: sums with whole-batch weights instead of means
struct Params { first: u32, end: u32, clip: f32 }
override WORKGROUP_SIZE: u32 = 256u;
const SLOTS = 5u;
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> inputs: array<vec4f>;
@group(0) @binding(2) var<storage, read> values: array<f32>;
@group(0) @binding(3) var<storage, read_write> d_value: array<f32>;
@group(0) @binding(4) var<storage, read_write> token_stats: array<f32>;
@group(0) @binding(5) var<storage, read_write> stats: array<f32>;

// Bits are compared because a compiler may assume that no float is NaN or infinite.
fn is_finite4(v: vec4f) -> bool {
  let exponents = bitcast<vec4u>(v) & vec4u(0x7f800000u);
  return all(exponents != vec4u(0x7f800000u));
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn token_losses(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
  let r = params.first + (id.x + id.y * 65535u) * WORKGROUP_SIZE + index;
  if (r >= params.end) { return; }
  let v = values[r];
  let given = inputs[r];
  let weight = given.z;
  let low = given.x - params.clip;
  let high = given.x + params.clip;
  let error = v - given.y;
  let clipped_error = clamp(v, low, high) - given.y;
  let square = error * error;
  let clipped_square = clipped_error * clipped_error;
  // A clamp passes its gradient at the bounds; of two equal squares each has half a say.
  let clipped_slope = select(0.0, clipped_error, v >= low && v <= high);
  let shared_slope = 0.5 * (error + clipped_slope);
  let slope = select(select(shared_slope, clipped_slope, clipped_square > square), error, square > clipped_square);
  let loss = 0.5 * weight * max(square, clipped_square);
  // What goes in is checked too: a clamp may turn a NaN into a number.
  let made = vec4f(v, loss, weight * slope, 0.0);
  let is_finite = is_finite4(given) && is_finite4(made);
  d_value[r] = select(dot(given, vec4f(1.0)) + dot(made, vec4f(1.0)), weight * slope, is_finite);
  let slot = SLOTS * r;
  token_stats[slot] = loss;
  token_stats[slot + 1u] = given.w;
  token_stats[slot + 2u] = given.w * f32(clipped_square > square);
  token_stats[slot + 3u] = given.w * v;
  token_stats[slot + 4u] = f32(!is_finite);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn add_stats(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
  var sum = 0.0;
  for (var r = params.first + index; r < params.end; r += WORKGROUP_SIZE) { sum += token_stats[SLOTS * r + id.x]; }
  let total = workgroup_sum(sum, index);
  if (index == 0u) { stats[id.x] += total; }
}
