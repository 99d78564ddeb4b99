// matmul_tiled: matrix product through workgroup memory, for GPUs.
//   c[m,n] (+)= alpha * sum_k op(A)[m,k] * op(B)[k,n] + bias[n]
//   nt: A[m,k], B[n,k] (forward, B = W)   nn: A[m,k], B[k,n] (dX)   tn: A[k,m], B[k,n] (dW)
// 64 threads compute 64 x 64 values, 8 x 8 each. Tiles keep the layout of the matrix they come from, so that all loads
// and stores are of four values; where a tile is read across its rows, a row takes five groups instead of four, which
// spreads the eight threads of a row over the banks.
// Entries    nt, nn, tn
// Bindings   0 params uniform {m, n, k, lda, ldb, ldc, a_offset, b_offset, c_offset: u32, alpha: f32, accumulate,
//            has_bias, tile_offset: u32}   1 a read f32   2 weight read elem   3 bias read f32[n]
//            4 c read_write f32[m,n]
// Constants  K_TILE = 16 steps of k a tile; ROWS = 8 rows of a thread; workgroups of 8 x 8 threads
// Dispatch   x: ceil(n / 64) column tiles; y: row tiles of 64 from tile_offset
// Precision  a f32, weight elem, sums f32. m and, in tn, k are arbitrary; all other sizes, strides and offsets are
//            multiples of 4
// Links      lib/weight4_*, lib/matmul_operands
// Reference  matmulReference in src/ops/matmul.ts
// Source     two-level tiling as in CUTLASS, docs/efficient_gemm. Differs: one level of threads, no double buffering
const ROWS = 8u;
const K_TILE = 16u;
/// Groups of four from one row of a tile [64, K_TILE] to the next.
const PITCH = 5u;
/// Rows of a thread; element h holds the columns 4 * (local.x + 8 * h) .. + 3.
alias Tile = array<array<vec4f, 2>, ROWS>;
var<workgroup> tile_a: array<vec4f, 64 * PITCH>;
var<workgroup> tile_b: array<vec4f, 64 * PITCH>;

/// A[m,k] to tile_a[row][k]; zero past the end of k.
fn load_a_rows(row0: u32, k0: u32, index: u32) {
  for (var i = index; i < 256u; i += 64u) {
    let row = min(row0 + i / 4u, params.m - 1u);
    let k = k0 + 4u * (i % 4u);
    let value = a[(params.a_offset + row * params.lda + min(k, params.k - 4u)) / 4u];
    tile_a[i / 4u * PITCH + i % 4u] = select(vec4f(), value, k < params.k);
  }
}

/// B[n,k] to tile_b[column][k]; column 4 * x + j stands in row x + 16 * j.
fn load_b_rows(column0: u32, k0: u32, index: u32) {
  for (var i = index; i < 256u; i += 64u) {
    let column = i / 4u;
    let k = min(k0 + 4u * (i % 4u), params.k - 4u);
    let value = weight_load4((params.b_offset + min(column0 + column, params.n - 1u) * params.ldb + k) / 4u);
    tile_b[(column / 4u + 16u * (column % 4u)) * PITCH + i % 4u] = value;
  }
}

/// B[k,n] to tile_b[k][columns in groups of four].
fn load_b_columns(column0: u32, k0: u32, index: u32) {
  for (var i = index; i < 256u; i += 64u) {
    let k = min(k0 + i / 16u, params.k - 1u);
    tile_b[i] = weight_load4((params.b_offset + k * params.ldb + min(column0 + 4u * (i % 16u), params.n - 4u)) / 4u);
  }
}

/// A[k,m] to tile_a[k][rows in groups of four]; zero past the end of k.
fn load_a_columns(row0: u32, k0: u32, index: u32) {
  for (var i = index; i < 256u; i += 64u) {
    let k = k0 + i / 16u;
    let at = params.a_offset + min(k, params.k - 1u) * params.lda + min(row0 + 4u * (i % 16u), params.m - 4u);
    tile_a[i] = select(vec4f(), a[at / 4u], k < params.k);
  }
}

