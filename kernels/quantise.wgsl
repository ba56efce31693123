// Rows rotated and rounded to 8 bits, four to a word, and how far rounding may lie from them: what similarity_bounds.wgsl
// multiplies. A workgroup of 64 threads a row, row = first + x + y * rows_per_line.
//
// The rotation is the same for all rows, so dot products stay: random signs, then a Hadamard transform of every `block`
// coordinates. It spreads outlier coordinates out, without which 8 bits would be too coarse for the others. Sums and
// differences alone make it `sqrt(block)` times too long, which the scale takes back.
//
// The row goes through workgroup memory 1,024 coordinates at a time, and twice: first for its largest coordinate, which
// becomes 127, then for the integers.
//
// rows     rows x stride vec4s
// packed   rows x width / 4 words
// sizes    rows: the scale; at least the row's length; at least the length of what rounding took away, from the rotated
//          row; 0. A row of no length is 0, 0, 0; one that cannot be bounded, because a coordinate is not finite or beyond
//          2^30 or the largest is below 2^-30, is 0, 0, UNBOUNDED.

struct Params {
  count: u32,
  // Row number in the chunk of the first row that is quantised.
  first: u32,
  stride: u32,
  // Coordinates of a packed row: whole strips of 64, those beyond the row zeros.
  width: u32,
  // Coordinates of a Hadamard transform: a power of two from 64 to 256 that divides the width.
  block: u32,
  rows_per_line: u32,
  // Bits of the relative error of float32's rounding: see src/compute/webgpu_quantised.ts.
  rounding: u32,
}

@group(0) @binding(0) var<storage, read> rows: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> packed: array<u32>;
@group(0) @binding(2) var<storage, read_write> sizes: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;

const THREADS = 64u;
const STRIP = 256u;
const MOST = 127.0;
const UNBOUNDED = 1e38;
// Bits of 2^30 and 2^-30. Bits are compared and not numbers, because compilers may assume that no number is NaN.
const LARGEST_BITS = 0x4e800000u;
const SMALLEST_BITS = 0x30800000u;

var<workgroup> strip: array<vec4f, STRIP>;
// Bits of the largest coordinate, of the row and of the rotated row: those of positive numbers are ordered as these are.
var<workgroup> largest_given: atomic<u32>;
var<workgroup> largest_rotated: atomic<u32>;
var<workgroup> largest: vec2u;
// Squares of the rotated row, and of what rounding took away.
var<workgroup> squares: array<vec2f, THREADS>;

struct Four {
  a: vec4f,
  b: vec4f,
  c: vec4f,
  d: vec4f,
}

// A fixed random sign bit for every coordinate (TheIronBorn's hash).
fn sign_bit(coordinate: u32) -> u32 {
  var x = coordinate + 0x9e3779b9u;
  x = (x ^ (x >> 16u)) * 0x21f0aaadu;
  x = (x ^ (x >> 15u)) * 0x735a2d97u;
  return x & 0x80000000u;
}

fn sign_bits(coordinate: u32) -> vec4u {
  return vec4u(
    sign_bit(coordinate),
    sign_bit(coordinate + 1u),
    sign_bit(coordinate + 2u),
    sign_bit(coordinate + 3u),
  );
}

fn given_at(place: u32, d: u32) -> vec4f {
  if (d >= params.stride) {
    return vec4f(0.0);
  }
  return rows[place + d];
}

fn first_vec4(thread: u32) -> u32 {
  return thread / 16u * 64u + thread % 16u;
}

fn largest_bits(value: vec4f) -> u32 {
  let bits = bitcast<vec4u>(value) & vec4u(0x7fffffffu);
  return max(max(bits.x, bits.y), max(bits.z, bits.w));
}

// Two steps of the transform, between vec4s as far apart as a power of two and as twice that.
fn two_steps(v: Four, first: bool, second: bool) -> Four {
  var w = v;
  if (first) {
    w = Four(w.a + w.b, w.a - w.b, w.c + w.d, w.c - w.d);
  }
  if (second) {
    w = Four(w.a + w.c, w.b + w.d, w.a - w.c, w.b - w.d);
  }
  return w;
}

// A vec4 of the row at `place`, its signs changed, after the transform's first two steps, which lie within it.
fn begin(place: u32, d: u32) -> vec4f {
  let x = bitcast<vec4f>(bitcast<vec4u>(given_at(place, d)) ^ sign_bits(4u * d));
  let y = vec4f(x.x + x.y, x.x - x.y, x.z + x.w, x.z - x.w);
  return vec4f(y.xy + y.zw, y.xy - y.zw);
}

