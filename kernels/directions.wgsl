// (x - center) / ||x - center|| for every row, of whatever length from 1e-30 to 1e30.
//
// One workgroup a row, row = x + y * rows_per_line. Thread t squares the vec4s t, t + 64, ...; the 64 partial sums are
// added in a fixed tree. Where the squares leave float32 they are taken anew of the row times a power of two.
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

const LONGEST = 1e30;
const SCALE = 0x1p+80;

var<workgroup> partial: array<f32, 64>;

// The sum of the squares of a row's differences times `scale`, the same in all threads.
fn squares_of(start: u32, thread: u32, scale: f32) -> f32 {
  var sum = 0.0;
  for (var d = thread; d < params.stride; d += 64u) {
    let value = (x[start + d] - center[d]) * scale;
    sum += dot(value, value);
  }
  // Nobody reads the sum before any more.
  workgroupBarrier();
  partial[thread] = sum;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half /= 2u) {
    if (thread < half) {
      partial[thread] += partial[thread + half];
    }
    workgroupBarrier();
  }
  return workgroupUniformLoad(&partial[0]);
}

// The power of two of a number, 127 more; 255 of NaN and infinities. Of the bits, because compilers may assume that no
// number is NaN.
fn exponent_of(value: f32) -> u32 {
  return (bitcast<u32>(value) >> 23u) & 255u;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let row = group.x + group.y * params.rows_per_line;
  if (row >= params.rows) {
    return;
  }
  let start = row * params.stride;
  var scale = 1.0;
  var squares = squares_of(start, thread, scale);
  var length = sqrt(squares);
  // Below 2^-80 small numbers of the row have vanished, above 2^124 large ones may have overflowed.
  if (exponent_of(squares) < 47u) {
    scale = SCALE;
    squares = squares_of(start, thread, scale);
    length = sqrt(squares) / SCALE;
  } else if (exponent_of(squares) > 251u) {
    scale = 1.0 / SCALE;
    squares = squares_of(start, thread, scale);
    // Beyond 2^120 it is too long, whatever it is: the product stays finite.
    length = min(sqrt(squares), 0x1p+40) * SCALE;
  }
  let norm = sqrt(squares);
  if (thread == 0u && (exponent_of(squares) == 255u || length < params.shortest || length > LONGEST)) {
    atomicMin(&first_bad, params.first + row);
  }
  // Padding stays 0, as the center's is.
  for (var d = thread; d < params.stride; d += 64u) {
    directions[start + d] = (x[start + d] - center[d]) * scale / norm;
  }
}
