// For every sparse row the bias plus its features' vectors, each times its value, over one chunk of vectors; later chunks
// continue the sums. Features ascend in a row, so every sum has one order, however the vectors are cut.
//
// Workgroup (x, y): vec4s 64 x .. 64 x + 63 of row y.
//
// vectors    rows of one chunk, rows x stride vec4s
// offsets    rows + 1: where each row starts in `features` and `values`
// features   row numbers in the whole matrix of vectors
// values     as long as `features`
// bias       stride vec4s
// sums       rows x stride vec4s

struct Params {
  rows: u32,
  stride: u32,
  // Row numbers of the chunk: from `first` to `end`, exclusive.
  first: u32,
  end: u32,
}

@group(0) @binding(0) var<storage, read> vectors: array<vec4f>;
@group(0) @binding(1) var<storage, read> offsets: array<u32>;
@group(0) @binding(2) var<storage, read> features: array<u32>;
@group(0) @binding(3) var<storage, read> values: array<f32>;
@group(0) @binding(4) var<storage, read> bias: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> sums: array<vec4f>;
@group(0) @binding(6) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let d = id.x;
  let row = id.y;
  if (d >= params.stride || row >= params.rows) {
    return;
  }
  // The first chunk starts from the bias, later ones from what those before left.
  var sum = bias[d];
  if (params.first > 0u) {
    sum = sums[row * params.stride + d];
  }
  for (var i = offsets[row]; i < offsets[row + 1u]; i++) {
    let feature = features[i];
    if (feature >= params.first && feature < params.end) {
      sum = fma(vec4f(values[i]), vectors[(feature - params.first) * params.stride + d], sum);
    }
  }
  sums[row * params.stride + d] = sum;
}
