// kv_cache: copies keys and values out of qkv rows into the caches that decoding reads.
//   append: rowCache[r, cached[r]] = (k, v) of row r for every active row
//   store_prompt: promptCache[slotOf[n], positionOf[n]] = (k, v) of token n, unless slotOf[n] is 0xffffffff
// Entries    append, store_prompt
// Bindings   0 params uniform {rows: u32, positions: u32, heads: u32, kv_heads: u32, head_quads: u32}
//            1 qkv read vec4[N,(H+2K)*D/4]   2 state read vec4u[R,2] (token, position, promptSlot, promptLength, cached,
//            key, active, remaining)   3 slot_of read u32[N]   4 position_of read u32[N]
//            5 cache read_write vec4[slots or R, positions, 2K*D/4]
// Constants  WORKGROUP_SIZE (override)
// Dispatch   one invocation per four channels; item = (id.x + id.y * 65535) * WORKGROUP_SIZE + index, below rows * 2K*D/4
// Precision  f32, copied. Assigns (=); a place past the end of the cache is skipped, not wrapped
// Links      none
// Reference  kvAppendReference, kvStorePromptReference in src/ops/kv-cache.ts
// Source     ours
struct Params { rows: u32, positions: u32, heads: u32, kv_heads: u32, head_quads: u32 }
override WORKGROUP_SIZE: u32 = 256u;
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> qkv: array<vec4f>;
@group(0) @binding(2) var<storage, read> state: array<vec4u>;
@group(0) @binding(3) var<storage, read> slot_of: array<u32>;
@group(0) @binding(4) var<storage, read> position_of: array<u32>;
@group(0) @binding(5) var<storage, read_write> cache: array<vec4f>;

// k and v of a row lie side by side in qkv, as they do in the cache.
fn copy_quad(row: u32, quad: u32, slot: u32, position: u32) {
  if (position >= params.positions) { return; }
  let width = 2u * params.kv_heads * params.head_quads;
  let q_width = params.heads * params.head_quads;
  cache[(slot * params.positions + position) * width + quad] = qkv[row * (q_width + width) + q_width + quad];
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn append(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
  let item = (id.x + id.y * 65535u) * WORKGROUP_SIZE + index;
  let width = 2u * params.kv_heads * params.head_quads;
  let row = item / width;
  if (row >= params.rows) { return; }
  let progress = state[2u * row + 1u];
  if (progress.z == 0u) { return; }
  copy_quad(row, item % width, row, progress.x);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn store_prompt(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
  let item = (id.x + id.y * 65535u) * WORKGROUP_SIZE + index;
  let width = 2u * params.kv_heads * params.head_quads;
  let row = item / width;
  if (row >= params.rows) { return; }
  if (slot_of[row] == 0xffffffffu) { return; }
  copy_quad(row, item % width, slot_of[row], position_of[row]);
}
