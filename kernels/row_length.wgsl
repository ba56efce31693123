// The length of a row; placed in front of the kernels that need it, so that a row's has the same bits in all of them. One
// workgroup of 64 threads a row: thread t squares the vec4s t, t + 64, ...; the 64 partial sums are added in a fixed tree.
// Where the squares leave float32 they are taken anew of the row times a power of two.
//
// What follows has `params.stride`, the length of a row in vec4s, and says what the row consists of:
//
//   fn row_at(place: u32, d: u32) -> vec4f     vec4 d of the row that begins at vec4 `place` of its matrix

const LONGEST = 1e30;
const SCALE = 0x1p+80;

var<workgroup> partial: array<f32, 64>;

// A row times `scale`, a power of two, has the norm `norm`; the row itself has the length `length`.
struct Row {
  scale: f32,
  norm: f32,
  length: f32,
  is_finite: bool,
}

// The sum of the squares of a row's numbers times `scale`, the same in all threads.
fn squares_of(place: u32, thread: u32, scale: f32) -> f32 {
  var sum = 0.0;
  for (var d = thread; d < params.stride; d += 64u) {
    let value = row_at(place, d) * scale;
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

// All threads of the workgroup must call it, with the same place.
fn measure_row(place: u32, thread: u32) -> Row {
  var scale = 1.0;
  var squares = squares_of(place, thread, scale);
  var length = sqrt(squares);
  // Below 2^-80 small numbers of the row have vanished, above 2^124 large ones may have overflowed.
  if (exponent_of(squares) < 47u) {
    scale = SCALE;
    squares = squares_of(place, thread, scale);
    length = sqrt(squares) / SCALE;
  } else if (exponent_of(squares) > 251u) {
    scale = 1.0 / SCALE;
    squares = squares_of(place, thread, scale);
    // Beyond 2^120 it is too long, whatever it is: the product stays finite.
    length = min(sqrt(squares), 0x1p+40) * SCALE;
  }
  return Row(scale, sqrt(squares), length, exponent_of(squares) != 255u);
}
