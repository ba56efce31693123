import { assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type Backend, Random, type RowGroups } from "../../src/compute/mod.ts";
import { backendTest } from "../lib/backends.ts";
import { normals, range } from "./oracles.ts";

backendTest("download gives back what was uploaded, or the chosen rows in their order", async (backend) => {
  for (const [rows, dim] of [[1, 1], [5, 3], [300, 17], [300, 192]]) {
    const data = normals(rows, dim);
    using matrix = backend.upload(data.slice(), rows, dim);
    assertEquals(await backend.download(matrix), data);
    const chosen = Int32Array.of(rows - 1, 0, rows - 1);
    const expected = chosen.reduce<number[]>((all, row) => [...all, ...data.subarray(row * dim, (row + 1) * dim)], []);
    assertEquals(await backend.download(matrix, chosen), Float32Array.from(expected));
    assertEquals(await backend.download(matrix, new Int32Array()), new Float32Array());
  }
}, { chunked: true });

backendTest("a matrix grows row by row and keeps what it holds", async (backend) => {
  const [rows, dim] = [300, 192];
  const data = normals(rows, dim);
  using source = backend.upload(data, rows, dim);
  using target = backend.create(dim);
  for (let start = 0; start < rows; start += 37) {
    const count = Math.min(37, rows - start);
    backend.copyRows(source, range(count, start), target, range(count, start));
    assertEquals(target.rows, start + count);
  }
  assertEquals(await backend.download(target), data);
}, { chunked: true });

backendTest("copyRows scatters, leaves other rows alone and grows with zeros", async (backend) => {
  using source = backend.upload(Float32Array.of(1, 1, 2, 2, 3, 3), 3, 2);
  using target = backend.upload(Float32Array.of(9, 9, 8, 8), 2, 2);
  backend.copyRows(source, Int32Array.of(2, 0), target, Int32Array.of(0, 4));
  assertEquals(await backend.download(target), Float32Array.of(3, 3, 8, 8, 0, 0, 0, 0, 1, 1));
  // The last of two copies to one row counts.
  backend.copyRows(source, Int32Array.of(0, 1), target, Int32Array.of(2, 2));
  assertEquals(await backend.download(target, Int32Array.of(2)), Float32Array.of(2, 2));
  backend.copyRows(source, new Int32Array(), target, new Int32Array());
  assertEquals(target.rows, 5);
});

backendTest("rows can be moved and exchanged within one matrix", async (backend) => {
  using matrix = backend.upload(Float32Array.of(1, 2, 3), 3, 1);
  backend.copyRows(matrix, Int32Array.of(0), matrix, Int32Array.of(3));
  assertEquals(await backend.download(matrix), Float32Array.of(1, 2, 3, 1));
  backend.copyRows(matrix, Int32Array.of(1, 2), matrix, Int32Array.of(2, 1));
  assertEquals(await backend.download(matrix), Float32Array.of(1, 3, 2, 1));
});

backendTest("an upload of the wrong length is refused", (backend) => {
  assertThrows(() => backend.upload(new Float32Array(5), 2, 3), RangeError, "Expected 2 x 3 = 6 numbers but found 5");
});

/** Random groups over `rows` rows: every row in one of `regions` regions, or in none. */
function randomGroups(rows: number, regions: number, seed: number): RowGroups {
  const random = new Random(seed);
  const members = new Map<number, number[]>();
  for (let row = 0; row < rows; row++) {
    const region = random.integer(regions + 1);
    if (region < regions) members.set(region, [...members.get(region) ?? [], row]);
  }
  const ascending = [...members].sort(([a], [b]) => a - b);
  const offsets = [0];
  for (const [, rows] of ascending) offsets.push(offsets[offsets.length - 1] + rows.length);
  return {
    regions: Int32Array.from(ascending, ([region]) => region),
    offsets: Int32Array.from(offsets),
    rows: Int32Array.from(ascending.flatMap(([, rows]) => rows)),
  };
}

async function accumulated(backend: Backend, data: Float32Array<ArrayBuffer>, dim: number, batches: RowGroups[]) {
  const directions = backend.upload(data, data.length / dim, dim);
  const sums = backend.create(dim);
  for (const groups of batches) backend.accumulate(sums, directions, groups);
  const result = await backend.download(sums);
  directions.dispose();
  sums.dispose();
  return result;
}

backendTest("accumulate adds each group to its region, grows, and repeats to the byte", async (backend) => {
  const rows = 300;
  for (const dim of [3, 192]) {
    const data = normals(rows, dim);
    const batches = [randomGroups(rows, 4, 1), randomGroups(rows, 150, 2), randomGroups(rows, 120, 3)];
    const last = Math.max(...batches.map(({ regions }) => regions[regions.length - 1]));
    const expected = new Float64Array((last + 1) * dim);
    for (const { regions, offsets, rows } of batches) {
      regions.forEach((region, g) => {
        for (const row of rows.subarray(offsets[g], offsets[g + 1])) {
          for (let d = 0; d < dim; d++) expected[region * dim + d] += data[row * dim + d];
        }
      });
    }
    const sums = await accumulated(backend, data, dim, batches);
    assertEquals(sums.length, expected.length);
    sums.forEach((value, i) => assertAlmostEquals(value, expected[i], 1e-4));
    assertEquals(await accumulated(backend, data, dim, batches), sums);
  }
}, { chunked: true });

backendTest("accumulate of no groups changes nothing", async (backend) => {
  const none = { regions: new Int32Array(), offsets: Int32Array.of(0), rows: new Int32Array() };
  assertEquals(await accumulated(backend, normals(2, 4), 4, [none]), new Float32Array());
});

backendTest("two operations under way at once do not disturb each other", async (backend) => {
  const [rows, dim] = [200, 48];
  const [a, b] = [normals(rows, dim, 1), normals(rows, dim, 2)];
  const [left, right] = [backend.upload(a, rows, dim), backend.upload(b, rows, dim)];
  const alone = [await backend.nearest(left, right), await backend.nearest(right, left)];
  const together = await Promise.all([backend.nearest(left, right), backend.nearest(right, left)]);
  assertEquals(together, alone as [typeof alone[0], typeof alone[0]]);
  left.dispose();
  right.dispose();
});

backendTest("rows of different lengths cannot be copied", (backend) => {
  const [three, four] = [backend.create(3), backend.create(4)];
  assertThrows(() => backend.copyRows(three, new Int32Array(), four, new Int32Array()), RangeError, "3 and 4");
});

backendTest("a row that is not there cannot be read", async (backend) => {
  using matrix = backend.upload(normals(2, 4), 2, 4);
  await assertRejects(async () => await backend.download(matrix, Int32Array.of(2)), RangeError, "row");
});
