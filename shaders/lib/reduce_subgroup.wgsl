// Sums and maxima over a workgroup through subgroups. Same functions as reduce_workgroup.
// Every invocation gets the result. Call in uniform control flow; index is local_invocation_index.
// Needs WORKGROUP_SIZE (override) from the kernel. No width is assumed: each subgroup's first invocation stores its
// partial at its own index divided by the smallest width the adapter may use, the other places hold the neutral value.
// Functions  workgroup_sum, workgroup_max
enable subgroups;
override SUBGROUP_MIN_SIZE: u32 = 4u;
var<workgroup> reduce_scratch: array<f32, (WORKGROUP_SIZE + SUBGROUP_MIN_SIZE - 1u) / SUBGROUP_MIN_SIZE>;

fn reduce_store(partial: f32, neutral: f32, index: u32) {
  if (index % SUBGROUP_MIN_SIZE == 0u) {
    reduce_scratch[index / SUBGROUP_MIN_SIZE] = neutral;
  }
  workgroupBarrier();
  if (subgroupElect()) {
    reduce_scratch[index / SUBGROUP_MIN_SIZE] = partial;
  }
  workgroupBarrier();
}

fn workgroup_sum(value: f32, index: u32) -> f32 {
  reduce_store(subgroupAdd(value), 0.0, index);
  var total = 0.0;
  for (var i = 0u; i < (WORKGROUP_SIZE + SUBGROUP_MIN_SIZE - 1u) / SUBGROUP_MIN_SIZE; i++) {
    total += reduce_scratch[i];
  }
  workgroupBarrier();
  return total;
}

fn workgroup_max(value: f32, index: u32) -> f32 {
  reduce_store(subgroupMax(value), -3.4028234e38, index);
  var largest = -3.4028234e38;
  for (var i = 0u; i < (WORKGROUP_SIZE + SUBGROUP_MIN_SIZE - 1u) / SUBGROUP_MIN_SIZE; i++) {
    largest = max(largest, reduce_scratch[i]);
  }
  workgroupBarrier();
  return largest;
}
