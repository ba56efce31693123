// The exemplar of largest dot product for every query row, the lowest on ties; follows dot_tile.wgsl.
//
// Workgroup (x, y) compares 64 queries with the y-th share of one chunk's exemplars, keeping a running best: no matrix of
// similarities exists. Chunks are dispatched in ascending order and continue the same shares, so within a share a later
// candidate always has a higher number and must be strictly better. nearest_reduce.wgsl then unites the shares.
//
// left    queries, rows x stride vec4s
// right   exemplars of one chunk, from row 0 of the chunk
// shares  shares x rows: bits of the similarity, region

struct Params {
  rows: u32,
  // Rows of the chunk that take part: from `start` to `end`, exclusive.
  start: u32,
  end: u32,
  stride: u32,
  // Region of the chunk's row 0.
  first_region: u32,
  tiles_per_share: u32,
  // 0 on the first chunk, whose shares have no best yet.
  continues: u32,
}

@group(0) @binding(2) var<storage, read_write> shares: array<vec2u>;
@group(0) @binding(3) var<uniform> params: Params;

// Below every dot product; WGSL has no infinity.
const LOWEST = -3.4e38;

var<workgroup> candidates: array<vec2u, 512>;

// The best so far of a thread's rows 0..3 (upper) and 4..7 (lower).
struct Best {
  upper: vec4f,
  lower: vec4f,
  upper_region: vec4u,
  lower_region: vec4u,
}

fn better(best: Best, column: u32, upper: vec4f, lower: vec4f) -> Best {
  let region = vec4u(params.first_region + column);
  let upper_better = (upper > best.upper) & vec4<bool>(column < params.end);
  let lower_better = (lower > best.lower) & vec4<bool>(column < params.end);
  return Best(
    select(best.upper, upper, upper_better),
    select(best.lower, lower, lower_better),
    select(best.upper_region, region, upper_better),
    select(best.lower_region, region, lower_better),
  );
}

fn offer(row: u32, thread: u32, value: f32, number: u32) {
  candidates[row * 8u + (thread & 7u)] = vec2u(bitcast<u32>(value), number);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let left_row = group.x * TILE;
  var best = Best(vec4f(LOWEST), vec4f(LOWEST), vec4u(0u), vec4u(0u));
  let share_start = params.start + group.y * params.tiles_per_share * TILE;
  let share_end = min(share_start + params.tiles_per_share * TILE, params.end);
  for (var right_row = share_start; right_row < share_end; right_row += TILE) {
    let dots = multiply_tile(thread, left_row, params.rows, right_row, params.end, params.stride);
    let column = right_row + first_column(thread);
    best = better(best, column, dots.d0, dots.d1);
    best = better(best, column + 1u, dots.d2, dots.d3);
    best = better(best, column + 2u, dots.d4, dots.d5);
    best = better(best, column + 3u, dots.d6, dots.d7);
    best = better(best, column + 32u, dots.d8, dots.d9);
    best = better(best, column + 33u, dots.d10, dots.d11);
    best = better(best, column + 34u, dots.d12, dots.d13);
    best = better(best, column + 35u, dots.d14, dots.d15);
  }

  // Eight threads have candidates for each row, one from each of their columns.
  let row = first_row(thread);
  offer(row, thread, best.upper.x, best.upper_region.x);
  offer(row + 1u, thread, best.upper.y, best.upper_region.y);
  offer(row + 2u, thread, best.upper.z, best.upper_region.z);
  offer(row + 3u, thread, best.upper.w, best.upper_region.w);
  offer(row + 32u, thread, best.lower.x, best.lower_region.x);
  offer(row + 33u, thread, best.lower.y, best.lower_region.y);
  offer(row + 34u, thread, best.lower.z, best.lower_region.z);
  offer(row + 35u, thread, best.lower.w, best.lower_region.w);
  workgroupBarrier();

  // One thread a row: the best of its eight column threads and of the chunks before.
  let own = left_row + thread;
  if (own >= params.rows) {
    return;
  }
  let slot = group.y * params.rows + own;
  var value = LOWEST;
  var number = 0u;
  if (params.continues != 0u) {
    value = bitcast<f32>(shares[slot].x);
    number = shares[slot].y;
  }
  for (var i = 0u; i < 8u; i++) {
    let candidate = candidates[thread * 8u + i];
    let other = bitcast<f32>(candidate.x);
    if (other > value || (other == value && candidate.y < number)) {
      value = other;
      number = candidate.y;
    }
  }
  shares[slot] = vec2u(bitcast<u32>(value), number);
}
