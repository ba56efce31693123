// 1 / ||x|| for every row, 0 for a row of zeros; what moments.wgsl scales rows by.
//
// One workgroup a row, row = x + y * rows_per_line; sums in a fixed tree like directions.wgsl.
//
// x           rows x stride vec4s
// inverses    rows
// first_bad   lowest number of a row that is not finite; the host sets it to 2^32 - 1 first

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

const EXPONENT = 0x7f800000u;

var<workgroup> partial: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let row = group.x + group.y * params.rows_per_line;
  if (row >= params.rows) {
    return;
  }
  var sum = 0.0;
  for (var d = thread; d < params.stride; d += 64u) {
    let value = x[row * params.stride + d];
    sum += dot(value, value);
  }
  partial[thread] = sum;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half /= 2u) {
    if (thread < half) {
      partial[thread] += partial[thread + half];
    }
    workgroupBarrier();
  }
  if (thread == 0u) {
    let squares = partial[0];
    // Of the bits, because compilers may assume that no number is NaN.
    if ((bitcast<u32>(squares) & EXPONENT) == EXPONENT) {
      atomicMin(&first_bad, params.first + row);
    }
    // No epsilon here: a row of zeros adds nothing to the mean of unit rows.
    inverses[row] = select(0.0, 1.0 / sqrt(squares), squares > 0.0);
  }
}
