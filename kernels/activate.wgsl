// The active features of every row: those whose product plus bias exceeds their threshold, and of these the `most` largest,
// the lowest on ties. Only they are written: each row's together and ascending, the rows in any order.
//
// One workgroup a row, row = x + y * rows_per_line. Thresholds are at least 0, so active values are positive, and positive
// floats are ordered as their bits are: the largest are found digit by digit, by counting (a radix select). All counts are
// integers and all places follow from them, so a run repeats to the byte, but for where a row begins.
//
// products     rows x size
// bias         size
// thresholds   size
// next         where the next row begins; the host sets it to 0 first
// places       rows: where each row begins, and how many features it has
// found        feature and bits of its value; rows that reach beyond the capacity are cut, and the host asks again

struct Params {
  rows: u32,
  size: u32,
  rows_per_line: u32,
  // Most active features of a row; `size` for no limit.
  most: u32,
  capacity: u32,
}

@group(0) @binding(0) var<storage, read> products: array<f32>;
@group(0) @binding(1) var<storage, read> bias: array<f32>;
@group(0) @binding(2) var<storage, read> thresholds: array<f32>;
@group(0) @binding(3) var<storage, read_write> next: atomic<u32>;
@group(0) @binding(4) var<storage, read_write> places: array<vec2u>;
@group(0) @binding(5) var<storage, read_write> found: array<vec2u>;
@group(0) @binding(6) var<uniform> params: Params;

const THREADS = 64u;
const PER_THREAD = 4u;
const STRIP = 256u;
const BINS = 256u;

var<workgroup> count: atomic<u32>;
var<workgroup> bins: array<atomic<u32>, BINS>;
var<workgroup> chosen_bin: u32;
var<workgroup> chosen_rank: u32;
var<workgroup> row_start: u32;
var<workgroup> scanned: array<u32, THREADS>;

// Bits of an active feature's value, 0 for any other.
fn active_bits(row: u32, feature: u32) -> u32 {
  if (feature >= params.size) {
    return 0u;
  }
  let value = products[row * params.size + feature] + bias[feature];
  return select(0u, bitcast<u32>(value), value > thresholds[feature]);
}

// Counts above the limit in the lower half and at the limit in the upper: a strip has no more than 256 of each.
fn tally(bits: u32, limit: u32) -> u32 {
  return select(0u, 1u, bits > limit) + select(0u, 0x10000u, bits == limit && bits > 0u);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let row = group.x + group.y * params.rows_per_line;
  if (row >= params.rows) {
    return;
  }
  var own = 0u;
  for (var feature = thread; feature < params.size; feature += THREADS) {
    // `count` starts at 0, as all workgroup memory of WGSL does.
    own += select(0u, 1u, active_bits(row, feature) > 0u);
  }
  atomicAdd(&count, own);
  workgroupBarrier();
  let kept = min(atomicLoad(&count), params.most);

  // The smallest value to keep, and how many of those that equal it.
  var limit = 0u;
  var room = 0u;
  if (params.most < params.size) {
    // Before each digit: `limit` has the digits found so far, `room` is the rank of the wanted value among those that
    // share them.
    var mask = 0u;
    room = kept;
    for (var digit = 0u; digit < 4u; digit++) {
      let shift = 24u - 8u * digit;
      for (var bin = thread; bin < BINS; bin += THREADS) {
        atomicStore(&bins[bin], 0u);
      }
      workgroupBarrier();
      for (var feature = thread; feature < params.size; feature += THREADS) {
        let bits = active_bits(row, feature);
        if (bits > 0u && (bits & mask) == limit) {
          atomicAdd(&bins[(bits >> shift) & 255u], 1u);
        }
      }
      workgroupBarrier();
      if (thread == 0u) {
        // From the largest digit down to the one that holds the rank.
        var bin = BINS - 1u;
        var rank = room;
        var inside = atomicLoad(&bins[bin]);
        while (inside < rank && bin > 0u) {
          rank -= inside;
          bin--;
          inside = atomicLoad(&bins[bin]);
        }
        chosen_bin = bin;
        chosen_rank = rank;
      }
      workgroupBarrier();
      limit |= chosen_bin << shift;
      room = chosen_rank;
      mask |= 255u << shift;
      workgroupBarrier();
    }
  }

  if (thread == 0u) {
    // In the order in which workgroups come here: only where a row begins differs from run to run.
    row_start = atomicAdd(&next, kept);
    places[row] = vec2u(row_start, kept);
  }
  workgroupBarrier();
  let start = row_start;
  // Kept features of the strips before: above the limit, and at it.
  var above = 0u;
  var ties = 0u;
  for (var strip = 0u; strip < params.size; strip += STRIP) {
    let first = strip + thread * PER_THREAD;
    var bits: array<u32, PER_THREAD>;
    var sum = 0u;
    for (var i = 0u; i < PER_THREAD; i++) {
      bits[i] = active_bits(row, first + i);
      sum += tally(bits[i], limit);
    }
    // Sums over all threads up to this one (Hillis and Steele, 1986), both halves at once.
    scanned[thread] = sum;
    workgroupBarrier();
    for (var step = 1u; step < THREADS; step *= 2u) {
      var before = 0u;
      if (thread >= step) {
        before = scanned[thread - step];
      }
      workgroupBarrier();
      scanned[thread] += before;
      workgroupBarrier();
    }
    let ahead = scanned[thread] - sum;
    let total = scanned[THREADS - 1u];
    var own_above = above + (ahead & 0xffffu);
    var own_ties = ties + (ahead >> 16u);
    for (var i = 0u; i < PER_THREAD; i++) {
      let is_tie = bits[i] == limit && bits[i] > 0u;
      // Of those at the limit only the first `room` take a place.
      let place = start + own_above + min(own_ties, room);
      if ((bits[i] > limit || (is_tie && own_ties < room)) && place < params.capacity) {
        found[place] = vec2u(first + i, bits[i]);
      }
      own_above += select(0u, 1u, bits[i] > limit);
      own_ties += select(0u, 1u, is_tie);
    }
    above += total & 0xffffu;
    ties += total >> 16u;
    workgroupBarrier();
  }
}
