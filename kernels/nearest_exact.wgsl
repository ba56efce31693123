// The exemplar of largest dot product for every query row, the lowest on ties, among those that similarity_bounds.wgsl
// cannot rule out. A dot product is the same chain of fused multiply-adds as in dot_tile.wgsl, so that the answer has the
// same bytes as nearest.wgsl's.
//
// A workgroup of 64 threads a query. The group of eight exemplars with the highest bound is compared first: whoever's bound
// is below its best cannot be nearest, and seldom are there any others. Chunks are dispatched in ascending order, each
// knowing the best of those before. A query that too many groups are left for is put on the list of those that
// nearest.wgsl searches.
//
// queries     rows x stride vec4s
// exemplars   of one chunk, from row 0 of the chunk
// bounds      rows x groups, grouped as similarity_bounds.wgsl says
// nearest     rows: bits of the similarity, region; from `offset` on. The region UNSETTLED is a query's on the list
// unsettled   pairs of a query and its place on the list
// workgroups  of the dispatches for the list, in threes: of copy_rows.wgsl, of nearest.wgsl, of a thread a query

struct Params {
  start: u32,
  end: u32,
  stride: u32,
  origin: u32,
  groups: u32,
  // Region of the chunk's row 0.
  first_region: u32,
  offset: u32,
  // 0 on the first chunk, before which nothing is known.
  continues: u32,
}

@group(0) @binding(0) var<storage, read> queries: array<vec4f>;
@group(0) @binding(1) var<storage, read> exemplars: array<vec4f>;
@group(0) @binding(2) var<storage, read> bounds: array<f32>;
@group(0) @binding(3) var<storage, read_write> nearest: array<vec2u>;
@group(0) @binding(4) var<storage, read_write> unsettled: array<vec2u>;
@group(0) @binding(5) var<storage, read_write> workgroups: array<atomic<u32>>;
@group(0) @binding(6) var<uniform> params: Params;

const THREADS = 64u;
// Below every dot product; WGSL has no infinity.
const LOWEST = -3.4e38;
const UNSETTLED = 0xffffffffu;
// Groups that are compared beside the first. For more, nearest.wgsl is faster, which reads an exemplar once for 64 queries.
const MOST_GROUPS = 128u;

// Bits of a number and what it belongs to, a region or a group: one for each thread.
var<workgroup> offers: array<vec2u, THREADS>;
var<workgroup> known: vec2u;
var<workgroup> list: array<u32, MOST_GROUPS>;
var<workgroup> listed: atomic<u32>;
var<workgroup> listed_count: u32;

// Whether `a` comes before `b`: it is larger, or as large and lower.
fn is_before(a: vec2u, b: vec2u) -> bool {
  let value = bitcast<f32>(a.x);
  let other = bitcast<f32>(b.x);
  return value > other || (value == other && a.y < b.y);
}

// The first of all threads' offers, the same in all of them.
fn first_of(offer: vec2u, thread: u32) -> vec2u {
  // Nobody reads the offers before any more.
  workgroupBarrier();
  offers[thread] = offer;
  workgroupBarrier();
  // Eight threads look at eight offers each, then each thread at what these have left.
  if (thread < 8u) {
    for (var other = thread + 8u; other < THREADS; other += 8u) {
      if (is_before(offers[other], offers[thread])) {
        offers[thread] = offers[other];
      }
    }
  }
  workgroupBarrier();
  var first = offers[0];
  for (var other = 1u; other < 8u; other++) {
    if (is_before(offers[other], first)) {
      first = offers[other];
    }
  }
  return first;
}

fn query_at(place: u32, d: u32) -> vec4f {
  if (d >= params.stride) {
    return vec4f(0.0);
  }
  return queries[place + d];
}

fn exemplar_at(place: u32, d: u32) -> vec4f {
  if (d >= params.stride) {
    return vec4f(0.0);
  }
  return exemplars[place + d];
}

fn dot_product(query: u32, exemplar: u32) -> f32 {
  let query_place = query * params.stride;
  let exemplar_place = exemplar * params.stride;
  var sum = 0.0;
  // To the end of dot_tile.wgsl's last strip: adding zeros makes a positive zero of a negative one.
  for (var d = 0u; d < (params.stride + 3u) / 4u * 4u; d++) {
    let x = query_at(query_place, d);
    let w = exemplar_at(exemplar_place, d);
    sum = fma(x.x, w.x, sum);
    sum = fma(x.y, w.y, sum);
    sum = fma(x.z, w.z, sum);
    sum = fma(x.w, w.w, sum);
  }
  return sum;
}

// The better of `best` and one exemplar of a group: bits of the similarity, region.
fn compared(best: vec2u, query: u32, group: u32, member: u32) -> vec2u {
  let exemplar = params.origin + (group >> 3u) * 64u + (group & 7u) * 4u + (member & 3u) + (member >> 2u) * 32u;
  if (exemplar < params.start || exemplar >= params.end) {
    return best;
  }
  let offer = vec2u(bitcast<u32>(dot_product(query, exemplar)), params.first_region + exemplar);
  return select(best, offer, is_before(offer, best));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  let row = workgroup.x;
  if (thread == 0u) {
    known = vec2u(bitcast<u32>(LOWEST), 0u);
    if (params.continues != 0u) {
      known = nearest[params.offset + row];
    }
  }
  var best = workgroupUniformLoad(&known);
  if (best.y == UNSETTLED) {
    return;
  }

  let first_bound = row * params.groups;
  var highest = vec2u(bitcast<u32>(LOWEST), 0u);
  for (var group = thread; group < params.groups; group += THREADS) {
    let offer = vec2u(bitcast<u32>(bounds[first_bound + group]), group);
    if (is_before(offer, highest)) {
      highest = offer;
    }
  }
  let first_group = first_of(highest, thread);
  if (thread < 8u) {
    best = compared(best, row, first_group.y, thread);
  }
  best = first_of(best, thread);

  let least = bitcast<f32>(best.x);
  for (var group = thread; group < params.groups; group += THREADS) {
    // `>=`: an exemplar as similar as the best may have a lower number.
    if (bounds[first_bound + group] >= least && group != first_group.y) {
      let place = atomicAdd(&listed, 1u);
      if (place < MOST_GROUPS) {
        list[place] = group;
      }
    }
  }
  workgroupBarrier();
  if (thread == 0u) {
    listed_count = atomicLoad(&listed);
  }
  let count = workgroupUniformLoad(&listed_count);
  if (count > MOST_GROUPS) {
    if (thread == 0u) {
      // In the order in which workgroups come here: a query's answer does not depend on its place.
      let place = atomicAdd(&workgroups[1], 1u);
      unsettled[place] = vec2u(row, place);
      atomicMax(&workgroups[3], place / 64u + 1u);
      atomicMax(&workgroups[6], place / 64u + 1u);
      nearest[params.offset + row] = vec2u(0u, UNSETTLED);
    }
    return;
  }
  // Groups are listed in any order; the best of them is the same.
  for (var i = thread; i < count * 8u; i += THREADS) {
    best = compared(best, row, list[i >> 3u], i & 7u);
  }
  best = first_of(best, thread);
  if (thread == 0u) {
    nearest[params.offset + row] = best;
  }
}
