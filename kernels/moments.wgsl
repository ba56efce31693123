// Sums of x and of x / ||x|| over slabs of 128 rows, in row order; the host adds the slabs in float64.
//
// Thread (d, slab) of workgroup (x, y): vec4 d = 64 x + t of slab y.
//
// x          rows x stride vec4s
// inverses   1 / ||x|| of each row, from row_norms.wgsl
// sums       slabs x 2 x stride vec4s: the sum of x, then that of x / ||x||

struct Params {
  rows: u32,
  stride: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> inverses: array<f32>;
@group(0) @binding(2) var<storage, read_write> sums: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;

// The host counts slabs by the same number: webgpu_vectors.ts.
const SLAB = 128u;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let d = id.x;
  if (d >= params.stride) {
    return;
  }
  var sum = vec4f(0.0);
  var unit_sum = vec4f(0.0);
  let end = min((id.y + 1u) * SLAB, params.rows);
  for (var row = id.y * SLAB; row < end; row++) {
    let value = x[row * params.stride + d];
    sum += value;
    unit_sum += value * inverses[row];
  }
  let slab = id.y * 2u * params.stride;
  sums[slab + d] = sum;
  sums[slab + params.stride + d] = unit_sum;
}
