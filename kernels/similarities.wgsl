// All dot products of left rows with right rows; follows dot_tile.wgsl. Workgroup (x, y): column tile, row tile.
//
// left, right    rows x stride vec4s
// similarities   left_rows x pitch, written from column `offset` on

struct Params {
  left_rows: u32,
  right_rows: u32,
  stride: u32,
  pitch: u32,
  offset: u32,
}

@group(0) @binding(2) var<storage, read_write> similarities: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

fn put(row: u32, column: u32, value: f32) {
  if (row < params.left_rows && column < params.right_rows) {
    similarities[row * params.pitch + params.offset + column] = value;
  }
}

fn put_rows(row: u32, column: u32, values: vec4f) {
  put(row, column, values.x);
  put(row + 1u, column, values.y);
  put(row + 2u, column, values.z);
  put(row + 3u, column, values.w);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let left_row = group.y * TILE;
  let right_row = group.x * TILE;
  let dots = multiply_tile(thread, left_row, params.left_rows, right_row, params.right_rows, params.stride);
  let row = left_row + first_row(thread);
  let column = right_row + first_column(thread);
  put_rows(row, column, dots.d0);
  put_rows(row + 32u, column, dots.d1);
  put_rows(row, column + 1u, dots.d2);
  put_rows(row + 32u, column + 1u, dots.d3);
  put_rows(row, column + 2u, dots.d4);
  put_rows(row + 32u, column + 2u, dots.d5);
  put_rows(row, column + 3u, dots.d6);
  put_rows(row + 32u, column + 3u, dots.d7);
  put_rows(row, column + 32u, dots.d8);
  put_rows(row + 32u, column + 32u, dots.d9);
  put_rows(row, column + 33u, dots.d10);
  put_rows(row + 32u, column + 33u, dots.d11);
  put_rows(row, column + 34u, dots.d12);
  put_rows(row + 32u, column + 34u, dots.d13);
  put_rows(row, column + 35u, dots.d14);
  put_rows(row + 32u, column + 35u, dots.d15);
}
