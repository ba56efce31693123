// Copies rows that lie without gaps, as a model leaves them, to rows padded with zeros to whole vec4s.
//
// Thread i = x + y * width of the dispatch: vec4 i of the target.
//
// packed   rows x dim
// padded   rows x stride vec4s

struct Params {
  rows: u32,
  dim: u32,
  stride: u32,
  // Threads in a line of the dispatch, whose length is limited.
  width: u32,
}

@group(0) @binding(0) var<storage, read> packed: array<f32>;
@group(0) @binding(1) var<storage, read_write> padded: array<vec4f>;
@group(0) @binding(2) var<uniform> params: Params;

// Number `d` of the row that starts at `start`: zero behind its end.
fn number(start: u32, d: u32) -> f32 {
  if (d >= params.dim) {
    return 0.0;
  }
  return packed[start + d];
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x + id.y * params.width;
  if (i >= params.rows * params.stride) {
    return;
  }
  let start = i / params.stride * params.dim;
  let d = i % params.stride * 4u;
  padded[i] = vec4f(number(start, d), number(start, d + 1u), number(start, d + 2u), number(start, d + 3u));
}
