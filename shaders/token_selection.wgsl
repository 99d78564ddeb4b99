// token_selection: marks those tokens of a micro-batch that a policy loss treats differently, before policy_loss.wgsl runs.
//   key[r] = selection_key(token, (A - mean A) (logProb - mean logProb), random[r]), with means over the micro-batch
//   without its masked tokens, whose key is NEVER_SELECTED
//   is_selected[r] = 1 for the select_count smallest keys, the first of equals, unless the key is NEVER_SELECTED; else 0
// Entries    selection_keys, select_tokens
// Bindings   0 params uniform (in lib/loss_token)   1 inputs read_write vec4f[R,2] (as in policy_loss; the last number of a
//            token is random[r] before select_tokens and is_selected[r] after)   2 log_prob read f32[R]
//            3 keys read_write f32[R]
// Constants  WORKGROUP_SIZE (override)
// Dispatch   selection_keys: one workgroup. select_tokens: one invocation per token. Both over tokens 0 .. end - 1;
//            by id.x + id.y * 65535
// Precision  f32, additions in fixed order. Assigns. select_tokens counts the smaller keys of each token: R * R comparisons
// Links      lib/loss_token, lib/reduce_* (and one of shaders/losses/ with a selection_key)
// Reference  selectedTokens in src/rl/losses/selection.ts
// Source     verl verl/trainer/ppo/core_algos.py, compute_policy_loss_clip_cov and _kl_cov. Differs: random numbers come in
override WORKGROUP_SIZE: u32 = 256u;
@group(0) @binding(1) var<storage, read_write> inputs: array<vec4f>;
@group(0) @binding(2) var<storage, read> log_prob: array<f32>;
@group(0) @binding(3) var<storage, read_write> keys: array<f32>;

fn load_token(r: u32) -> LossToken {
  return loss_token(log_prob[r], inputs[2u * r], inputs[2u * r + 1u]);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn selection_keys(@builtin(local_invocation_index) index: u32) {
  var advantages = 0.0;
  var log_probs = 0.0;
  var tokens = 0.0;
  for (var r = index; r < params.end; r += WORKGROUP_SIZE) {
    let token = load_token(r);
    if (token.length > 0.0) {
      advantages += token.advantage;
      log_probs += token.log_prob;
      tokens += 1.0;
    }
  }
  let count = max(workgroup_sum(tokens, index), 1.0);
  let mean_advantage = workgroup_sum(advantages, index) / count;
  let mean_log_prob = workgroup_sum(log_probs, index) / count;
  for (var r = index; r < params.end; r += WORKGROUP_SIZE) {
    let token = load_token(r);
    let covariance = (token.advantage - mean_advantage) * (token.log_prob - mean_log_prob);
    let key = selection_key(token, covariance, inputs[2u * r + 1u].w);
    keys[r] = select(NEVER_SELECTED, key, token.length > 0.0);
  }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn select_tokens(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
  let r = (id.x + id.y * 65535u) * WORKGROUP_SIZE + index;
  if (r >= params.end) { return; }
  let key = keys[r];
  var rank = 0u;
  for (var i = 0u; i < params.end; i++) {
    let other = keys[i];
    rank += u32(other < key || (other == key && i < r));
  }
  inputs[2u * r + 1u].w = f32(key < NEVER_SELECTED && rank < params.select_count);
}
