// self_test: proves that a workgroup size and a reduction work on this device before anything relies on them.
//   sums[w*S + i] = sum_j (w + j),  largest[w*S + i] = max_j (w + j),  j over the S invocations of workgroup w
// Entries    main
// Bindings   0 params uniform {unused: u32}   1 sums read_write f32[W*S]   2 largest read_write f32[W*S]
// Constants  WORKGROUP_SIZE (override)
// Dispatch   W workgroups
// Precision  f32; the values are small integers, so results are exact
// Links      lib/reduce_*
// Reference  expectedSelfTest in src/gpu/self-test.ts
// Source     own. Some drivers silently run only part of a large workgroup
struct Params { unused: u32 }
override WORKGROUP_SIZE: u32 = 256u;
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> sums: array<f32>;
@group(0) @binding(2) var<storage, read_write> largest: array<f32>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let value = f32(group.x + index + params.unused);
  let at = group.x * WORKGROUP_SIZE + index;
  sums[at] = workgroup_sum(value, index);
  largest[at] = workgroup_max(value, index);
}
