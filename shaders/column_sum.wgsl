// column_sum: sums the rows of a matrix; the gradient of a bias.
//   total[c] += sum_n x[n, column_offset + c]
// Entries    main
// Bindings   0 params uniform {first, rows, columns, row_stride, column_offset: u32}
//            1 x read f32[N,row_stride]   2 total read_write f32[C]
// Constants  WORKGROUP_SIZE (override)
// Dispatch   one workgroup per 8 columns; tile = first + id.x
// Precision  f32. Adds (+=), in a fixed order
// Links      none
// Reference  columnSumReference in src/ops/column-sum.ts
// Source     none
struct Params { first: u32, rows: u32, columns: u32, row_stride: u32, column_offset: u32 }
override WORKGROUP_SIZE: u32 = 256u;
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> total: array<f32>;

// WORKGROUP_SIZE / 8 rows at a time: loads of 8 neighbouring columns, one barrier.
var<workgroup> column_sum_partial: array<f32, WORKGROUP_SIZE>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
  let column = (params.first + id.x) * 8u + index % 8u;
  var sum = 0.0;
  if (column < params.columns) {
    for (var row = index / 8u; row < params.rows; row += WORKGROUP_SIZE / 8u) {
      sum += x[row * params.row_stride + params.column_offset + column];
    }
  }
  column_sum_partial[index] = sum;
  workgroupBarrier();
  if (index < 8u && column < params.columns) {
    var all = 0.0;
    for (var i = index; i < WORKGROUP_SIZE; i += 8u) { all += column_sum_partial[i]; }
    total[column] += all;
  }
}
