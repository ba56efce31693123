// Sums of the rows of each group, in row order, over one chunk of directions; later chunks continue the sums.
// add_rows.wgsl then adds each sum once, so that a run repeats to the byte: no atomics on floats.
//
// Workgroup (x, y): vec4s 64 x .. 64 x + 63 of group y.
//
// directions   rows of one chunk, rows x stride vec4s
// offsets      groups + 1: where each group starts in `rows`
// rows         row numbers in the whole matrix, ascending within a group
// sums         groups x stride vec4s

struct Params {
  groups: u32,
  stride: u32,
  // Row numbers of the chunk: from `first` to `end`, exclusive.
  first: u32,
  end: u32,
  // 0 on the first chunk.
  continues: u32,
}

@group(0) @binding(0) var<storage, read> directions: array<vec4f>;
@group(0) @binding(1) var<storage, read> offsets: array<u32>;
@group(0) @binding(2) var<storage, read> rows: array<u32>;
@group(0) @binding(3) var<storage, read_write> sums: array<vec4f>;
@group(0) @binding(4) var<uniform> params: Params;

fn direction(row: u32, d: u32) -> vec4f {
  if (row < params.first || row >= params.end) {
    // Rows of other chunks add 0, which changes no bit of a sum.
    return vec4f(0.0);
  }
  return directions[(row - params.first) * params.stride + d];
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let d = id.x;
  let g = id.y;
  if (d >= params.stride || g >= params.groups) {
    return;
  }
  var sum = vec4f(0.0);
  if (params.continues != 0u) {
    sum = sums[g * params.stride + d];
  }
  var i = offsets[g];
  let end = offsets[g + 1u];
  // Four loads under way at a time: a large region is one long chain of additions.
  for (; i + 4u <= end; i += 4u) {
    let a = direction(rows[i], d);
    let b = direction(rows[i + 1u], d);
    let c = direction(rows[i + 2u], d);
    let e = direction(rows[i + 3u], d);
    sum = (((sum + a) + b) + c) + e;
  }
  for (; i < end; i++) {
    sum += direction(rows[i], d);
  }
  sums[g * params.stride + d] = sum;
}
