// grad_norm: the length of the whole gradient over all pools, and by how much to shorten it; nothing is read back.
//   norm = grad_scale * sqrt(sum of g^2),  scale = grad_scale * min(1, max_norm / (norm + 1e-6))
//   clipping is off when max_norm is 0. Any NaN or infinity: norm = scale = 0 and isFinite = 0
// Entries    squares, finish
// Bindings   0 params uniform {first, end, count, partial_start, partial_count: u32, max_norm, grad_scale: f32}
//            1 grads read f32[P]   2 partial read_write f32[] (per chunk: sum of squares, or -1 if not finite)
//            3 result read_write f32[4] (norm, scale, isFinite, 0)
// Constants  WORKGROUP_SIZE (override, a multiple of 16 up to 256)
// Dispatch   squares: one workgroup per chunk of 4096 elements; chunk = first + id.x + id.y * 65535, below end
//            finish: one workgroup over all partials
// Precision  f32 in trees: of half a billion elements no addend passes through more than about 40 additions, so that
//            the norm is off by less than 40 / 2 roundings, 1.2e-6, at worst and about 1e-7 in practice. Fixed order
// Links      none
// Reference  gradNormReference in src/optim/grad-norm.ts
// Source     torch.nn.utils.clip_grad_norm_. Differs: a gradient that is not finite is reported, and not applied
struct Params {
  first: u32, end: u32, count: u32, partial_start: u32, partial_count: u32, max_norm: f32, grad_scale: f32,
}
override WORKGROUP_SIZE: u32 = 256u;
const GRAD_NORM_CHUNK = 4096u;
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> grads: array<f32>;
@group(0) @binding(2) var<storage, read_write> partial: array<f32>;
@group(0) @binding(3) var<storage, read_write> result: array<f32>;

var<workgroup> grad_norm_scratch: array<f32, WORKGROUP_SIZE + 16u>;

// Sixteen addends, pairwise. One below zero marks what is not finite, and so does an overflow here: the mark survives.
// Bits are compared because a compiler may assume that no float is NaN or infinite.
fn marked_sum(a: vec4f, b: vec4f, c: vec4f, d: vec4f) -> f32 {
  let quarter = (a + b) + (c + d);
  let sum = (quarter.x + quarter.y) + (quarter.z + quarter.w);
  let least = min(min(a, b), min(c, d));
  let is_marked = min(min(least.x, least.y), min(least.z, least.w)) < 0.0;
  return select(sum, -1.0, is_marked || (bitcast<u32>(sum) & 0x7f800000u) == 0x7f800000u);
}

fn marked_add(a: f32, b: f32) -> f32 {
  return marked_sum(vec4f(a, b, 0.0, 0.0), vec4f(), vec4f(), vec4f());
}

fn scratch4(at: u32, stride: u32) -> vec4f {
  return vec4f(
    grad_norm_scratch[at], grad_norm_scratch[at + stride],
    grad_norm_scratch[at + 2u * stride], grad_norm_scratch[at + 3u * stride],
  );
}

// The sum of 16 places of the scratch, `stride` apart.
fn scratch_sum(at: u32, stride: u32) -> f32 {
  return marked_sum(
    scratch4(at, stride), scratch4(at + 4u * stride, stride),
    scratch4(at + 8u * stride, stride), scratch4(at + 12u * stride, stride),
  );
}

// The sum over the workgroup, for invocation 0. Call in uniform control flow.
fn marked_workgroup_sum(value: f32, index: u32) -> f32 {
  let groups = WORKGROUP_SIZE / 16u;
  grad_norm_scratch[index] = value;
  if (index < 16u) { grad_norm_scratch[WORKGROUP_SIZE + index] = 0.0; }
  workgroupBarrier();
  if (index < groups) { grad_norm_scratch[WORKGROUP_SIZE + index] = scratch_sum(index, groups); }
  workgroupBarrier();
  var sum = 0.0;
  if (index == 0u) { sum = scratch_sum(WORKGROUP_SIZE, 1u); }
  return sum;
}

// Without a branch: software devices run both sides of one anyway, and then mask every load.
fn square(at: u32) -> f32 {
  let g = grads[min(at, params.count - 1u)];
  let is_finite = (bitcast<u32>(g) & 0x7f800000u) != 0x7f800000u;
  return select(0.0, select(-1.0, g * g, is_finite), at < params.count);
}

fn square4(at: u32) -> vec4f {
  return vec4f(
    square(at), square(at + WORKGROUP_SIZE), square(at + 2u * WORKGROUP_SIZE), square(at + 3u * WORKGROUP_SIZE),
  );
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn squares(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
  let chunk = params.first + id.x + id.y * 65535u;
  if (chunk >= params.end) { return; }
  let row = 4u * WORKGROUP_SIZE;
  var sum = 0.0;
  for (var at = index; at < GRAD_NORM_CHUNK; at += 4u * row) {
    let g = chunk * GRAD_NORM_CHUNK + at;
    sum = marked_add(sum, marked_sum(square4(g), square4(g + row), square4(g + 2u * row), square4(g + 3u * row)));
  }
  sum = marked_workgroup_sum(sum, index);
  if (index == 0u) { partial[params.partial_start + chunk] = sum; }
}

fn partial_at(at: u32) -> f32 {
  return select(0.0, partial[min(at, params.partial_count - 1u)], at < params.partial_count);
}

// Sixteen partials, WORKGROUP_SIZE apart.
fn partial_sum(at: u32) -> f32 {
  var quarters: array<vec4f, 4>;
  for (var k = 0u; k < 4u; k++) {
    let start = at + k * 4u * WORKGROUP_SIZE;
    quarters[k] = vec4f(
      partial_at(start), partial_at(start + WORKGROUP_SIZE),
      partial_at(start + 2u * WORKGROUP_SIZE), partial_at(start + 3u * WORKGROUP_SIZE),
    );
  }
  return marked_sum(quarters[0], quarters[1], quarters[2], quarters[3]);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn finish(@builtin(local_invocation_index) index: u32) {
  let block = 16u * WORKGROUP_SIZE;
  var sum = 0.0;
  for (var outer = index; outer < params.partial_count; outer += 16u * block) {
    var inner = 0.0;
    for (var at = outer; at < min(outer + 16u * block, params.partial_count); at += block) {
      inner = marked_add(inner, partial_sum(at));
    }
    sum = marked_add(sum, inner);
  }
  sum = marked_workgroup_sum(sum, index);
  if (index > 0u) { return; }
  var norm = 0.0;
  var scale = 0.0;
  if (sum >= 0.0) {
    norm = sqrt(sum) * params.grad_scale;
    scale = params.grad_scale;
    if (params.max_norm > 0.0) { scale *= min(1.0, params.max_norm / (norm + 1e-6)); }
  }
  result[0] = norm;
  result[1] = scale;
  result[2] = select(0.0, 1.0, sum >= 0.0);
  result[3] = 0.0;
}
