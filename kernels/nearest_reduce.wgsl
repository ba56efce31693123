// Unites the shares that nearest.wgsl leaves: the largest similarity of each row, the lowest region on ties.
//
// best      shares x rows: bits of the similarity, region
// nearest   rows: bits of the similarity, region; written from `offset` on

struct Params {
  rows: u32,
  shares: u32,
  offset: u32,
}

@group(0) @binding(0) var<storage, read> best: array<vec2u>;
@group(0) @binding(1) var<storage, read_write> nearest: array<vec2u>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let row = id.x;
  if (row >= params.rows) {
    return;
  }
  var result = best[row];
  for (var share = 1u; share < params.shares; share++) {
    // Shares hold runs of every chunk, so a later share may have a lower region: ties are compared.
    let candidate = best[share * params.rows + row];
    let value = bitcast<f32>(candidate.x);
    let current = bitcast<f32>(result.x);
    if (value > current || (value == current && candidate.y < result.y)) {
      result = candidate;
    }
  }
  nearest[params.offset + row] = result;
}
