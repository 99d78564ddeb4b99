// sampling: chooses the next token of every active row from its logits and advances the row's state.
//   z[v] = logits[r,v] / temperature,  w[v] = e^(z[v] - max z) if kept, else 0,  u = uniform(threefry(seed, (key, cached)))
//   token = first v in lane order with sum_{i <= v} w[i] > u * sum w;  temperature 0: argmax, ties to the lowest index
//   logProb = log_softmax(z)[token] over the whole vocabulary, before top-k and top-p; temperature 0: of z = logits
//   kept: z[v] >= the k-th largest (top-k), of these the smallest set of largest with the share p (top-p); ties all stay
// Entries    sample
// Bindings   0 params uniform {first_row: u32, end_row: u32, rows: u32, vocab: u32, step_index: u32, greedy: u32,
//            inv_temperature: f32, top_k: u32, top_p: f32, seed0: u32, seed1: u32}   1 logits read f32[R,V]
//            2 state read_write u32[R,8] (token, position, promptSlot, promptLength, cached, key, active, remaining)
//            3 stop_tokens read u32[8] (unused 0xffffffff)   4 tokens read_write u32[S,R] (inactive rows: 0xffffffff)
//            5 log_probs read_write f32[S,R] (inactive rows: 0)
// Constants  WORKGROUP_SIZE (override)
// Dispatch   one workgroup per row; row = first_row + id.x + id.y * 65535
// Precision  f32, additions in fixed order. Lane order: all v with v % 256 = 0, then 1, ...: neighbours load neighbours, and
//            the workgroup size does not matter. top_k = 0 and top_p = 1 mean off
// Links      lib/threefry
// Reference  sampleReference in src/ops/sampling.ts
// Source     Holtzman et al. 2020, arXiv:1904.09751 (top-p); Fan et al. 2018, arXiv:1805.04833 (top-k). Differs: ties stay
struct Params {
  first_row: u32, end_row: u32, rows: u32, vocab: u32, step_index: u32, greedy: u32, inv_temperature: f32,
  top_k: u32, top_p: f32, seed0: u32, seed1: u32,
}
override WORKGROUP_SIZE: u32 = 256u;
const LANES = 256u;
const GROUP = 16u;
const PASSES = 14u; // floor(d / 5), 14 times, makes 0 of every 32-bit d
const NONE = 0xffffffffu;
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read_write> state: array<u32>;
@group(0) @binding(3) var<storage, read> stop_tokens: array<u32>;
@group(0) @binding(4) var<storage, read_write> tokens: array<u32>;
@group(0) @binding(5) var<storage, read_write> log_probs: array<f32>;

var<workgroup> row_is_active: u32;
var<workgroup> best: array<vec2u, WORKGROUP_SIZE>;
var<workgroup> sampling_partial: array<vec4f, WORKGROUP_SIZE>;
var<workgroup> lane_sums: array<f32, LANES>;

// An integer with the order of the floats, -0 equal to 0.
fn order_key(value: f32) -> u32 {
  let bits = bitcast<u32>(value);
  if ((bits & 0x7fffffffu) == 0u) { return 0x80000000u; }
  return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u);
}

// (key, ~index): the larger is the larger logit, then the lower index.
fn better(a: vec2u, b: vec2u) -> vec2u {
  return select(a, b, b.x > a.x || (b.x == a.x && b.y > a.y));
}

// The largest logit of the row as (key, ~index).
fn row_best(start: u32, index: u32) -> vec2u {
  var mine = vec2u(0u);
  for (var v = index; v < params.vocab; v += WORKGROUP_SIZE) { mine = better(mine, vec2u(order_key(logits[start + v]), ~v)); }
  best[index] = mine;
  workgroupBarrier();
  if (index < GROUP) {
    for (var i = index + GROUP; i < WORKGROUP_SIZE; i += GROUP) { mine = better(mine, best[i]); }
    best[index] = mine;
  }
  workgroupBarrier();
  for (var i = 0u; i < GROUP; i++) { mine = better(mine, best[i]); }
  return mine;
}

// Sum of four numbers of every invocation.
fn sum4(value: vec4f, index: u32) -> vec4f {
  sampling_partial[index] = value;
  workgroupBarrier();
  if (index < GROUP) {
    var sum = value;
    for (var i = index + GROUP; i < WORKGROUP_SIZE; i += GROUP) { sum += sampling_partial[i]; }
    sampling_partial[index] = sum;
  }
  workgroupBarrier();
  var total = sampling_partial[0];
  for (var i = 1u; i < GROUP; i++) { total += sampling_partial[i]; }
  workgroupBarrier();
  return total;
}

fn weight(value: f32, top: f32) -> f32 { return exp((value - top) * params.inv_temperature); }

