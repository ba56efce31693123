// (x - center) / ||x - center|| for every row, of whatever length from 1e-30 to 1e30; follows row_length.wgsl.
//
// One workgroup a row, row = x + y * rows_per_line.
//
// x            rows x stride vec4s
// center       stride vec4s
// directions   rows x stride vec4s
// first_bad    lowest number of a row without a direction, as src/compute/row_lengths.ts says; the host sets it to
//              2^32 - 1 first

struct Params {
  rows: u32,
  stride: u32,
  rows_per_line: u32,
  // Row number of the chunk's first row in the whole matrix.
  first: u32,
  // Shortest difference that has a direction.
  shortest: f32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> center: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> directions: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> first_bad: atomic<u32>;
@group(0) @binding(4) var<uniform> params: Params;

fn row_at(place: u32, d: u32) -> vec4f {
  return x[place + d] - center[d];
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let row = group.x + group.y * params.rows_per_line;
  if (row >= params.rows) {
    return;
  }
  let place = row * params.stride;
  let measured = measure_row(place, thread);
  let is_long = measured.length >= params.shortest && measured.length <= LONGEST;
  if (thread == 0u && !(measured.is_finite && is_long)) {
    atomicMin(&first_bad, params.first + row);
  }
  // Padding stays 0, as the center's is.
  for (var d = thread; d < params.stride; d += 64u) {
    directions[place + d] = row_at(place, d) * measured.scale / measured.norm;
  }
}
