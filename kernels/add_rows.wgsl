// Adds row i of `sums` to row regions[i] of the target, where that lies in the target's chunk.
//
// Workgroup (x, y): vec4s 64 x .. 64 x + 63 of row y.
//
// sums      count x stride vec4s
// regions   count row numbers in the whole target, without repeats
// total     rows of one chunk of the target, rows x stride vec4s

struct Params {
  count: u32,
  stride: u32,
  // Row numbers of the chunk: from `first` to `end`, exclusive.
  first: u32,
  end: u32,
}

@group(0) @binding(0) var<storage, read> sums: array<vec4f>;
@group(0) @binding(1) var<storage, read> regions: array<u32>;
@group(0) @binding(2) var<storage, read_write> total: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let d = id.x;
  if (id.y >= params.count || d >= params.stride) {
    return;
  }
  let region = regions[id.y];
  if (region < params.first || region >= params.end) {
    return;
  }
  // Regions do not repeat, so no two threads add to the same number.
  total[(region - params.first) * params.stride + d] += sums[id.y * params.stride + d];
}
