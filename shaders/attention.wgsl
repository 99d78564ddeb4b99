// attention: causal softmax attention over packed sequences that may share a prompt, with grouped key-value heads.
//   s[i,j] = scale * q[i] . k[j]  for keys j in [promptStart, promptEnd) and [segmentStart, i]
//   out[i] = sum_j exp(s[i,j] - lse[i]) * v[j],  lse[i] = log sum_j exp(s[i,j])
//   One workgroup holds 32 queries of one head and walks their keys in blocks of 32: scores in registers (4 x 4 a
//   thread), running maximum and sum, weights through workgroup memory, then the weighted sum of values.
// Entries    forward
// Bindings   0 params uniform {first: u32, items: u32, heads: u32, kv_heads: u32, head_quads: u32, scale: f32}
//            1 qkv read vec4[N,(H+2K)*D/4]   2 tiles read vec4u[T,2] (start, count, promptStart, promptEnd,
//            segmentStart, visibleEnd, 0, 0)   3 out read_write vec4[N,H*D/4]   4 lse read_write f32[N,H]
// Constants  THREAD_QUADS = ceil(D / 32) (const): groups of four channels that one thread accumulates
// Dispatch   one workgroup of 64 per (tile, head); item = first + id.x + id.y * 65535, below items
// Precision  f32. Blocks are counted from promptStart and segmentStart, and a block's surplus keys are masked copies
//            of its last one, so a token's bits do not depend on its place in the batch. out, lse assign (=)
// Links      none
// Reference  attentionReference in src/ops/attention.ts
// Source     Dao et al. 2022, arXiv:2205.14135, alg. 1. Differs: segments in place of one sequence
struct Params { first: u32, items: u32, heads: u32, kv_heads: u32, head_quads: u32, scale: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> qkv: array<vec4f>;
@group(0) @binding(2) var<storage, read> tiles: array<vec4u>;
@group(0) @binding(3) var<storage, read_write> out: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> lse: array<f32>;

const LOG2_E = 1.4426950408889634;
const BLOCK = 32u;
// 33, not 32: four neighbouring rows of a block then lie in different banks.
const PITCH = 33u;
const FOUR = vec4u(0u, 1u, 2u, 3u);
// exp2(score - peak) of the block: [8 rows of four queries][32 keys].
var<workgroup> attention_weights: array<vec4f, 8u * PITCH>;
var<workgroup> attention_partial: array<vec4f, 64>;

struct Rows {
  peak: vec4f,
  // Of this thread's own keys only; added up over the eight columns at the end.
  sum: vec4f,
  values: array<mat4x4f, THREAD_QUADS>,
}

// Scores in base 2 of four queries (components) and four keys (columns), not masked.
fn block_scores(q_at: vec4u, k_at: vec4u) -> mat4x4f {
  var s = mat4x4f();
  for (var d = 0u; d < params.head_quads; d++) {
    let q = mat4x4f(qkv[q_at.x + d], qkv[q_at.y + d], qkv[q_at.z + d], qkv[q_at.w + d]);
    s[0] += qkv[k_at.x + d] * q;
    s[1] += qkv[k_at.y + d] * q;
    s[2] += qkv[k_at.z + d] * q;
    s[3] += qkv[k_at.w + d] * q;
  }
  return s * (params.scale * LOG2_E);
}

// Writes the block's weights and rescales what was summed before to the new peak.
// The first block of a row always has a visible key, so the peak is a real score from then on.
fn block_softmax(rows: ptr<function, Rows>, scores: mat4x4f, row: u32, column: u32) {
  var s = scores;
  attention_partial[column * 8u + row] = max(max(s[0], s[1]), max(s[2], s[3]));
  workgroupBarrier();
  var peak = (*rows).peak;
  for (var c = 0u; c < 8u; c++) { peak = max(peak, attention_partial[c * 8u + row]); }
  let shrink = exp2((*rows).peak - peak);
  var sum = (*rows).sum * shrink;
  for (var b = 0u; b < 4u; b++) {
    let weight = exp2(s[b] - peak);
    attention_weights[row * PITCH + column + 8u * b] = weight;
    sum += weight;
  }
  (*rows).peak = peak;
  (*rows).sum = sum;
  for (var c = 0u; c < THREAD_QUADS; c++) {
    let old = (*rows).values[c];
    (*rows).values[c] = mat4x4f(old[0] * shrink.x, old[1] * shrink.y, old[2] * shrink.z, old[3] * shrink.w);
  }
  workgroupBarrier();
}

@compute @workgroup_size(64)
fn forward(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
  let item = params.first + id.x + id.y * 65535u;
  if (item >= params.items) { return; }
  let head = item % params.heads;
  let tile = tiles[2u * (item / params.heads)];
  let segment_start = tiles[2u * (item / params.heads) + 1u].x;
  let row = index / 8u;
  let column = index % 8u;
  let stride = (params.heads + 2u * params.kv_heads) * params.head_quads;
  let k_head = (params.heads + head * params.kv_heads / params.heads) * params.head_quads;
  let v_head = k_head + params.kv_heads * params.head_quads;
  let last = tile.x + tile.y - 1u;
  // Rows past the end of the tile repeat its last one and are not stored.
  let query = min(vec4u(tile.x + 4u * row) + FOUR, vec4u(last));
  let q_at = query * stride + head * params.head_quads;
  var rows: Rows;
  rows.peak = vec4f(-1e30);
  for (var part = 0u; part < 2u; part++) {
    let start = select(segment_start, tile.z, part == 0u);
    let end = select(last + 1u, tile.w, part == 0u);
    for (var j = start; j < end; j += BLOCK) {
      let key = vec4u(j + column) + 8u * FOUR;
      var s = block_scores(q_at, min(key, vec4u(end - 1u)) * stride + k_head);
      let visible = min(query, vec4u(end - 1u));
      for (var b = 0u; b < 4u; b++) { s[b] = select(vec4f(-1e30), s[b], vec4u(key[b]) <= visible); }
      block_softmax(&rows, s, row, column);
      // Two keys a round; past the end stands a copy of the last key with weight zero.
      for (var k = j; k < min(j + BLOCK, end); k += 2u) {
        let w = attention_weights[row * PITCH + k - j];
        let x = attention_weights[row * PITCH + k - j + 1u];
        let v_at = k * stride + v_head + column;
        let u_at = min(k + 1u, end - 1u) * stride + v_head + column;
        for (var c = 0u; c < THREAD_QUADS; c++) {
          let v = qkv[v_at + 8u * c];
          let u = qkv[u_at + 8u * c];
          rows.values[c] += mat4x4f(v * w.x + u * x.x, v * w.y + u * x.y, v * w.z + u * x.z, v * w.w + u * x.w);
        }
      }
    }
  }
  attention_partial[column * 8u + row] = rows.sum;
  workgroupBarrier();
  var total = vec4f();
  for (var c = 0u; c < 8u; c++) { total += attention_partial[c * 8u + row]; }
  for (var a = 0u; a < 4u; a++) {
    if (4u * row + a >= tile.y) { continue; }
    let to = (query[a] * params.heads + head) * params.head_quads;
    for (var c = 0u; c < THREAD_QUADS; c++) {
      let quad = column + 8u * c;
      if (quad < params.head_quads) { out[to + quad] = rows.values[c][a] / total[a]; }
    }
    if (column == 0u) { lse[query[a] * params.heads + head] = (rows.peak[a] + log2(total[a])) / LOG2_E; }
  }
}
