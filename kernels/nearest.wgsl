// The exemplar of largest dot product for every query row, the lowest on ties; follows dot_tile.wgsl.
//
// Workgroup (x, y) compares 64 queries with the y-th share of one chunk's exemplars, keeping a running best: no matrix of
// similarities exists. Chunks are dispatched in ascending order and continue the same shares, so within a share a later
// candidate always has a higher number and must be strictly better. nearest_reduce.wgsl then unites the shares.
//
// left    queries, rows x stride vec4s
// right   exemplars of one chunk, from row 0 of the chunk
// best    shares x rows: bits of the similarity, region

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

@group(0) @binding(2) var<storage, read_write> best: array<vec2u>;
@group(0) @binding(3) var<uniform> params: Params;

const LOWEST = -3.4e38;

var<workgroup> candidates: array<vec2u, 512>;
var<private> similarity: array<vec4f, 2>;
var<private> region: array<vec4u, 2>;

fn consider(column: u32, upper: vec4f, lower: vec4f) {
  if (column >= params.end) {
    return;
  }
  let candidate = vec4u(params.first_region + column);
  let upper_better = upper > similarity[0];
  similarity[0] = select(similarity[0], upper, upper_better);
  region[0] = select(region[0], candidate, upper_better);
  let lower_better = lower > similarity[1];
  similarity[1] = select(similarity[1], lower, lower_better);
  region[1] = select(region[1], candidate, lower_better);
}

fn offer(row: u32, thread: u32, value: f32, number: u32) {
  candidates[row * 8u + (thread & 7u)] = vec2u(bitcast<u32>(value), number);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let left_row = group.x * TILE;
  similarity = array<vec4f, 2>(vec4f(LOWEST), vec4f(LOWEST));
  region = array<vec4u, 2>();
  let share_start = params.start + group.y * params.tiles_per_share * TILE;
  let share_end = min(share_start + params.tiles_per_share * TILE, params.end);
  for (var right_row = share_start; right_row < share_end; right_row += TILE) {
    multiply_tile(thread, left_row, params.rows, right_row, params.end, params.stride);
    let column = right_row + first_column(thread);
    consider(column, dots[0], dots[1]);
    consider(column + 1u, dots[2], dots[3]);
    consider(column + 2u, dots[4], dots[5]);
    consider(column + 3u, dots[6], dots[7]);
    consider(column + 32u, dots[8], dots[9]);
    consider(column + 33u, dots[10], dots[11]);
    consider(column + 34u, dots[12], dots[13]);
    consider(column + 35u, dots[14], dots[15]);
  }

  let row = first_row(thread);
  offer(row, thread, similarity[0].x, region[0].x);
  offer(row + 1u, thread, similarity[0].y, region[0].y);
  offer(row + 2u, thread, similarity[0].z, region[0].z);
  offer(row + 3u, thread, similarity[0].w, region[0].w);
  offer(row + 32u, thread, similarity[1].x, region[1].x);
  offer(row + 33u, thread, similarity[1].y, region[1].y);
  offer(row + 34u, thread, similarity[1].z, region[1].z);
  offer(row + 35u, thread, similarity[1].w, region[1].w);
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
    value = bitcast<f32>(best[slot].x);
    number = best[slot].y;
  }
  for (var i = 0u; i < 8u; i++) {
    let candidate = candidates[thread * 8u + i];
    let other = bitcast<f32>(candidate.x);
    if (other > value || (other == value && candidate.y < number)) {
      value = other;
      number = candidate.y;
    }
  }
  best[slot] = vec2u(bitcast<u32>(value), number);
}