// The largest key in [low, high] such that the entries at or above it together weigh at least `enough`, where each counts
// 1 or its weight. Known: those above `high` weigh less. Each pass tries four keys and leaves a fifth of the interval.
fn find_threshold(start: u32, top: f32, low: u32, high: u32, enough: f32, counts: bool, index: u32) -> u32 {
  var lower = low;
  var upper = high;
  for (var pass_index = 0u; pass_index < PASSES; pass_index++) {
    let step = (upper - lower) / 5u + 1u;
    let tried = vec4u(lower) + vec4u(1u, 2u, 3u, 4u) * step;
    var sums = vec4f(0.0);
    if (lower < upper) {
      for (var v = index; v < params.vocab; v += WORKGROUP_SIZE) {
        let value = logits[start + v];
        let key = order_key(value);
        // Most entries are below the interval after a pass or two: they cost no exponential.
        if (key >= tried.x) {
          let w = select(weight(value, top), 1.0, counts);
          sums += select(vec4f(0.0), vec4f(w), vec4u(key) >= tried);
        }
      }
    }
    let reached = sum4(sums, index) >= vec4f(enough);
    if (lower < upper) {
      let passed = dot(select(vec4u(0u), vec4u(1u), reached), vec4u(1u));
      if (passed < 4u) { upper = min(upper, lower + (passed + 1u) * step - 1u); }
      lower += passed * step;
    }
  }
  return lower;
}

// Fills lane_sums with the weights at or above `threshold` and returns their total.
fn sum_lanes(start: u32, top: f32, threshold: u32, index: u32) -> f32 {
  var mine = 0.0;
  for (var lane = index; lane < LANES; lane += WORKGROUP_SIZE) {
    var sum = 0.0;
    for (var v = lane; v < params.vocab; v += LANES) {
      let value = logits[start + v];
      if (order_key(value) >= threshold) { sum += weight(value, top); }
    }
    lane_sums[lane] = sum;
    mine += sum;
  }
  return sum4(vec4f(mine), index).x;
}

// A walk along weights until they exceed `rest`. Where rounding carries it past the end, `place` is the last place with
// weight: never one that is masked or absent.
struct Walk { place: u32, rest: f32, inside: f32, is_found: bool }

fn walk(before: Walk, place: u32, amount: f32) -> Walk {
  if (before.is_found || !(amount > 0.0)) { return before; }
  return Walk(place, before.rest - amount, before.rest, before.rest < amount);
}

// The entry where the running sum of the weights at or above `threshold` passes `goal`. It is the largest logit where no
// weight is positive, which takes a NaN.
fn invert(start: u32, top: f32, threshold: u32, goal: f32, top_index: u32) -> u32 {
  var lanes = Walk(top_index % LANES, goal, goal, false);
  for (var lane = 0u; lane < LANES && !lanes.is_found; lane++) { lanes = walk(lanes, lane, lane_sums[lane]); }
  var entries = Walk(top_index, lanes.inside, lanes.inside, false);
  for (var v = lanes.place; v < params.vocab && !entries.is_found; v += LANES) {
    let value = logits[start + v];
    if (order_key(value) >= threshold) { entries = walk(entries, v, weight(value, top)); }
  }
  return entries.place;
}

fn finish(row: u32, token: u32, log_prob: f32) {
  let at = params.step_index * params.rows + row;
  tokens[at] = token;
  log_probs[at] = log_prob;
  if (token == NONE) { return; }
  let base = row * 8u;
  let remaining = max(state[base + 7u], 1u) - 1u;
  var goes_on = remaining > 0u;
  for (var i = 0u; i < 8u; i++) { goes_on = goes_on && stop_tokens[i] != token; }
  state[base] = token;
  state[base + 1u] += 1u;
  state[base + 4u] += 1u;
  state[base + 6u] = select(0u, 1u, goes_on);
  state[base + 7u] = remaining;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn sample(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
  let row = params.first_row + id.x + id.y * 65535u;
  if (row >= params.end_row) { return; }
  if (index == 0u) { row_is_active = state[row * 8u + 6u]; }
  if (workgroupUniformLoad(&row_is_active) == 0u) {
    if (index == 0u) { finish(row, NONE, 0.0); }
    return;
  }
  let start = row * params.vocab;
  let largest = row_best(start, index);
  let top_index = ~largest.y;
  let top = logits[start + top_index];
  let total = sum_lanes(start, top, 0u, index);
  var kept = total;
  var threshold = 0u;
  if (params.top_k > 0u) {
    threshold = find_threshold(start, top, 0u, largest.x, f32(params.top_k), true, index);
    kept = sum_lanes(start, top, threshold, index);
  }
  if (params.top_p < 1.0) {
    threshold = find_threshold(start, top, threshold, largest.x, params.top_p * kept, false, index);
    kept = sum_lanes(start, top, threshold, index);
  }
  if (index != 0u) { return; }
  var token = top_index;
  if (params.greedy == 0u) {
    let bits = threefry(vec2u(params.seed0, params.seed1), vec2u(state[row * 8u + 5u], state[row * 8u + 4u]));
    token = invert(start, top, threshold, threefry_uniform(bits.x) * kept, top_index);
  }
  finish(row, token, (logits[start + token] - top) * params.inv_temperature - log(total));
}
