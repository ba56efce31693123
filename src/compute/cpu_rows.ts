/** Moving rows within the host: out of matrices, between them, and into sums. */
import { assertCopy, assertRowNumbers, assertSameDim, type RowGroups } from "./backend.ts";
import type { CpuMatrix } from "./cpu_matrix.ts";
import { rowsOf } from "./rows_of.ts";

/** A copy of the matrix, or of the given rows in their order. */
export function download(matrix: CpuMatrix, rows?: Int32Array): Float32Array<ArrayBuffer> {
  if (!rows) return matrix.view().slice();
  assertRowNumbers(rows, matrix);
  return rowsOf(matrix.view(), matrix.dim, rows);
}

/** Copies rows; of several copies to one target row the last counts. */
export function copyRows(from: CpuMatrix, sourceRows: Int32Array, to: CpuMatrix, targetRows: Int32Array): void {
  assertCopy(from, sourceRows, to, targetRows);
  const { rows: before } = to;
  let last = -1;
  for (const row of targetRows) last = Math.max(last, row);
  to.grow(last + 1);
  // Within one matrix rows may be exchanged: all are read before the first is written.
  const rows = Array.from(
    sourceRows,
    (row) => from === to ? from.view(row, row + 1).slice() : from.view(row, row + 1),
  );
  rows.forEach((row, i) => {
    const [target, end] = [targetRows[i], targetRows[i] + 1];
    // What is appended, nobody has looked at.
    (target < before ? to.overwrite(target, end) : to.view(target, end)).set(row);
  });
}

/**
 * Adds each group's sum to its row of `sums`. One read and one add a number: memory-bound, and nothing beside the GEMM
 * that assigned the rows.
 */
export function accumulate(sums: CpuMatrix, directions: CpuMatrix, { regions, offsets, rows }: RowGroups): void {
  assertSameDim(sums, directions);
  assertRowNumbers(rows, directions);
  if (regions.length === 0) return;
  // Regions ascend: the last is the largest.
  sums.grow(regions[regions.length - 1] + 1);
  const { dim } = sums;
  const partial = new Float64Array(dim);
  // Rows may be added to others of the same matrix: all are read as they were.
  const data = sums === directions ? directions.view().slice() : directions.view();
  for (let g = 0; g < regions.length; g++) {
    const target = sums.overwrite(regions[g], regions[g] + 1);
    if (offsets[g + 1] === offsets[g] + 1) {
      const start = rows[offsets[g]] * dim;
      for (let j = 0; j < dim; j++) target[j] += data[start + j];
      continue;
    }
    // A group's total is rounded to float32 once, not at each of its rows.
    partial.fill(0);
    const end = offsets[g + 1];
    let i = offsets[g];
    for (; i + 3 < end; i += 4) {
      addFour(partial, data, rows[i] * dim, rows[i + 1] * dim, rows[i + 2] * dim, rows[i + 3] * dim);
    }
    for (; i < end; i++) {
      const start = rows[i] * dim;
      for (let j = 0; j < dim; j++) partial[j] += data[start + j];
    }
    for (let j = 0; j < dim; j++) target[j] += partial[j];
  }
}

/** Adds four rows of `data`, one after the other: a fourth of the reads and writes of `sums`, and the same sums. */
function addFour(sums: Float64Array, data: Float32Array, a: number, b: number, c: number, d: number): void {
  for (let j = 0; j < sums.length; j++) sums[j] = sums[j] + data[a + j] + data[b + j] + data[c + j] + data[d + j];
}
