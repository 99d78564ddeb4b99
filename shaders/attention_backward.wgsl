// attention_backward: gradients of packed causal attention with respect to queries, keys and values.
//   p[i,j] = exp(s[i,j] - lse[i]),  delta[i] = dout[i] . out[i],  ds[i,j] = p[i,j] * (dout[i] . v[j] - delta[i]) * scale
//   dq[i] = sum_j ds[i,j] * k[j],  dk[j] = sum_i ds[i,j] * q[i],  dv[j] = sum_i p[i,j] * dout[i]
//   query_backward holds 32 queries and walks their keys; key_backward holds 32 keys of a key-value head and walks the
//   queries [tile start, visibleEnd) of each of its heads. Both recompute p in blocks of 32, 4 x 4 a thread.
// Entries    delta_forward, query_backward, key_backward
// Bindings   0 params uniform {first: u32, items: u32, heads: u32, kv_heads: u32, head_quads: u32, scale: f32}
//            1 qkv read vec4[N,(H+2K)*D/4]   2 tiles read vec4u[T,2] (as in attention)   3 out read vec4[N,H*D/4]
//            4 lse read f32[N,H]   5 dout read vec4[N,H*D/4]   6 delta read_write f32[N,H]
//            7 dqkv read_write vec4[N,(H+2K)*D/4]
// Constants  THREAD_QUADS = ceil(D / 32) (const): groups of four channels that one thread accumulates
// Dispatch   item = first + id.x + id.y * 65535, below items. query_backward: one workgroup of 64 per (tile, head);
//            key_backward: per (tile, key-value head). delta_forward: one invocation per (token, head), 64 a workgroup
// Precision  f32. Fixed order of additions, no atomics; blocks are counted from the segment as in attention.
//            delta and dqkv assign (=)
// Links      none
// Reference  attentionBackwardReference in src/ops/attention-backward.ts
// Source     Dao et al. 2022, arXiv:2205.14135, alg. 4. Differs: dq apart from dk and dv, so that no atomics are needed
struct Params { first: u32, items: u32, heads: u32, kv_heads: u32, head_quads: u32, scale: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> qkv: array<vec4f>;
@group(0) @binding(2) var<storage, read> tiles: array<vec4u>;
@group(0) @binding(3) var<storage, read> out: array<vec4f>;
@group(0) @binding(4) var<storage, read> lse: array<f32>;
@group(0) @binding(5) var<storage, read> dout: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> delta: array<f32>;
@group(0) @binding(7) var<storage, read_write> dqkv: array<vec4f>;

const LOG2_E = 1.4426950408889634;
const BLOCK = 32u;
// 33, not 32: four neighbouring rows of a block then lie in different banks.
const PITCH = 33u;
const FOUR = vec4u(0u, 1u, 2u, 3u);
// p and ds of the block: [8 rows of four held tokens][32 walked tokens].
var<workgroup> attention_weights: array<vec4f, 8u * PITCH>;
var<workgroup> attention_slopes: array<vec4f, 8u * PITCH>;

// Dot products over the head of four rows of qkv at `a` (components) with four at `b` (columns).
fn qkv_products(a: vec4u, b: vec4u) -> mat4x4f {
  var s = mat4x4f();
  for (var d = 0u; d < params.head_quads; d++) {
    let x = mat4x4f(qkv[a.x + d], qkv[a.y + d], qkv[a.z + d], qkv[a.w + d]);
    s[0] += qkv[b.x + d] * x;
    s[1] += qkv[b.y + d] * x;
    s[2] += qkv[b.z + d] * x;
    s[3] += qkv[b.w + d] * x;
  }
  return s;
}

// Dot products of four rows of dout at `a` (components) with four rows of qkv at `b` (columns).
fn dout_products(a: vec4u, b: vec4u) -> mat4x4f {
  var s = mat4x4f();
  for (var d = 0u; d < params.head_quads; d++) {
    let x = mat4x4f(dout[a.x + d], dout[a.y + d], dout[a.z + d], dout[a.w + d]);
    s[0] += qkv[b.x + d] * x;
    s[1] += qkv[b.y + d] * x;
    s[2] += qkv[b.z + d] * x;
    s[3] += qkv[b.w + d] * x;
  }
  return s;
}

// p of products `s`: never above 1, and 0 where not seen, whatever the product there.
fn probability(s: vec4f, row_lse: vec4f, seen: vec4<bool>) -> vec4f {
  return select(vec4f(), exp2(min((s * params.scale - row_lse) * LOG2_E, vec4f())), seen);
}

// The four products x * w.x .. x * w.w as columns.
fn outer(x: vec4f, w: vec4f) -> mat4x4f {
  return mat4x4f(x * w.x, x * w.y, x * w.z, x * w.w);
}

@compute @workgroup_size(64)
fn delta_forward(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
  let item = params.first + (id.x + id.y * 65535u) * 64u + index;
  if (item >= params.items) { return; }
  var sum = vec4f();
  for (var d = 0u; d < params.head_quads; d++) {
    sum += out[item * params.head_quads + d] * dout[item * params.head_quads + d];
  }
  delta[item] = (sum.x + sum.y) + (sum.z + sum.w);
}

@compute @workgroup_size(64)
fn query_backward(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
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
  let at = query * params.heads + head;
  let row_lse = vec4f(lse[at.x], lse[at.y], lse[at.z], lse[at.w]);
  let row_delta = vec4f(delta[at.x], delta[at.y], delta[at.z], delta[at.w]);
  var dq: array<mat4x4f, THREAD_QUADS>;
  for (var part = 0u; part < 2u; part++) {
    let start = select(segment_start, tile.z, part == 0u);
    let end = select(last + 1u, tile.w, part == 0u);
    for (var j = start; j < end; j += BLOCK) {
      let key = vec4u(j + column) + 8u * FOUR;
      let key_at = min(key, vec4u(end - 1u)) * stride;
      let s = qkv_products(q_at, key_at + k_head);
      let dp = dout_products(at * params.head_quads, key_at + v_head);
      let visible = min(query, vec4u(end - 1u));
      for (var b = 0u; b < 4u; b++) {
        let p = probability(s[b], row_lse, vec4u(key[b]) <= visible);
        attention_slopes[row * PITCH + column + 8u * b] = p * (dp[b] - row_delta) * params.scale;
      }
      workgroupBarrier();
      // Two keys a round; past the end stands a copy of the last key with weight zero.
      for (var k = j; k < min(j + BLOCK, end); k += 2u) {
        let w = attention_slopes[row * PITCH + k - j];
        let x = attention_slopes[row * PITCH + k - j + 1u];
        let k_at = k * stride + k_head + column;
        let u_at = min(k + 1u, end - 1u) * stride + k_head + column;
        for (var c = 0u; c < THREAD_QUADS; c++) {
          dq[c] += outer(qkv[k_at + 8u * c], w) + outer(qkv[u_at + 8u * c], x);
        }
      }
      workgroupBarrier();
    }
  }
  for (var a = 0u; a < 4u; a++) {
    if (4u * row + a >= tile.y) { continue; }
    for (var c = 0u; c < THREAD_QUADS; c++) {
      let quad = column + 8u * c;
      if (quad < params.head_quads) { dqkv[q_at[a] + quad] = dq[c][a]; }
    }
  }
}

@compute @workgroup_size(64)
fn key_backward(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
  let item = params.first + id.x + id.y * 65535u;
  if (item >= params.items) { return; }
  let kv_head = item % params.kv_heads;
  let tile = tiles[2u * (item / params.kv_heads)];
  let end = tiles[2u * (item / params.kv_heads) + 1u].y;
  let row = index / 8u;
  let column = index % 8u;
  let stride = (params.heads + 2u * params.kv_heads) * params.head_quads;
  // Rows past the end of the tile repeat its last one and are not stored.
  let key = min(vec4u(tile.x + 4u * row) + FOUR, vec4u(tile.x + tile.y - 1u));
  let k_at = key * stride + (params.heads + kv_head) * params.head_quads;
  let v_at = k_at + params.kv_heads * params.head_quads;
  let group = params.heads / params.kv_heads;
  var dk: array<mat4x4f, THREAD_QUADS>;
  var dv: array<mat4x4f, THREAD_QUADS>;
  for (var head = kv_head * group; head < (kv_head + 1u) * group; head++) {
    for (var i = tile.x; i < end; i += BLOCK) {
      let query = vec4u(i + column) + 8u * FOUR;
      let held = min(query, vec4u(end - 1u));
      let at = held * params.heads + head;
      let s = qkv_products(k_at, held * stride + head * params.head_quads);
      let dp = transpose(dout_products(at * params.head_quads, v_at));
      for (var b = 0u; b < 4u; b++) {
        let seen = (key <= vec4u(query[b])) & vec4<bool>(query[b] < end);
        let p = probability(s[b], vec4f(lse[at[b]]), seen);
        attention_weights[row * PITCH + column + 8u * b] = p;
        attention_slopes[row * PITCH + column + 8u * b] = p * (dp[b] - delta[at[b]]) * params.scale;
      }
      workgroupBarrier();
      // Two queries a round; past the end stands a copy of the last query with weight zero.
      for (var q = i; q < min(i + BLOCK, end); q += 2u) {
        let w = row * PITCH + q - i;
        let u = min(q + 1u, end - 1u);
        let q_at = vec2u(q, u) * stride + head * params.head_quads + column;
        let dout_at = (vec2u(q, u) * params.heads + head) * params.head_quads + column;
        for (var c = 0u; c < THREAD_QUADS; c++) {
          dv[c] += outer(dout[dout_at.x + 8u * c], attention_weights[w]) +
            outer(dout[dout_at.y + 8u * c], attention_weights[w + 1u]);
          dk[c] += outer(qkv[q_at.x + 8u * c], attention_slopes[w]) +
            outer(qkv[q_at.y + 8u * c], attention_slopes[w + 1u]);
        }
      }
      workgroupBarrier();
    }
  }
  for (var a = 0u; a < 4u; a++) {
    if (4u * row + a >= tile.y) { continue; }
    for (var c = 0u; c < THREAD_QUADS; c++) {
      let quad = column + 8u * c;
      if (quad < params.head_quads) {
        dqkv[k_at[a] + quad] = dk[c][a];
        dqkv[v_at[a] + quad] = dv[c][a];
      }
    }
  }
}
