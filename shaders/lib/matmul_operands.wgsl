// What the fast matrix-product kernels share: params, the operands as groups of four, and the store of four results.
// n, the row strides and the offsets are multiples of 4 (elements); offsets and strides are those of the stored matrices.
// Functions  store4
struct Params {
  m: u32, n: u32, k: u32, lda: u32, ldb: u32, ldc: u32, a_offset: u32, b_offset: u32, c_offset: u32,
  alpha: f32, accumulate: u32, has_bias: u32, tile_offset: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> c: array<vec4f>;

/// c[row, 4 * column4 ..] (+)= alpha * sum + bias; nothing outside of [m,n].
fn store4(row: u32, column4: u32, sum: vec4f) {
  if (row >= params.m || 4u * column4 >= params.n) { return; }
  let at = (params.c_offset + row * params.ldc) / 4u + column4;
  var value = params.alpha * sum;
  if (params.has_bias != 0u) { value += bias[column4]; }
  if (params.accumulate != 0u) { value += c[at]; }
  c[at] = value;
}
