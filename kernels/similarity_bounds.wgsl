// Upper bounds of the dot products of queries with exemplars, from their 8-bit integers (quantise.wgsl): for every query
// the largest bound of each group of eight exemplars. nearest_exact.wgsl compares in full whoever a bound lets through.
//
// With x^ and w^ the rounded rows, times their scales, x.w = x^.w^ + (x - x^).w + x^.(w - w^), so
//
//   x.w <= scale_x * scale_w * integers + error_x * |w| + (|x| + error_x) * error_w
//
// and float32's own rounding, here and in the product that is compared, adds `rounding * |x| * |w|`: see
// src/compute/webgpu_quantised.ts.
//
// Workgroup (x, y) of 64 threads multiplies 64 queries with 64 exemplars as dot_tile.wgsl does, 8 x 8 products a thread,
// but a step is four coordinates, which lie in one word.
//
// left, right               rows of `stride` vec4s of words
// left_sizes, right_sizes   rows: scale, length, error, 0
// bounds                    rows x groups; group g has the rows 64 * (g / 8) + 4 * (g % 8) + 0..3 and 32..35 of the chunk,
//                           counted from `origin` on

struct Params {
  rows: u32,
  // Rows of the chunk that take part: from `start` to `end`, exclusive.
  start: u32,
  end: u32,
  stride: u32,
  // First row of the first tile: a multiple of 64, so that no tile is cut at its front.
  origin: u32,
  groups: u32,
  // Bits of the relative error of float32's rounding.
  rounding: u32,
  // Bits of what the bound's errors are multiplied by: 1, but in tests that want it to fail.
  allowance: u32,
}

@group(0) @binding(0) var<storage, read> left: array<vec4u>;
@group(0) @binding(1) var<storage, read> left_sizes: array<vec4f>;
@group(0) @binding(2) var<storage, read> right: array<vec4u>;
@group(0) @binding(3) var<storage, read> right_sizes: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> bounds: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

const TILE = 64u;
// One more vec4 than the 16 of a line: neighbouring threads then store to different memory banks.
const PITCH = 17u;
const UNBOUNDED = 1e38;
// Above and below every dot product; WGSL has no infinity.
const HIGHEST = 3.4e38;
const LOWEST = -3.4e38;

var<workgroup> left_strip: array<vec4u, 272>;
var<workgroup> right_strip: array<vec4u, 272>;

fn left_at(row: u32, d: u32) -> vec4u {
  if (row >= params.rows) {
    return vec4u(0u);
  }
  return left[row * params.stride + d];
}

fn right_at(row: u32, d: u32) -> vec4u {
  if (row >= params.end) {
    return vec4u(0u);
  }
  return right[row * params.stride + d];
}

// Four rows by four words of each side, transposed into the strips. Packed rows are whole strips.
fn load_strips(thread: u32, left_row: u32, right_row: u32, d: u32) {
  let block = thread >> 2u;
  let part = thread & 3u;
  let line = part * 4u * PITCH + block;
  let l = left_row + block * 4u;
  let l0 = left_at(l, d + part);
  let l1 = left_at(l + 1u, d + part);
  let l2 = left_at(l + 2u, d + part);
  let l3 = left_at(l + 3u, d + part);
  left_strip[line] = vec4u(l0.x, l1.x, l2.x, l3.x);
  left_strip[line + PITCH] = vec4u(l0.y, l1.y, l2.y, l3.y);
  left_strip[line + 2u * PITCH] = vec4u(l0.z, l1.z, l2.z, l3.z);
  left_strip[line + 3u * PITCH] = vec4u(l0.w, l1.w, l2.w, l3.w);
  let r = right_row + block * 4u;
  let r0 = right_at(r, d + part);
  let r1 = right_at(r + 1u, d + part);
  let r2 = right_at(r + 2u, d + part);
  let r3 = right_at(r + 3u, d + part);
  right_strip[line] = vec4u(r0.x, r1.x, r2.x, r3.x);
  right_strip[line + PITCH] = vec4u(r0.y, r1.y, r2.y, r3.y);
  right_strip[line + 2u * PITCH] = vec4u(r0.z, r1.z, r2.z, r3.z);
  right_strip[line + 3u * PITCH] = vec4u(r0.w, r1.w, r2.w, r3.w);
}

fn products(rows: vec4u, column: u32) -> vec4i {
  return vec4i(
    dot4I8Packed(rows.x, column),
    dot4I8Packed(rows.y, column),
    dot4I8Packed(rows.z, column),
    dot4I8Packed(rows.w, column),
  );
}

// What a thread needs of four rows to bound their products.
struct Sizes {
  scale: vec4f,
  // Factors of an exemplar's length and of its error.
  of_length: vec4f,
  of_error: vec4f,
  is_bounded: vec4<bool>,
}

