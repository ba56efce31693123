// 1 / ||x|| for every row, 0 for a row shorter than 1e-30; what moments.wgsl scales rows by.
//
// One workgroup a row, row = x + y * rows_per_line; sums in a fixed tree, and scaled where need be, like directions.wgsl.
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
const LONGEST = 1e30;
const SCALE = 0x1p+80;

var<workgroup> partial: array<f32, 64>;

// The sum of the squares of a row's numbers times `scale`, the same in all threads.
fn squares_of(start: u32, thread: u32, scale: f32) -> f32 {
  var sum = 0.0;
  for (var d = thread; d < params.stride; d += 64u) {
    let value = x[start + d] * scale;
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
  if (thread == 0u) {
    if (exponent_of(squares) == 255u || length > LONGEST) {
      atomicMin(&first_bad, params.first + row);
    }
    // A row of zeros adds nothing to the mean of unit rows.
    inverses[row] = select(0.0, 1.0 / length, length >= SHORTEST);
  }
}
