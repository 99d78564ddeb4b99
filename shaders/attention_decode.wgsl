// attention_decode: one query per row over the keys of its prompt, then over its own cached keys.
//   out[r,h] = sum_t softmax_t(scale * q[r,h] . k[t]) * v[t],
//   t over promptCache[promptSlot, 0..promptLength) then rowCache[r, 0..cached], the current token included
//   One workgroup serves GROUP_HEADS query heads that share a key-value head: each thread scores a key for all of them,
//   then holds four channels of them and adds up the values of every so many keys.
// Entries    decode
// Bindings   0 params uniform {first: u32, items: u32, heads: u32, kv_heads: u32, head_quads: u32, max_prompt: u32,
//            max_new: u32, scale: f32}
//            1 qkv read vec4[R,(H+2K)*D/4]   2 state read vec4u[R,2] (token, position, promptSlot, promptLength, cached,
//            key, active, remaining)   3 prompt_cache read vec4[slots,maxPrompt,2K*D/4]
//            4 row_cache read vec4[R,maxNew,2K*D/4]   5 out read_write vec4[R,H*D/4]
// Constants  WORKGROUP_SIZE (override, at most 128)   GROUP_HEADS (const, at most 8, divides H/K)
// Dispatch   one workgroup per (row, GROUP_HEADS heads); item = first + id.x + id.y * 65535, below items
// Precision  f32. Blocks of WORKGROUP_SIZE keys from the start of either cache and a fixed order of additions: the
//            bits of a row do not depend on slots or on other rows. out assigns (=); inactive rows are left alone
// Links      none
// Reference  attentionDecodeReference in src/ops/attention-decode.ts
// Source     Dao et al. 2022, arXiv:2205.14135, alg. 1. Differs: one query, two caches
struct Params {
  first: u32, items: u32, heads: u32, kv_heads: u32, head_quads: u32, max_prompt: u32, max_new: u32, scale: f32,
}
override WORKGROUP_SIZE: u32 = 128u;
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> qkv: array<vec4f>;
@group(0) @binding(2) var<storage, read> state: array<vec4u>;
@group(0) @binding(3) var<storage, read> prompt_cache: array<vec4f>;
@group(0) @binding(4) var<storage, read> row_cache: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> out: array<vec4f>;

const LOG2_E = 1.4426950408889634;
var<workgroup> decode_q: array<vec4f, GROUP_HEADS * 32u>;
// Scores, then weights, of the block: [GROUP_HEADS][WORKGROUP_SIZE].
var<workgroup> decode_weights: array<f32, GROUP_HEADS * WORKGROUP_SIZE>;
// Partial maxima, at the end sums, eight a head.
var<workgroup> decode_partial: array<f32, GROUP_HEADS * 8u>;
var<workgroup> decode_values: array<vec4f, WORKGROUP_SIZE>;

// One value a head that this thread serves: scores of its key, or its channels of the output.
alias PerHead = array<f32, GROUP_HEADS>;
alias ValuesPerHead = array<vec4f, GROUP_HEADS>;

fn prompt_scores(at: u32) -> PerHead {
  var s: PerHead;
  for (var d = 0u; d < params.head_quads; d++) {
    let k = prompt_cache[at + d];
    for (var g = 0u; g < GROUP_HEADS; g++) { s[g] += dot(decode_q[g * params.head_quads + d], k); }
  }
  return s;
}

fn row_scores(at: u32) -> PerHead {
  var s: PerHead;
  for (var d = 0u; d < params.head_quads; d++) {
    let k = row_cache[at + d];
    for (var g = 0u; g < GROUP_HEADS; g++) { s[g] += dot(decode_q[g * params.head_quads + d], k); }
  }
  return s;
}

// Adds weight * value of keys lane, lane + step, .. below count.
fn add_prompt_values(values: ptr<function, ValuesPerHead>, at: u32, width: u32, lane: u32, step: u32, count: u32) {
  for (var k = lane; k < count; k += step) {
    let v = prompt_cache[at + k * width];
    for (var g = 0u; g < GROUP_HEADS; g++) { (*values)[g] += decode_weights[g * WORKGROUP_SIZE + k] * v; }
  }
}

