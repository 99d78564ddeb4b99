// matmul_skinny: product of a few rows with a weight, for decoding: the weight is read once for up to ROWS rows.
//   c[r,n] (+)= alpha * sum_k A[r,k] * W[n,k] + bias[n]
// 32 lanes share the sums over k of 4 neighbouring outputs: lane i takes the groups of four i, i + 32, ... A row's sums
// are added in the same order whatever the number of rows and the row's place among them, so that a sequence decodes to
// the same bits alone and in a batch. The products are written as fma so that no compiler chooses where to fuse.
// Entries    nt
// Bindings   0 params uniform {m, n, k, lda, ldb, ldc, a_offset, b_offset, c_offset: u32, alpha: f32, accumulate,
//            has_bias, tile_offset: u32}   1 a read f32   2 weight read elem   3 bias read f32[n]
//            4 c read_write f32[m,n]
// Constants  ROWS (const, set by the launcher): rows of a workgroup, 1, 2, 4 or 8
// Dispatch   x: column tiles of 8 from tile_offset; y: ceil(m / ROWS) row groups
// Precision  a f32, weight elem, sums f32 in fixed order. All sizes but m, strides and offsets are multiples of 4
// Links      lib/weight4_*, lib/matmul_operands
// Reference  matmulReference in src/ops/matmul.ts
// Source     the definition of the product. Differs: none
const K_LANES = 32u;
/// One more than K_LANES: the sums of neighbouring rows start in different banks.
const PITCH = 33u;
/// [half of the columns, row][lane]: sums of four columns.
var<workgroup> partial: array<vec4f, 2u * ROWS * PITCH>;

@compute @workgroup_size(K_LANES, 2)
fn nt(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_id) local: vec3u,
      @builtin(local_invocation_index) index: u32) {
  let row0 = id.y * ROWS;
  let column4 = 2u * (id.x + params.tile_offset) + local.y;
  let step = params.ldb / 4u;
  let b_start = params.b_offset / 4u + 4u * min(column4, params.n / 4u - 1u) * step;
  var sum: array<vec4f, ROWS>;
  for (var k = local.x; k < params.k / 4u; k += K_LANES) {
    let at = b_start + k;
    let w = transpose(mat4x4f(weight_load4(at), weight_load4(at + step), weight_load4(at + 2u * step), weight_load4(at + 3u * step)));
    for (var r = 0u; r < ROWS; r++) {
      let x = a[(params.a_offset + min(row0 + r, params.m - 1u) * params.lda) / 4u + k];
      sum[r] = fma(vec4f(x.w), w[3], fma(vec4f(x.z), w[2], fma(vec4f(x.y), w[1], fma(vec4f(x.x), w[0], sum[r]))));
    }
  }
  for (var r = 0u; r < ROWS; r++) {
    partial[(local.y * ROWS + r) * PITCH + local.x] = sum[r];
  }
  workgroupBarrier();
  if (index < 2u * ROWS) {
    var total = vec4f();
    for (var i = 0u; i < K_LANES; i++) { total += partial[index * PITCH + i]; }
    store4(row0 + index % ROWS, 2u * (id.x + params.tile_offset) + index / ROWS, total);
  }
}