// Of the strip that begins at vec4 `start` of the row at `place`: the thread's four vec4s, rotated, which are the strip's
// `first_vec4` and every 16th from there. All threads must call it.
fn rotate_strip(place: u32, start: u32, thread: u32) -> Four {
  // Nobody reads the last strip any more.
  workgroupBarrier();
  // Steps between neighbours, then between those 4 and 8, then 16 and 32 apart. Threads without a vec4 of the row wait.
  let near = 4u * thread;
  if (start + near < params.width / 4u) {
    let d = start + near;
    let v = two_steps(Four(begin(place, d), begin(place, d + 1u), begin(place, d + 2u), begin(place, d + 3u)), true, true);
    strip[near] = v.a;
    strip[near + 1u] = v.b;
    strip[near + 2u] = v.c;
    strip[near + 3u] = v.d;
  }
  workgroupBarrier();
  let middle = thread / 4u * 16u + thread % 4u;
  if (start + middle < params.width / 4u) {
    let v = two_steps(Four(strip[middle], strip[middle + 4u], strip[middle + 8u], strip[middle + 12u]), true, true);
    strip[middle] = v.a;
    strip[middle + 4u] = v.b;
    strip[middle + 8u] = v.c;
    strip[middle + 12u] = v.d;
  }
  workgroupBarrier();
  let far = first_vec4(thread);
  let v = Four(strip[far], strip[far + 16u], strip[far + 32u], strip[far + 48u]);
  return two_steps(v, params.block >= 128u, params.block >= 256u);
}

// The largest bits of the row as it was given, and rotated. All threads of the workgroup must call it.
fn find_largest(place: u32, thread: u32) -> vec2u {
  var own = vec2u(0u);
  for (var d = thread; d < params.stride; d += THREADS) {
    own.x = max(own.x, largest_bits(given_at(place, d)));
  }
  for (var start = 0u; start < params.width / 4u; start += STRIP) {
    let v = rotate_strip(place, start, thread);
    let rest = params.width / 4u - start;
    let far = first_vec4(thread);
    own.y = max(own.y, select(0u, largest_bits(v.a), far < rest));
    own.y = max(own.y, select(0u, largest_bits(v.b), far + 16u < rest));
    own.y = max(own.y, select(0u, largest_bits(v.c), far + 32u < rest));
    own.y = max(own.y, select(0u, largest_bits(v.d), far + 48u < rest));
  }
  atomicMax(&largest_given, own.x);
  atomicMax(&largest_rotated, own.y);
  workgroupBarrier();
  if (thread == 0u) {
    largest = vec2u(atomicLoad(&largest_given), atomicLoad(&largest_rotated));
  }
  return workgroupUniformLoad(&largest);
}

fn pack(integers: vec4i) -> u32 {
  let bytes = bitcast<vec4u>(integers) & vec4u(255u);
  return bytes.x | (bytes.y << 8u) | (bytes.z << 16u) | (bytes.w << 24u);
}

// Writes four coordinates as word `word` of the packed row at `place`; their squares, and those of what rounding takes away.
fn rounded(value: vec4f, scale: f32, inverse: f32, place: u32, word: u32, words: u32) -> vec2f {
  if (word >= words) {
    return vec2f(0.0);
  }
  // Whatever rounding and the inverse make of it: what it takes away is measured.
  let integers = clamp(round(value * inverse), vec4f(-MOST), vec4f(MOST));
  packed[place + word] = pack(vec4i(integers));
  let lost = value - scale * integers;
  return vec2f(dot(value, value), dot(lost, lost));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let index = group.x + group.y * params.rows_per_line;
  if (index >= params.count) {
    return;
  }
  let row = params.first + index;
  let place = row * params.stride;
  let words = params.width / 4u;
  let found = find_largest(place, thread);
  if (found.x == 0u || found.x > LARGEST_BITS || found.x < SMALLEST_BITS) {
    for (var word = thread; word < words; word += THREADS) {
      packed[row * words + word] = 0u;
    }
    if (thread == 0u) {
      sizes[row] = vec4f(0.0, 0.0, select(UNBOUNDED, 0.0, found.x == 0u), 0.0);
    }
    return;
  }

  let top = bitcast<f32>(found.y);
  let scale = top / MOST;
  let inverse = MOST / top;
  var own = vec2f(0.0);
  for (var start = 0u; start < words; start += STRIP) {
    let v = rotate_strip(place, start, thread);
    let first = start + first_vec4(thread);
    own += rounded(v.a, scale, inverse, row * words, first, words);
    own += rounded(v.b, scale, inverse, row * words, first + 16u, words);
    own += rounded(v.c, scale, inverse, row * words, first + 32u, words);
    own += rounded(v.d, scale, inverse, row * words, first + 48u, words);
  }
  squares[thread] = own;
  workgroupBarrier();
  if (thread < 8u) {
    for (var other = thread + 8u; other < THREADS; other += 8u) {
      squares[thread] += squares[other];
    }
  }
  workgroupBarrier();
  if (thread == 0u) {
    let shorten = 1.0 / sqrt(f32(params.block));
    let rounding = bitcast<f32>(params.rounding);
    var sums = squares[0];
    for (var other = 1u; other < 8u; other++) {
      sums += squares[other];
    }
    let lengths = sqrt(sums) * shorten * (1.0 + rounding);
    sizes[row] = vec4f(scale * shorten, lengths.x, lengths.y + rounding * lengths.x, 0.0);
  }
}
