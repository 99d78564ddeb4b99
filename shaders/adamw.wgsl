// adamw: one step of Adam with decoupled weight decay on a range of a parameter pool.
//   g = scale * grad;  p = decay * p;  m = m + (1 - beta1) (g - m);  v = beta2 v + (1 - beta2) g^2
//   p = p - step_size * m / (sqrt(v) / bias2_sqrt + eps)
//   decay = 1 - lr * weightDecay,  step_size = lr / (1 - beta1^t),  bias2_sqrt = sqrt(1 - beta2^t)
// Entries    step, step_single
// Bindings   0 params uniform {first, end, start, stop: u32,
//            decay, one_minus_beta1, beta2, one_minus_beta2, step_size, bias2_sqrt, eps: f32}
//            1 weights read_write f32[P]   2 grads read f32[P]   3 moment1 read_write f32[P]
//            4 moment2 read_write f32[P]   (in fours, for step; once more as single elements, for step_single:)
//            5 weights_single read_write f32[P]   6 grads_single read f32[P]
//            7 moment1_single read_write f32[P]   8 moment2_single read_write f32[P]
//            9 norm read f32[4] (what grad_norm wrote: norm, scale, isFinite, 0)
// Constants  WORKGROUP_SIZE (override)
// Dispatch   step: elements [4 start, 4 stop), one workgroup per tile of WORKGROUP_SIZE * 4 fours;
//            tile = first + id.x + id.y * 65535, below end
//            step_single: one workgroup; elements [start, stop), fewer than four
// Precision  f32, scalars made in float64 on the host. Nothing is written when isFinite is 0
// Links      none
// Reference  adamwReference in src/optim/adamw.ts
// Source     Loshchilov & Hutter 2017, arXiv:1711.05101, alg. 2, in the order of torch.optim.AdamW. Differs: none
struct Params {
  first: u32, end: u32, start: u32, stop: u32,
  decay: f32, one_minus_beta1: f32, beta2: f32, one_minus_beta2: f32, step_size: f32, bias2_sqrt: f32, eps: f32,
}
override WORKGROUP_SIZE: u32 = 256u;
const ADAMW_PER_THREAD = 4u;
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> weights: array<vec4f>;
@group(0) @binding(2) var<storage, read> grads: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> moment1: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> moment2: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> weights_single: array<f32>;
@group(0) @binding(6) var<storage, read> grads_single: array<f32>;
@group(0) @binding(7) var<storage, read_write> moment1_single: array<f32>;
@group(0) @binding(8) var<storage, read_write> moment2_single: array<f32>;
@group(0) @binding(9) var<storage, read> norm: array<f32>;

struct Element { p: vec4f, m: vec4f, v: vec4f }

fn updated(old: Element, g: vec4f) -> Element {
  let m = old.m + params.one_minus_beta1 * (g - old.m);
  let v = params.beta2 * old.v + params.one_minus_beta2 * g * g;
  // The bound keeps drivers that take sqrt(v) as v * inverseSqrt(v) from 0 * infinity; far below any eps.
  let denominator = sqrt(max(v, vec4f(1.2e-38))) / params.bias2_sqrt + params.eps;
  return Element(old.p * params.decay - params.step_size * m / denominator, m, v);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn step(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
  let tile = params.first + id.x + id.y * 65535u;
  if (tile >= params.end || norm[2] == 0.0) { return; }
  var i = params.start + tile * WORKGROUP_SIZE * ADAMW_PER_THREAD + index;
  for (var k = 0u; k < ADAMW_PER_THREAD && i < params.stop; k++) {
    let new_values = updated(Element(weights[i], moment1[i], moment2[i]), norm[1] * grads[i]);
    weights[i] = new_values.p;
    moment1[i] = new_values.m;
    moment2[i] = new_values.v;
    i += WORKGROUP_SIZE;
  }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn step_single(@builtin(local_invocation_index) index: u32) {
  let i = params.start + index;
  if (i >= params.stop || norm[2] == 0.0) { return; }
  let old = Element(vec4f(weights_single[i]), vec4f(moment1_single[i]), vec4f(moment2_single[i]));
  let new_values = updated(old, vec4f(norm[1] * grads_single[i]));
  weights_single[i] = new_values.p.x;
  moment1_single[i] = new_values.m.x;
  moment2_single[i] = new_values.v.x;
}
