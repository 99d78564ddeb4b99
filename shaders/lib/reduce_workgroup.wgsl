// Sums and maxima over a workgroup through workgroup memory. Same functions as reduce_subgroup.
// Every invocation gets the result. Call in uniform control flow; index is local_invocation_index.
// Needs WORKGROUP_SIZE (override, a power of two) from the kernel. Order of additions is fixed.
// Functions  workgroup_sum, workgroup_max
var<workgroup> reduce_scratch: array<f32, WORKGROUP_SIZE>;

fn workgroup_sum(value: f32, index: u32) -> f32 {
  reduce_scratch[index] = value;
  workgroupBarrier();
  for (var stride = WORKGROUP_SIZE / 2u; stride > 0u; stride /= 2u) {
    if (index < stride) {
      reduce_scratch[index] += reduce_scratch[index + stride];
    }
    workgroupBarrier();
  }
  let total = reduce_scratch[0];
  workgroupBarrier();
  return total;
}

fn workgroup_max(value: f32, index: u32) -> f32 {
  reduce_scratch[index] = value;
  workgroupBarrier();
  for (var stride = WORKGROUP_SIZE / 2u; stride > 0u; stride /= 2u) {
    if (index < stride) {
      reduce_scratch[index] = max(reduce_scratch[index], reduce_scratch[index + stride]);
    }
    workgroupBarrier();
  }
  let largest = reduce_scratch[0];
  workgroupBarrier();
  return largest;
}
