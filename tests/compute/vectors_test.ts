import { assertAlmostEquals, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { NoDirectionError, NonFiniteRowError } from "../../src/compute/backend.ts";
import { backendTest } from "../lib/backends.ts";
import { directionsOf, momentsOf, normals, unitRows } from "./oracles.ts";

const SHAPES = [[1, 1], [1, 192], [65, 3], [300, 17], [300, 192], [7, 2304]];

backendTest("directions are the unit vectors from the center", async (backend) => {
  for (const [rows, dim] of SHAPES) {
    const data = normals(rows, dim);
    const center = normals(1, dim, 2);
    using x = backend.upload(data, rows, dim);
    using result = await backend.directions(x, center);
    assertEquals([result.rows, result.dim], [rows, dim]);
    const expected = directionsOf(data, dim, center);
    (await backend.download(result)).forEach((value, i) => assertAlmostEquals(value, expected[i], 1e-6));
  }
}, { chunked: true });

/** Unit vectors times lengths that float32 cannot square, and that a published epsilon of 1e-12 would shorten. */
const LENGTHS = [2e-30, 1e-25, 1e-13, 1e-6, 1, 1e6, 1e13, 1e20, 5e29];

backendTest("directions of any length are unit vectors, and moments know the lengths", async (backend) => {
  for (const dim of [1, 17, 192]) {
    const units = unitRows(LENGTHS.length, dim);
    const data = units.map((value, i) => value * LENGTHS[Math.floor(i / dim)]);
    using x = backend.upload(data.slice(), LENGTHS.length, dim);
    using result = await backend.directions(x, new Float32Array(dim));
    (await backend.download(result)).forEach((value, i) => assertAlmostEquals(value, units[i], 1e-6));
    const { norms, unitSum } = await backend.moments(x);
    norms.forEach((norm, i) => assertAlmostEquals(norm / LENGTHS[i], 1, 1e-5));
    const sums = new Float64Array(dim);
    units.forEach((value, i) => sums[i % dim] += value);
    unitSum.forEach((value, d) => assertAlmostEquals(value, sums[d], 1e-5));
    // Each by itself, too: rows that are measured together are all measured as the most extreme is.
    for (const [i, length] of LENGTHS.entries()) {
      using row = backend.upload(data.slice(i * dim, (i + 1) * dim), 1, dim);
      const { norms, unitSum } = await backend.moments(row);
      assertAlmostEquals(norms[0] / length, 1, 1e-5);
      unitSum.forEach((value, d) => assertAlmostEquals(value, units[i * dim + d], 1e-5));
    }
  }
}, { chunked: true });

backendTest(
  "a row on the center, or so near that rounding decides, has no direction, nor has one beyond 1e30",
  async (backend) => {
    const dim = 20;
    const center = normals(1, dim, 2);
    const [nearest, far] = [center.slice(), center.slice()];
    nearest[7] = Math.fround(nearest[7] * (1 + 2 ** -22));
    far[7] += 1e-3;
    const long = new Float32Array(dim).fill(3e29);
    const bad: [Float32Array, Float32Array<ArrayBuffer>, string][] = [
      [center, center, "lies on it"],
      [nearest, center, "lies on it"],
      [long, center, "1e30"],
      [new Float32Array(dim), new Float32Array(dim), "lies on it"],
      [new Float32Array(dim).fill(1e-32), new Float32Array(dim), "lies on it"],
      [new Float32Array(dim).fill(1e-44), new Float32Array(dim), "lies on it"],
    ];
    for (const [row, from, part] of bad) {
      const data = normals(70, dim);
      data.set(row, 68 * dim);
      using x = backend.upload(data, 70, dim);
      const error = await assertRejects(() => backend.directions(x, from), NoDirectionError);
      assertEquals(error.row, 68);
      assertStringIncludes(error.message, part);
    }
    using x = backend.upload(far, 1, dim);
    using result = await backend.directions(x, center);
    assertAlmostEquals((await backend.download(result))[7], 1, 1e-3);
    using beyond = backend.upload(long.slice(), 1, dim);
    assertEquals((await assertRejects(() => backend.moments(beyond), NoDirectionError)).why, "too long");
  },
  { chunked: true },
);

backendTest("the first row that is not finite is named", async (backend) => {
  const [rows, dim] = [300, 192];
  for (const [value, row] of [[NaN, 299], [Infinity, 0], [-Infinity, 100]]) {
    const data = normals(rows, dim);
    data[row * dim + dim - 1] = value;
    data[299 * dim] = NaN;
    using x = backend.upload(data, rows, dim);
    const failed = await assertRejects(() => backend.directions(x, new Float32Array(dim)), NonFiniteRowError);
    assertEquals(failed.row, row);
    assertStringIncludes(failed.message, `row ${row}`);
    assertEquals((await assertRejects(() => backend.moments(x), NonFiniteRowError)).row, row);
  }
}, { chunked: true });

backendTest("moments are the sums of the rows and of the unit rows", async (backend) => {
  for (const [rows, dim] of SHAPES) {
    const data = normals(rows, dim);
    // A row of zeros has no unit row.
    if (rows > 1) data.fill(0, dim, 2 * dim);
    using x = backend.upload(data, rows, dim);
    const { sum, unitSum, norms } = await backend.moments(x);
    assertEquals(norms.length, rows);
    norms.forEach((norm, row) =>
      assertAlmostEquals(norm, Math.hypot(...data.subarray(row * dim, (row + 1) * dim)), 1e-4)
    );
    const expected = momentsOf(data, dim);
    for (let d = 0; d < dim; d++) {
      assertAlmostEquals(sum[d], expected.sum[d], 2e-4);
      assertAlmostEquals(unitSum[d], expected.unitSum[d], 1e-4);
    }
  }
}, { chunked: true });

backendTest("no rows have no directions and moments of zero", async (backend) => {
  const x = backend.create(8);
  const result = await backend.directions(x, new Float32Array(8));
  assertEquals([result.rows, result.dim], [0, 8]);
  const nothing = { sum: new Float64Array(8), unitSum: new Float64Array(8), norms: new Float32Array(0) };
  assertEquals(await backend.moments(x), nothing);
});

backendTest("a center of another length is refused", async (backend) => {
  using x = backend.upload(normals(2, 8), 2, 8);
  await assertRejects(() => backend.directions(x, new Float32Array(7)), RangeError, "Expected a center of length 8");
});

backendTest("directions and moments repeat to the byte", async (backend) => {
  const [rows, dim] = [300, 192];
  const x = backend.upload(normals(rows, dim), rows, dim);
  const [one, two] = [await backend.directions(x, normals(1, dim, 2)), await backend.directions(x, normals(1, dim, 2))];
  assertEquals(await backend.download(one), await backend.download(two));
  assertEquals(await backend.moments(x), await backend.moments(x));
  [x, one, two].forEach((matrix) => matrix.dispose());
}, { chunked: true });
