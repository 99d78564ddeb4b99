// policy_loss: what every policy loss is put into: weights, KL and entropy terms, gradients and counts of response tokens.
//   L = sum_r weight (sampler_weight loss) + penalty_weight (kl_coef kl - entropy_coef entropy)
//   loss = token_loss(token, mean over its sequence of sequence_term(token)), both from a file of shaders/losses/
// Entries    sequence_terms, token_losses, add_stats
// Bindings   0 params uniform (in lib/loss_token)   1 inputs read vec4f[R,2] (old_log_prob, advantage, sampler_weight, weight
//            with sampler_weight in it; penalty_weight, index of the sequence, its length without masked tokens or 0 if this one
//            is masked, is_selected)   2 log_prob read f32[R]
//            3 entropy read f32[R]   4 ref_log_prob read f32[R]   5 starts read u32[S+1] (first token of each sequence)
//            6 sequence_means read_write vec4f[S]   7 d_log_prob read_write f32[R]   8 d_entropy read_write f32[R]
//            9 token_stats read_write f32[R,16]   10 stats read_write f32[16] (LOSS_STATS in src/rl/losses/stats.ts)
// Constants  WORKGROUP_SIZE (override). KL_TYPE of lib/kl_penalty
// Dispatch   sequence_terms: one workgroup per sequence first .. end - 1. token_losses: one invocation per token first .. end - 1.
//            add_stats: one workgroup per slot, over tokens first .. end - 1. By id.x + id.y * 65535
// Precision  f32, additions in fixed order. Gradients are assigned, stats are added to. A token that is not finite gets a
//            gradient that is not finite either, so that the optimiser leaves the step out
// Links      lib/loss_token, lib/kl_penalty, lib/reduce_* (and one of shaders/losses/)
// Reference  objectiveReference in src/rl/losses/reference.ts
// Source     verl, ppo_loss of verl/workers/utils/losses.py. Differs: sums with whole-batch weights instead of means
override WORKGROUP_SIZE: u32 = 256u;
const SLOTS = 16u;
const RATIO_DEVIATION = 15u;
@group(0) @binding(1) var<storage, read> inputs: array<vec4f>;
@group(0) @binding(2) var<storage, read> log_prob: array<f32>;
@group(0) @binding(3) var<storage, read> entropy: array<f32>;
@group(0) @binding(4) var<storage, read> ref_log_prob: array<f32>;
@group(0) @binding(5) var<storage, read> starts: array<u32>;
@group(0) @binding(6) var<storage, read_write> sequence_means: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> d_log_prob: array<f32>;
@group(0) @binding(8) var<storage, read_write> d_entropy: array<f32>;
@group(0) @binding(9) var<storage, read_write> token_stats: array<f32>;
@group(0) @binding(10) var<storage, read_write> stats: array<f32>;

fn load_token(r: u32) -> LossToken {
  return loss_token(log_prob[r], inputs[2u * r], inputs[2u * r + 1u]);
}

// weight * value, and 0 for the weight 0 whatever the value is.
fn weighed(weight: f32, value: f32) -> f32 {
  return select(weight * value, 0.0, weight == 0.0);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn sequence_terms(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
  let sequence = params.first + id.x + id.y * 65535u;
  if (sequence >= params.end) { return; }
  let start = starts[sequence];
  let end = starts[sequence + 1u];
  var sum = vec4f();
  var count = 0.0;
  for (var r = start + index; r < end; r += WORKGROUP_SIZE) {
    let token = load_token(r);
    if (token.length > 0.0) {
      sum += sequence_term(token);
      count += 1.0;
    }
  }
  let total = vec4f(
    workgroup_sum(sum.x, index), workgroup_sum(sum.y, index), workgroup_sum(sum.z, index), workgroup_sum(sum.w, index),
  );
  let counted = workgroup_sum(count, index);
  if (index == 0u) { sequence_means[sequence] = total / max(counted, 1.0); }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn token_losses(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
  let r = params.first + (id.x + id.y * 65535u) * WORKGROUP_SIZE + index;
  if (r >= params.end) { return; }
  let token = load_token(r);
  let is_on = token.length > 0.0;
  let weight = select(0.0, inputs[2u * r].w, is_on);
  let other = inputs[2u * r + 1u];
  let penalty_weight = other.x;
  let term = token_loss(token, sequence_means[u32(other.y)]);
  let reference = select(ref_log_prob[r], 0.0, KL_TYPE == 0u);
  let kl = kl_penalty(token.log_prob, reference);
  let h = entropy[r];
  let loss = weighed(weight, term.loss);
  let d = weighed(weight, term.d_log_prob) + weighed(params.kl_coef * penalty_weight, kl.y);
  let weighed_kl = weighed(penalty_weight, kl.x);
  let weighed_entropy = weighed(penalty_weight, h);
  // What goes in is checked too: a clamp may turn a NaN into a number.
  let given = vec4f(token.log_prob, token.old_log_prob, token.advantage, reference);
  let made = vec4f(loss, d, weighed_entropy, weighed_kl);
  let is_finite = (is_finite4(given) || !is_on) && is_finite4(made);
  let ruin = dot(given, vec4f(1.0)) + dot(made, vec4f(1.0));
  d_log_prob[r] = select(ruin, d, is_finite);
  d_entropy[r] = -params.entropy_coef * penalty_weight;

  let x = clip20(token.log_prob - token.old_log_prob);
  let ratio = importance_ratio(x);
  let slot = SLOTS * r;
  token_stats[slot] = loss;
  token_stats[slot + 1u] = weighed_kl;
  token_stats[slot + 2u] = weighed_entropy;
  if (!is_on) {
    for (var i = 3u; i < SLOTS; i++) { token_stats[slot + i] = 0.0; }
    return;
  }
  token_stats[slot + 3u] = 1.0;
  token_stats[slot + 4u] = h;
  token_stats[slot + 5u] = kl.x;
  token_stats[slot + 6u] = term.ppo_kl;
  token_stats[slot + 7u] = ratio - 1.0 - x;
  token_stats[slot + 8u] = term.clipped_low;
  token_stats[slot + 9u] = term.clipped_high;
  token_stats[slot + 10u] = term.clipped_dual;
  token_stats[slot + 11u] = ratio;
  token_stats[slot + 12u] = weight;
  token_stats[slot + 13u] = token.sampler_weight;
  token_stats[slot + 14u] = f32(!is_finite);
  token_stats[slot + RATIO_DEVIATION] = abs(ratio - 1.0);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn add_stats(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
  let slot = id.x;
  var sum = 0.0;
  var largest = 0.0;
  for (var r = params.first + index; r < params.end; r += WORKGROUP_SIZE) {
    let value = token_stats[SLOTS * r + slot];
    sum += value;
    largest = max(largest, value);
  }
  let total = workgroup_sum(sum, index);
  largest = workgroup_max(largest, index);
  if (index != 0u) { return; }
  stats[slot] = select(stats[slot] + total, max(stats[slot], largest), slot == RATIO_DEVIATION);
}
