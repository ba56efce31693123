// Counts pairwise cosine distances 1 - <left_i, right_j>, i < j, clamped to [0, 2]; follows dot_tile.wgsl.
//
// A float32 distance computed as 1 - dot is a whole multiple of 2^-24, so 2^25 steps over [0, 2] hold every one exactly.
// The first pass counts the top 10 bits of the step. The host finds the bins that hold the wanted ranks, and the
// second pass counts the other 15 bits within those bins only. Counts are integers: their order does not matter, so a run repeats to the byte.
//
// Workgroup (x, y): the x-th span of column tiles, row tile y.
//
// left, right   rows of two chunks of one matrix (or twice the same chunk), rows x stride vec4s
// counts        first pass: 1024 counts; second: 32768 for each wanted bin
// slots         second pass: for each of the 1024 bins its place among the wanted bins plus 1, or 0

struct Params {
  left_rows: u32,
  right_rows: u32,
  stride: u32,
  // Row numbers of the chunks' first rows in the whole matrix.
  left_first: u32,
  right_first: u32,
  tiles_per_span: u32,
  second_pass: u32,
}

@group(0) @binding(2) var<storage, read_write> counts: array<atomic<u32>>;
@group(0) @binding(3) var<storage, read> slots: array<u32>;
@group(0) @binding(4) var<uniform> params: Params;

const BINS = 1024u;
const FINE_BITS = 15u;
const FINE_MASK = 32767u;
// A distance of 2 would be step 2^25, one too many: it counts in the last.
const LAST_STEP = 33554431u;
const STEPS_PER_UNIT = 16777216.0;

// Of the first pass: most pairs fall in few bins, which would make the whole device wait for a few words of memory.
var<workgroup> local_counts: array<atomic<u32>, BINS>;

fn count(row: u32, column: u32, dot: f32) {
  let is_pair = params.left_first + row < params.right_first + column;
  if (!is_pair || row >= params.left_rows || column >= params.right_rows) {
    return;
  }
  let step = min(u32(clamp(1.0 - dot, 0.0, 2.0) * STEPS_PER_UNIT), LAST_STEP);
  let bin = step >> FINE_BITS;
  if (params.second_pass == 0u) {
    atomicAdd(&local_counts[bin], 1u);
    return;
  }
  let slot = slots[bin];
  if (slot > 0u) {
    atomicAdd(&counts[((slot - 1u) << FINE_BITS) + (step & FINE_MASK)], 1u);
  }
}

fn count_rows(row: u32, column: u32, values: vec4f) {
  count(row, column, values.x);
  count(row + 1u, column, values.y);
  count(row + 2u, column, values.z);
  count(row + 3u, column, values.w);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  for (var bin = thread; bin < BINS; bin += 64u) {
    atomicStore(&local_counts[bin], 0u);
  }
  workgroupBarrier();
  let left_row = group.y * TILE;
  let span_start = group.x * params.tiles_per_span * TILE;
  let span_end = min(span_start + params.tiles_per_span * TILE, params.right_rows);
  for (var right_row = span_start; right_row < span_end; right_row += TILE) {
    // A tile on or below the diagonal that holds no pair i < j.
    if (params.left_first + left_row + 1u >= params.right_first + right_row + TILE) {
      continue;
    }
    let dots = multiply_tile(thread, left_row, params.left_rows, right_row, params.right_rows, params.stride);
    let row = left_row + first_row(thread);
    let column = right_row + first_column(thread);
    count_rows(row, column, dots.d0);
    count_rows(row + 32u, column, dots.d1);
    count_rows(row, column + 1u, dots.d2);
    count_rows(row + 32u, column + 1u, dots.d3);
    count_rows(row, column + 2u, dots.d4);
    count_rows(row + 32u, column + 2u, dots.d5);
    count_rows(row, column + 3u, dots.d6);
    count_rows(row + 32u, column + 3u, dots.d7);
    count_rows(row, column + 32u, dots.d8);
    count_rows(row + 32u, column + 32u, dots.d9);
    count_rows(row, column + 33u, dots.d10);
    count_rows(row + 32u, column + 33u, dots.d11);
    count_rows(row, column + 34u, dots.d12);
    count_rows(row + 32u, column + 34u, dots.d13);
    count_rows(row, column + 35u, dots.d14);
    count_rows(row + 32u, column + 35u, dots.d15);
  }
  workgroupBarrier();
  if (params.second_pass == 0u) {
    for (var bin = thread; bin < BINS; bin += 64u) {
      let found = atomicLoad(&local_counts[bin]);
      if (found > 0u) {
        atomicAdd(&counts[bin], found);
      }
    }
  }
}
