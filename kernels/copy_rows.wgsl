// Copies rows between two chunks: row pairs[i].x of the source over row pairs[i].y of the target.
//
// Workgroup (x, y): vec4s 64 x .. 64 x + 63 of pair y + lines * z.
//
// source   rows x stride vec4s
// target   rows x stride vec4s; no target row may appear twice
// pairs    source row, target row

struct Params {
  count: u32,
  stride: u32,
  // Pairs a layer of the dispatch, whose height is limited.
  lines: u32,
}

@group(0) @binding(0) var<storage, read> source: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> target_rows: array<vec4f>;
@group(0) @binding(2) var<storage, read> pairs: array<vec2u>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = id.y + params.lines * id.z;
  if (i >= params.count || id.x >= params.stride) {
    return;
  }
  let pair = pairs[i];
  target_rows[pair.y * params.stride + id.x] = source[pair.x * params.stride + id.x];
}
