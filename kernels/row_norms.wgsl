// 1 / ||x|| for every row, 0 for a row shorter than 1e-30; what moments.wgsl scales rows by. Follows row_length.wgsl.
//
// One workgroup a row, row = x + y * rows_per_line.
//
// x           rows x stride vec4s
// inverses    rows
// first_bad   lowest number of a row that is not finite or longer than 1e30; the host sets it to 2^32 - 1 first

struct Params {
  rows: u32,
  stride: u32,
  rows_per_line: u32,
  // Row number of the chunk's first row in the whole matrix.
  first: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> inverses: array<f32>;
@group(0) @binding(2) var<storage, read_write> first_bad: atomic<u32>;
@group(0) @binding(3) var<uniform> params: Params;

const SHORTEST = 1e-30;

fn row_at(place: u32, d: u32) -> vec4f {
  return x[place + d];
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let row = group.x + group.y * params.rows_per_line;
  if (row >= params.rows) {
    return;
  }
  let measured = measure_row(row * params.stride, thread);
  if (thread == 0u) {
    if (!measured.is_finite || measured.length > LONGEST) {
      atomicMin(&first_bad, params.first + row);
    }
    // A row of zeros adds nothing to the mean of unit rows.
    inverses[row] = select(0.0, 1.0 / measured.length, measured.length >= SHORTEST);
  }
}
