// Writes what nearest.wgsl found for the queries that nearest_exact.wgsl left to it. A thread a query of the list.
//
// settled     bits of the similarity, region; in the order of the list
// unsettled   pairs of a query and its place on the list
// workgroups  the second number is the length of the list
// nearest     rows: bits of the similarity, region; from `offset` on

struct Params {
  offset: u32,
}

@group(0) @binding(0) var<storage, read> settled: array<vec2u>;
@group(0) @binding(1) var<storage, read> unsettled: array<vec2u>;
@group(0) @binding(2) var<storage, read> workgroups: array<u32>;
@group(0) @binding(3) var<storage, read_write> nearest: array<vec2u>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < workgroups[1]) {
    nearest[params.offset + unsettled[id.x].x] = settled[id.x];
  }
}
