import { assertAlmostEquals, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { NonFiniteRowError } from "../../src/compute/backend.ts";
import { backendTest } from "../lib/backends.ts";
import { directionsOf, momentsOf, normals } from "./oracles.ts";

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

backendTest("the direction of the center itself is zeros", async (backend) => {
  const data = normals(3, 20);
  using x = backend.upload(data, 3, 20);
  using result = await backend.directions(x, data.slice(20, 40));
  assertEquals(await backend.download(result, Int32Array.of(1)), new Float32Array(20));
});

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
