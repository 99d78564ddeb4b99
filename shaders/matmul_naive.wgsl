// matmul_naive: matrix product, one thread per output; the explanation of the other variants and their fallback.
//   c[m,n] (+)= alpha * sum_k op(A)[m,k] * op(B)[k,n] + bias[n]
//   nt: A[m,k], B[n,k] (forward, B = W)   nn: A[m,k], B[k,n] (dX)   tn: A[k,m], B[k,n] (dW)
// Entries    nt, nn, tn
// Bindings   0 params uniform {m, n, k, lda, ldb, ldc, a_offset, b_offset, c_offset: u32, alpha: f32, accumulate,
//            has_bias, tile_offset: u32}   1 a read f32   2 weight read elem   3 bias read f32[n]
//            4 c read_write f32[m,n]
// Constants  none; workgroups of 8 x 8 threads
// Dispatch   x: ceil(n / 8) column tiles; y: row tiles of 8 from tile_offset
// Precision  a f32, weight elem, sums f32, added in the order of k. Any sizes, strides and offsets
// Links      lib/weight_*
// Reference  matmulReference in src/ops/matmul.ts
// Source     the definition of the product. Differs: none
struct Params {
  m: u32, n: u32, k: u32, lda: u32, ldb: u32, ldc: u32, a_offset: u32, b_offset: u32, c_offset: u32,
  alpha: f32, accumulate: u32, has_bias: u32, tile_offset: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> c: array<f32>;

/// Sum over k of a[a_at + k * a_step] * weight[b_at + k * b_step].
fn dot_steps(a_at: u32, a_step: u32, b_at: u32, b_step: u32) -> f32 {
  var sum = 0.0;
  for (var k = 0u; k < params.k; k++) {
    sum += a[params.a_offset + a_at + k * a_step] * weight_load(params.b_offset + b_at + k * b_step);
  }
  return sum;
}

fn store(row: u32, column: u32, sum: f32) {
  let at = params.c_offset + row * params.ldc + column;
  var value = params.alpha * sum;
  if (params.has_bias != 0u) { value += bias[column]; }
  if (params.accumulate != 0u) { value += c[at]; }
  c[at] = value;
}

@compute @workgroup_size(8, 8)
fn nt(@builtin(global_invocation_id) id: vec3u) {
  let row = id.y + 8u * params.tile_offset;
  if (row >= params.m || id.x >= params.n) { return; }
  store(row, id.x, dot_steps(row * params.lda, 1u, id.x * params.ldb, 1u));
}

@compute @workgroup_size(8, 8)
fn nn(@builtin(global_invocation_id) id: vec3u) {
  let row = id.y + 8u * params.tile_offset;
  if (row >= params.m || id.x >= params.n) { return; }
  store(row, id.x, dot_steps(row * params.lda, 1u, id.x, params.ldb));
}

@compute @workgroup_size(8, 8)
fn tn(@builtin(global_invocation_id) id: vec3u) {
  let row = id.y + 8u * params.tile_offset;
  if (row >= params.m || id.x >= params.n) { return; }
  store(row, id.x, dot_steps(row, params.lda, id.x, params.ldb));
}
