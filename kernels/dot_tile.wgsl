// Dot products of 64 left rows with 64 right rows; placed in front of the kernels that need them, so that a pair's dot
// product has the same bits in all of them: one chain of fused multiply-adds, from the first coordinate to the last.
//
// A workgroup of 64 threads keeps the 64 x 64 products in registers, 8 x 8 a thread. It goes through the rows 16
// coordinates at a time; both strips lie in workgroup memory, transposed, so that a thread reads four rows at once.
//
// left, right   rows of `stride` vec4s, padded with zeros

const TILE = 64u;
// One more vec4 than the 16 of a line: neighbouring threads then store to different memory banks.
const PITCH = 17u;

@group(0) @binding(0) var<storage, read> left: array<vec4f>;
@group(0) @binding(1) var<storage, read> right: array<vec4f>;

var<workgroup> left_strip: array<vec4f, 272>;
var<workgroup> right_strip: array<vec4f, 272>;

// One thread's products, one vec4 of rows at a time: d0 and d1 are its first column with its rows 0..3 (from `first_row`)
// and 4..7 (from that + 32), d2 and d3 the second column, ... Columns 0..3 start at `first_column`, 4..7 at that + 32.
// Named one by one and not an array, which some drivers would keep in memory.
struct Dots {
  d0: vec4f,
  d1: vec4f,
  d2: vec4f,
  d3: vec4f,
  d4: vec4f,
  d5: vec4f,
  d6: vec4f,
  d7: vec4f,
  d8: vec4f,
  d9: vec4f,
  d10: vec4f,
  d11: vec4f,
  d12: vec4f,
  d13: vec4f,
  d14: vec4f,
  d15: vec4f,
}

fn first_row(thread: u32) -> u32 {
  return (thread >> 3u) * 4u;
}

fn first_column(thread: u32) -> u32 {
  return (thread & 7u) * 4u;
}

fn left_at(row: u32, rows: u32, d: u32, stride: u32) -> vec4f {
  if (row >= rows || d >= stride) {
    return vec4f(0.0);
  }
  return left[row * stride + d];
}

fn right_at(row: u32, rows: u32, d: u32, stride: u32) -> vec4f {
  if (row >= rows || d >= stride) {
    return vec4f(0.0);
  }
  return right[row * stride + d];
}

// Four rows by four coordinates of each side, transposed into the strips.
fn load_strips(thread: u32, left_row: u32, left_rows: u32, right_row: u32, right_rows: u32, d: u32, stride: u32) {
  let block = thread >> 2u;
  let part = thread & 3u;
  let line = part * 4u * PITCH + block;
  let l = left_row + block * 4u;
  let l0 = left_at(l, left_rows, d + part, stride);
  let l1 = left_at(l + 1u, left_rows, d + part, stride);
  let l2 = left_at(l + 2u, left_rows, d + part, stride);
  let l3 = left_at(l + 3u, left_rows, d + part, stride);
  left_strip[line] = vec4f(l0.x, l1.x, l2.x, l3.x);
  left_strip[line + PITCH] = vec4f(l0.y, l1.y, l2.y, l3.y);
  left_strip[line + 2u * PITCH] = vec4f(l0.z, l1.z, l2.z, l3.z);
  left_strip[line + 3u * PITCH] = vec4f(l0.w, l1.w, l2.w, l3.w);
  let r = right_row + block * 4u;
  let r0 = right_at(r, right_rows, d + part, stride);
  let r1 = right_at(r + 1u, right_rows, d + part, stride);
  let r2 = right_at(r + 2u, right_rows, d + part, stride);
  let r3 = right_at(r + 3u, right_rows, d + part, stride);
  right_strip[line] = vec4f(r0.x, r1.x, r2.x, r3.x);
  right_strip[line + PITCH] = vec4f(r0.y, r1.y, r2.y, r3.y);
  right_strip[line + 2u * PITCH] = vec4f(r0.z, r1.z, r2.z, r3.z);
  right_strip[line + 3u * PITCH] = vec4f(r0.w, r1.w, r2.w, r3.w);
}

// The products of the tile whose first rows are `left_row` and `right_row`. All threads of the workgroup must call it.
fn multiply_tile(thread: u32, left_row: u32, left_rows: u32, right_row: u32, right_rows: u32, stride: u32) -> Dots {
  var d0 = vec4f(0.0);
  var d1 = vec4f(0.0);
  var d2 = vec4f(0.0);
  var d3 = vec4f(0.0);
  var d4 = vec4f(0.0);
  var d5 = vec4f(0.0);
  var d6 = vec4f(0.0);
  var d7 = vec4f(0.0);
  var d8 = vec4f(0.0);
  var d9 = vec4f(0.0);
  var d10 = vec4f(0.0);
  var d11 = vec4f(0.0);
  var d12 = vec4f(0.0);
  var d13 = vec4f(0.0);
  var d14 = vec4f(0.0);
  var d15 = vec4f(0.0);
  let row = first_row(thread) / 4u;
  let column = first_column(thread) / 4u;
  // Four vec4s of every row at a time. Beyond the rows and the stride the strips hold zeros, which add nothing.
  for (var d = 0u; d < stride; d += 4u) {
    load_strips(thread, left_row, left_rows, right_row, right_rows, d, stride);
    workgroupBarrier();
    for (var k = 0u; k < 16u; k++) {
      let l0 = left_strip[k * PITCH + row];
      let l1 = left_strip[k * PITCH + row + 8u];
      let r0 = right_strip[k * PITCH + column];
      let r1 = right_strip[k * PITCH + column + 8u];
      d0 = fma(l0, vec4f(r0.x), d0);
      d1 = fma(l1, vec4f(r0.x), d1);
      d2 = fma(l0, vec4f(r0.y), d2);
      d3 = fma(l1, vec4f(r0.y), d3);
      d4 = fma(l0, vec4f(r0.z), d4);
      d5 = fma(l1, vec4f(r0.z), d5);
      d6 = fma(l0, vec4f(r0.w), d6);
      d7 = fma(l1, vec4f(r0.w), d7);
      d8 = fma(l0, vec4f(r1.x), d8);
      d9 = fma(l1, vec4f(r1.x), d9);
      d10 = fma(l0, vec4f(r1.y), d10);
      d11 = fma(l1, vec4f(r1.y), d11);
      d12 = fma(l0, vec4f(r1.z), d12);
      d13 = fma(l1, vec4f(r1.z), d13);
      d14 = fma(l0, vec4f(r1.w), d14);
      d15 = fma(l1, vec4f(r1.w), d15);
    }
    // The next strips are stored only when all have read these.
    workgroupBarrier();
  }
  return Dots(d0, d1, d2, d3, d4, d5, d6, d7, d8, d9, d10, d11, d12, d13, d14, d15);
}