/// Stores rows first, first + stride, ... The number of turns is not known, so that the loop is not unrolled: 16 copies
/// of the store take longer to compile than all the rest.
fn store_tile(sum: ptr<function, Tile>, first: u32, stride: u32, column4: u32) {
  var result = *sum;
  let end = min(first + stride * ROWS, params.m);
  for (var row = first; row < end; row += stride) {
    for (var h = 0u; h < 2u; h++) {
      store4(row, column4 + 8u * h, result[(row - first) / stride][h]);
    }
  }
}

@compute @workgroup_size(8, 8)
fn nt(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_id) local: vec3u,
      @builtin(local_invocation_index) index: u32) {
  let row0 = (id.y + params.tile_offset) * 64u;
  var sum: Tile;
  for (var k0 = 0u; k0 < params.k; k0 += K_TILE) {
    workgroupBarrier();
    load_a_rows(row0, k0, index);
    load_b_rows(64u * id.x, k0, index);
    workgroupBarrier();
    for (var k4 = 0u; k4 < K_TILE / 4u; k4++) {
      let at = local.x * PITCH + k4;
      let b0 = mat4x4f(tile_b[at], tile_b[at + 16u * PITCH], tile_b[at + 32u * PITCH], tile_b[at + 48u * PITCH]);
      let b1 = mat4x4f(tile_b[at + 8u * PITCH], tile_b[at + 24u * PITCH], tile_b[at + 40u * PITCH], tile_b[at + 56u * PITCH]);
      for (var i = 0u; i < ROWS; i++) {
        let x = tile_a[(local.y + 8u * i) * PITCH + k4];
        sum[i][0] += x * b0;
        sum[i][1] += x * b1;
      }
    }
  }
  store_tile(&sum, row0 + local.y, 8u, 16u * id.x + local.x);
}

@compute @workgroup_size(8, 8)
fn nn(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_id) local: vec3u,
      @builtin(local_invocation_index) index: u32) {
  let row0 = (id.y + params.tile_offset) * 64u;
  var sum: Tile;
  for (var k0 = 0u; k0 < params.k; k0 += K_TILE) {
    workgroupBarrier();
    load_a_rows(row0, k0, index);
    load_b_columns(64u * id.x, k0, index);
    workgroupBarrier();
    for (var k4 = 0u; k4 < K_TILE / 4u; k4++) {
      let at = 64u * k4 + local.x;
      let b0 = mat4x4f(tile_b[at], tile_b[at + 16u], tile_b[at + 32u], tile_b[at + 48u]);
      let b1 = mat4x4f(tile_b[at + 8u], tile_b[at + 24u], tile_b[at + 40u], tile_b[at + 56u]);
      for (var i = 0u; i < ROWS; i++) {
        let x = tile_a[(local.y + 8u * i) * PITCH + k4];
        sum[i][0] += b0 * x;
        sum[i][1] += b1 * x;
      }
    }
  }
  store_tile(&sum, row0 + local.y, 8u, 16u * id.x + local.x);
}

@compute @workgroup_size(8, 8)
fn tn(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_id) local: vec3u,
      @builtin(local_invocation_index) index: u32) {
  let row0 = (id.y + params.tile_offset) * 64u;
  var sum: Tile;
  for (var k0 = 0u; k0 < params.k; k0 += K_TILE) {
    workgroupBarrier();
    load_a_columns(row0, k0, index);
    load_b_columns(64u * id.x, k0, index);
    workgroupBarrier();
    for (var k = 0u; k < K_TILE; k++) {
      let b0 = tile_b[16u * k + local.x];
      let b1 = tile_b[16u * k + local.x + 8u];
      let x0 = tile_a[16u * k + 2u * local.y];
      let x1 = tile_a[16u * k + 2u * local.y + 1u];
      for (var i = 0u; i < 4u; i++) {
        sum[i][0] += x0[i] * b0;
        sum[i][1] += x0[i] * b1;
        sum[i + 4u][0] += x1[i] * b0;
        sum[i + 4u][1] += x1[i] * b1;
      }
    }
  }
  store_tile(&sum, row0 + 8u * local.y, 1u, 16u * id.x + local.x);
}
