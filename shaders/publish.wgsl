// publish: writes part of a trained parameter into its place in a matrix that another engine reads.
//   y[row + i, column + j] = scale * value[i,j] for those elements of value [P,Q] that x holds: count from element start on
//   is_transposed: y[row + j, column + i] = scale * value[i,j]
// Entries    store_f32, store_f16
// Bindings   0 params uniform {first, end, first_word, end_word, columns, row, height, column, width, is_transposed,
//            value_columns, offset, start, count: u32, scale: f32}   1 x read f32[..] (the elements lie from offset on)
//            2 y read_write u32[words] (f32 as bits, or two halves a word; height x width of its elements are the value's)
// Constants  WORKGROUP_SIZE (override)
// Dispatch   one workgroup per WORKGROUP_SIZE words of y; tile = first + id.x + id.y * 65535, below end
// Precision  f32, rounded to halves by pack2x16float. A word is written by one invocation alone, with what it held before
//            where the value has nothing for it. y is assigned (=)
// Links      none
// Reference  publishReference in src/ops/publish.ts
// Source     none
struct Params {
  first: u32, end: u32, first_word: u32, end_word: u32, columns: u32, row: u32, height: u32, column: u32, width: u32,
  is_transposed: u32, value_columns: u32, offset: u32, start: u32, count: u32, scale: f32,
}
override WORKGROUP_SIZE: u32 = 256u;
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;

// What element `at` of y becomes; `old` where it is none of the value's or x does not hold it.
fn element(at: u32, old: f32) -> f32 {
  // Above or left of the value these wrap to large numbers.
  let r = at / params.columns - params.row;
  let c = at % params.columns - params.column;
  if (r >= params.height || c >= params.width) { return old; }
  let i = select(r, c, params.is_transposed == 1u);
  let j = select(c, r, params.is_transposed == 1u);
  let place = i * params.value_columns + j - params.start;
  if (place >= params.count) { return old; }
  return params.scale * x[params.offset + place];
}

// The word of this invocation.
fn word_of(id: vec3u, index: u32) -> u32 {
  let tile = params.first + id.x + id.y * 65535u;
  return select(0xffffffffu, params.first_word + tile * WORKGROUP_SIZE + index, tile < params.end);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn store_f32(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
  let word = word_of(id, index);
  if (word >= params.end_word) { return; }
  y[word] = bitcast<u32>(element(word, bitcast<f32>(y[word])));
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn store_f16(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
  let word = word_of(id, index);
  if (word >= params.end_word) { return; }
  let old = unpack2x16float(y[word]);
  y[word] = pack2x16float(vec2f(element(2u * word, old.x), element(2u * word + 1u, old.y)));
}
