import { assert, assertEquals } from "@std/assert";
import type { Matrix } from "../../src/compute/backend.ts";
import { CpuBackend } from "../../src/compute/cpu.ts";
import { cpuMatrix } from "../../src/compute/cpu_matrix.ts";
import { rowNumbers } from "../../src/compute/row_numbers.ts";
import { SpareArrays } from "../../src/compute/spare_arrays.ts";
import { unitRows } from "./oracles.ts";

const MEGABYTE = 2 ** 18;

Deno.test("arrays that were given back are taken again, those of last first, if they are not far longer", () => {
  const spare = new SpareArrays();
  const [first, second] = [spare.take(MEGABYTE, "anything"), spare.take(MEGABYTE + 5, "zeros")];
  first.fill(1);
  second.fill(2);
  spare.give(first);
  spare.give(second);
  const again = spare.take(MEGABYTE, "anything");
  assertEquals([again.length, again[0]], [MEGABYTE, 2]);
  const clean = spare.take(MEGABYTE - 3, "zeros");
  assert(clean.buffer === first.buffer && clean.length === MEGABYTE - 3 && clean.every((value) => value === 0));
  spare.give(again);
  assertEquals(spare.take(MEGABYTE / 2, "anything")[0], 0);
  assertEquals(spare.take(2 * MEGABYTE, "anything")[0], 0);
  // All of a buffer, whatever part of it was in use.
  assertEquals(spare.take(MEGABYTE + 5, "anything")[MEGABYTE + 4], 2);
});

Deno.test("short arrays are not kept, nor more than two, nor more than 256 MB", () => {
  const spare = new SpareArrays();
  const keptOf = (count: number, length: number) => {
    for (let i = 1; i <= count; i++) spare.give(new Float32Array(length).fill(i, 0, 1));
    return Array.from({ length: count }, () => spare.take(length, "anything")[0]);
  };
  assertEquals(keptOf(1, MEGABYTE - 1), [0]);
  assertEquals(keptOf(3, MEGABYTE), [3, 2, 0]);
  assertEquals(keptOf(2, 2 ** 25 + 1), [2, 0]);
});

Deno.test("a matrix that was disposed is not written over while it is read, nor what was shown of it", async () => {
  const [rows, dim] = [4096, 64];
  const backend = new CpuBackend({ way: "float" });
  const x = backend.upload(unitRows(rows, dim, 1), rows, dim);
  using some = backend.upload(unitRows(1100, dim, 2), 1100, dim);
  const center = new Float32Array(dim).fill(0.1);
  const write = async () => {
    // As large as what was given back, and other numbers.
    using other = await backend.directions(backend.upload(unitRows(rows, dim, 3), rows, dim), center);
    using copy = backend.create(dim, rows);
    backend.copyRows(other, rowNumbers(0, rows), copy, rowNumbers(0, rows));
  };
  using kept = await backend.directions(x, center);
  const reads: ((matrix: Matrix) => Promise<unknown>)[] = [
    (matrix) => backend.nearest(some, matrix),
    (matrix) => backend.nearest(matrix, some),
    (matrix) => backend.similarities(some, matrix),
    (matrix) => backend.similarities(matrix, some),
    (matrix) => backend.percentiles(matrix, [1, 50]),
    (matrix) => backend.moments(matrix),
  ];
  for (const [i, read] of reads.entries()) {
    const right = await read(kept);
    for (let turns = 0; turns < 6; turns++) {
      const matrix = await backend.directions(x, center);
      const found = read(matrix);
      for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setTimeout(resolve));
      matrix.dispose();
      await write();
      assertEquals([i, await found], [i, right]);
    }
  }
  const shown = await backend.directions(x, center);
  const view = backend.view(shown);
  shown.dispose();
  await write();
  assertEquals(view, backend.view(kept));
});

Deno.test("what a matrix leaves behind when it grows is freed, but if it is read, was shown or is someone else's", async () => {
  const [rows, dim] = [32, 64];
  const backend = new CpuBackend({ way: "float" });
  using source = backend.upload(unitRows(rows, dim), rows, dim);
  const made = () => {
    const matrix = backend.create(dim, rows);
    backend.copyRows(source, rowNumbers(0, rows), matrix, rowNumbers(0, rows));
    return matrix;
  };
  const right = await backend.download(source);
  const left = [];
  for (const before of ["nothing", "a reader that is done", "a reader", "shown"] as const) {
    using matrix = made();
    const old = cpuMatrix(matrix).view();
    using _reader = before === "a reader" ? cpuMatrix(matrix).read() : undefined;
    if (before === "a reader that is done") await backend.nearest(source, matrix);
    const shown = before === "shown" ? backend.view(matrix) : undefined;
    backend.copyRows(source, Int32Array.of(3), matrix, Int32Array.of(rows));
    left.push(old.length);
    assertEquals(await backend.download(matrix, rowNumbers(0, rows)), right);
    if (shown) assertEquals(shown, right);
    // The larger one was not shown.
    const larger = cpuMatrix(matrix).view();
    backend.copyRows(source, Int32Array.of(3), matrix, Int32Array.of(4 * rows));
    if (before === "shown") assertEquals(larger.length, 0);
  }
  assertEquals(left, [0, 0, rows * dim, rows * dim]);
  const own = right.slice();
  using uploaded = backend.upload(own, rows, dim);
  backend.copyRows(source, Int32Array.of(3), uploaded, Int32Array.of(rows));
  assertEquals(own, right);
});

Deno.test("rows that are added to others of their matrix are read as they were, whoever else reads it", () => {
  const backend = new CpuBackend();
  const groups = { regions: Int32Array.of(0, 1), offsets: Int32Array.of(0, 1, 2), rows: Int32Array.of(1, 0) };
  for (const isRead of [true, false]) {
    using matrix = backend.upload(Float32Array.of(1, 2, 4), 3, 1);
    using _reader = isRead ? cpuMatrix(matrix).read() : undefined;
    backend.accumulate(matrix, matrix, groups);
    assertEquals(backend.view(matrix), Float32Array.of(3, 3, 4));
  }
});

Deno.test("a new matrix grows by zeros, whatever was in the memory before", async () => {
  const [rows, dim] = [4096, 64];
  const backend = new CpuBackend();
  (await backend.directions(backend.upload(unitRows(rows, dim), rows, dim), new Float32Array(dim))).dispose();
  using matrix = backend.create(dim, rows);
  using one = backend.upload(unitRows(1, dim), 1, dim);
  backend.copyRows(one, Int32Array.of(0), matrix, Int32Array.of(rows - 1));
  assert(backend.view(matrix).subarray(0, (rows - 1) * dim).every((value) => value === 0));
  // And one of directions, which has no more room than it needs.
  using directions = await backend.directions(
    backend.upload(unitRows(rows - 9, dim), rows - 9, dim),
    new Float32Array(dim),
  );
  backend.copyRows(one, Int32Array.of(0), directions, Int32Array.of(rows));
  assert(backend.view(directions).subarray((rows - 9) * dim, rows * dim).every((value) => value === 0));
});