fn sizes_of(row: u32) -> Sizes {
  let last = params.rows - 1u;
  let s0 = left_sizes[min(row, last)];
  let s1 = left_sizes[min(row + 1u, last)];
  let s2 = left_sizes[min(row + 2u, last)];
  let s3 = left_sizes[min(row + 3u, last)];
  let length = vec4f(s0.y, s1.y, s2.y, s3.y);
  let error = vec4f(s0.z, s1.z, s2.z, s3.z);
  let allowance = bitcast<f32>(params.allowance);
  return Sizes(
    vec4f(s0.x, s1.x, s2.x, s3.x),
    allowance * (error + bitcast<f32>(params.rounding) * length),
    allowance * (length + error),
    error < vec4f(UNBOUNDED),
  );
}

// The largest of `most` and the bounds of four rows' products with the exemplar of a column.
fn raised(most: vec4f, sizes: Sizes, column: u32, integers: vec4i) -> vec4f {
  if (column < params.start || column >= params.end) {
    return most;
  }
  let exemplar = right_sizes[column];
  let bound = sizes.scale * exemplar.x * vec4f(integers) + sizes.of_length * exemplar.y + sizes.of_error * exemplar.z;
  let is_bounded = sizes.is_bounded & vec4<bool>(exemplar.z < UNBOUNDED);
  return max(most, select(vec4f(HIGHEST), bound, is_bounded));
}

fn put(row: u32, group: u32, most: f32) {
  if (row < params.rows) {
    bounds[row * params.groups + group] = most;
  }
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let left_row = group.x * TILE;
  let right_row = params.origin + group.y * TILE;
  // As in dot_tile.wgsl: d0 and d1 are the first column with the thread's rows 0..3 and 4..7, d2 and d3 the second, ...
  var d0 = vec4i(0);
  var d1 = vec4i(0);
  var d2 = vec4i(0);
  var d3 = vec4i(0);
  var d4 = vec4i(0);
  var d5 = vec4i(0);
  var d6 = vec4i(0);
  var d7 = vec4i(0);
  var d8 = vec4i(0);
  var d9 = vec4i(0);
  var d10 = vec4i(0);
  var d11 = vec4i(0);
  var d12 = vec4i(0);
  var d13 = vec4i(0);
  var d14 = vec4i(0);
  var d15 = vec4i(0);
  let row = thread >> 3u;
  let column = thread & 7u;
  // Four vec4s, 64 coordinates, of every row at a time.
  for (var d = 0u; d < params.stride; d += 4u) {
    load_strips(thread, left_row, right_row, d);
    workgroupBarrier();
    for (var k = 0u; k < 16u; k++) {
      let l0 = left_strip[k * PITCH + row];
      let l1 = left_strip[k * PITCH + row + 8u];
      let r0 = right_strip[k * PITCH + column];
      let r1 = right_strip[k * PITCH + column + 8u];
      d0 += products(l0, r0.x);
      d1 += products(l1, r0.x);
      d2 += products(l0, r0.y);
      d3 += products(l1, r0.y);
      d4 += products(l0, r0.z);
      d5 += products(l1, r0.z);
      d6 += products(l0, r0.w);
      d7 += products(l1, r0.w);
      d8 += products(l0, r1.x);
      d9 += products(l1, r1.x);
      d10 += products(l0, r1.y);
      d11 += products(l1, r1.y);
      d12 += products(l0, r1.z);
      d13 += products(l1, r1.z);
      d14 += products(l0, r1.w);
      d15 += products(l1, r1.w);
    }
    // The next strips are stored only when all have read these.
    workgroupBarrier();
  }

  let first_row = left_row + 4u * row;
  let first_column = right_row + 4u * column;
  let upper_sizes = sizes_of(first_row);
  let lower_sizes = sizes_of(first_row + 32u);
  var upper = vec4f(LOWEST);
  var lower = vec4f(LOWEST);
  upper = raised(upper, upper_sizes, first_column, d0);
  lower = raised(lower, lower_sizes, first_column, d1);
  upper = raised(upper, upper_sizes, first_column + 1u, d2);
  lower = raised(lower, lower_sizes, first_column + 1u, d3);
  upper = raised(upper, upper_sizes, first_column + 2u, d4);
  lower = raised(lower, lower_sizes, first_column + 2u, d5);
  upper = raised(upper, upper_sizes, first_column + 3u, d6);
  lower = raised(lower, lower_sizes, first_column + 3u, d7);
  upper = raised(upper, upper_sizes, first_column + 32u, d8);
  lower = raised(lower, lower_sizes, first_column + 32u, d9);
  upper = raised(upper, upper_sizes, first_column + 33u, d10);
  lower = raised(lower, lower_sizes, first_column + 33u, d11);
  upper = raised(upper, upper_sizes, first_column + 34u, d12);
  lower = raised(lower, lower_sizes, first_column + 34u, d13);
  upper = raised(upper, upper_sizes, first_column + 35u, d14);
  lower = raised(lower, lower_sizes, first_column + 35u, d15);

  let own_group = group.y * 8u + column;
  put(first_row, own_group, upper.x);
  put(first_row + 1u, own_group, upper.y);
  put(first_row + 2u, own_group, upper.z);
  put(first_row + 3u, own_group, upper.w);
  put(first_row + 32u, own_group, lower.x);
  put(first_row + 33u, own_group, lower.y);
  put(first_row + 34u, own_group, lower.z);
  put(first_row + 35u, own_group, lower.w);
}
