// (x - center) / (||x - center|| + 1e-12) for every row; a row that equals the center becomes zeros.
//
// One workgroup a row, row = x + y * rows_per_line. Thread t squares the vec4s t, t + 64, ...; the 64 partial sums are
// added in a fixed tree.
//
// x            rows x stride vec4s
// center       stride vec4s
// directions   rows x stride vec4s
// first_bad    lowest number of a row that is not finite; the host sets it to 2^32 - 1 first

struct Params {
  rows: u32,
  stride: u32,
  rows_per_line: u32,
  // Row number of the chunk's first row in the whole matrix.
  first: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> center: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> directions: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> first_bad: atomic<u32>;
@group(0) @binding(4) var<uniform> params: Params;

const EXPONENT = 0x7f800000u;

var<workgroup> partial: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let row = group.x + group.y * params.rows_per_line;
  if (row >= params.rows) {
    return;
  }
  let start = row * params.stride;
  var sum = 0.0;
  for (var d = thread; d < params.stride; d += 64u) {
    let value = x[start + d] - center[d];
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
  let squares = partial[0];
  // Of the bits, because compilers may assume that no number is NaN.
  if (thread == 0u && (bitcast<u32>(squares) & EXPONENT) == EXPONENT) {
    atomicMin(&first_bad, params.first + row);
  }
  // As the published implementation divides; padding stays 0, as the center's is.
  let norm = sqrt(squares) + 1e-12;
  for (var d = thread; d < params.stride; d += 64u) {
    directions[start + d] = (x[start + d] - center[d]) / norm;
  }
}