fn add_row_values(values: ptr<function, ValuesPerHead>, at: u32, width: u32, lane: u32, step: u32, count: u32) {
  for (var k = lane; k < count; k += step) {
    let v = row_cache[at + k * width];
    for (var g = 0u; g < GROUP_HEADS; g++) { (*values)[g] += decode_weights[g * WORKGROUP_SIZE + k] * v; }
  }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn decode(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
  let item = params.first + id.x + id.y * 65535u;
  if (item >= params.items) { return; }
  let chunks = params.heads / GROUP_HEADS;
  let row = item / chunks;
  let source = state[2u * row];
  let progress = state[2u * row + 1u];
  if (progress.z == 0u) { return; }
  let quads = params.head_quads;
  let head = (item % chunks) * GROUP_HEADS;
  let kv_at = (head * params.kv_heads / params.heads) * quads;
  let width = 2u * params.kv_heads * quads;
  for (var i = index; i < GROUP_HEADS * quads; i += WORKGROUP_SIZE) {
    decode_q[i] = qkv[row * (params.heads * quads + width) + head * quads + i] * (params.scale * LOG2_E);
  }
  workgroupBarrier();
  // Summing values: thread = (lane, quad); threads beyond the last whole lane rest.
  let lanes = WORKGROUP_SIZE / quads;
  let lane = index / quads;
  let quad = index % quads;
  var peak: PerHead;
  var sum: PerHead;
  var values: ValuesPerHead;
  for (var g = 0u; g < GROUP_HEADS; g++) { peak[g] = -1e30; }
  for (var part = 0u; part < 2u; part++) {
    let keys = select(min(progress.x + 1u, params.max_new), source.w, part == 0u);
    let cache_at = select(row * params.max_new, source.z * params.max_prompt, part == 0u) * width + kv_at;
    for (var j = 0u; j < keys; j += WORKGROUP_SIZE) {
      let k_at = cache_at + min(j + index, keys - 1u) * width;
      var s: PerHead;
      if (part == 0u) { s = prompt_scores(k_at); } else { s = row_scores(k_at); }
      for (var g = 0u; g < GROUP_HEADS; g++) {
        s[g] = select(-1e30, s[g], j + index < keys);
        decode_weights[g * WORKGROUP_SIZE + index] = s[g];
      }
      workgroupBarrier();
      for (var i = index; i < GROUP_HEADS * 8u; i += WORKGROUP_SIZE) {
        var largest = -1e30;
        for (var n = i % 8u; n < WORKGROUP_SIZE; n += 8u) {
          largest = max(largest, decode_weights[(i / 8u) * WORKGROUP_SIZE + n]);
        }
        decode_partial[i] = largest;
      }
      workgroupBarrier();
      for (var g = 0u; g < GROUP_HEADS; g++) {
        // A block holds at least one key, so the peak is a real score from the first block on.
        let before = peak[g];
        for (var i = 0u; i < 8u; i++) { peak[g] = max(peak[g], decode_partial[g * 8u + i]); }
        let shrink = exp2(before - peak[g]);
        let weight = exp2(s[g] - peak[g]);
        decode_weights[g * WORKGROUP_SIZE + index] = weight;
        sum[g] = sum[g] * shrink + weight;
        values[g] *= shrink;
      }
      workgroupBarrier();
      if (lane < lanes) {
        let v_at = cache_at + j * width + params.kv_heads * quads + quad;
        let count = min(WORKGROUP_SIZE, keys - j);
        if (part == 0u) {
          add_prompt_values(&values, v_at, width, lane, lanes, count);
        } else {
          add_row_values(&values, v_at, width, lane, lanes, count);
        }
      }
      workgroupBarrier();
    }
  }
  for (var g = 0u; g < GROUP_HEADS; g++) { decode_weights[g * WORKGROUP_SIZE + index] = sum[g]; }
  workgroupBarrier();
  for (var i = index; i < GROUP_HEADS * 8u; i += WORKGROUP_SIZE) {
    var total = 0.0;
    for (var n = i % 8u; n < WORKGROUP_SIZE; n += 8u) { total += decode_weights[(i / 8u) * WORKGROUP_SIZE + n]; }
    decode_partial[i] = total;
  }
  for (var g = 0u; g < GROUP_HEADS; g++) {
    decode_values[index] = values[g];
    workgroupBarrier();
    if (index < quads) {
      var value = vec4f();
      for (var l = 0u; l < lanes; l++) { value += decode_values[l * quads + index]; }
      var total = 0.0;
      for (var i = 0u; i < 8u; i++) { total += decode_partial[g * 8u + i]; }
      out[(row * params.heads + head + g) * quads + index] = value / total;
    }
    workgroupBarrier();
  }
}
