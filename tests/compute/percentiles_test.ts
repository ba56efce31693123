import { assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { backendTest } from "../lib/backends.ts";
import { percentileBySorting, unitRows } from "./oracles.ts";

const ALL = [0, 0.1, 1, 2, 4, 8, 10, 50, 99.9, 100];

backendTest("percentiles are those of all sorted distances", async (backend) => {
  for (const [rows, dim] of [[2, 5], [3, 192], [65, 3], [130, 17], [200, 192]]) {
    const data = unitRows(rows, dim, rows);
    using directions = backend.upload(data, rows, dim);
    const found = await backend.percentiles(directions, ALL);
    ALL.forEach((p, i) => assertAlmostEquals(found[i], percentileBySorting(data, dim, p), 1.5e-6));
  }
}, { chunked: true });

backendTest("a percentile between two far ranks lies between them", async (backend) => {
  // Sorted distances 0, 1, 1: rank 0.5.
  using directions = backend.upload(Float32Array.of(1, 0, 0, 1, 1, 0), 3, 2);
  assertEquals(Array.from(await backend.percentiles(directions, [25]), (value) => Math.round(value * 1e6) / 1e6), [
    0.5,
  ]);
  using opposite = backend.upload(Float32Array.of(1, 0, -1, 0), 2, 2);
  assertAlmostEquals((await backend.percentiles(opposite, [37]))[0], 2, 1e-6);
});

backendTest("identical rows have percentiles of zero", async (backend) => {
  const row = Float32Array.of(0.6, 0.8, 0, 0);
  const data = new Float32Array(100 * 4);
  for (let i = 0; i < 100; i++) data.set(row, i * 4);
  using directions = backend.upload(data, 100, 4);
  (await backend.percentiles(directions, [0, 50, 100])).forEach((value) => assertAlmostEquals(value, 0, 1e-6));
});

backendTest("percentiles repeat to the byte, in the order asked", async (backend) => {
  using directions = backend.upload(unitRows(150, 48), 150, 48);
  const found = await backend.percentiles(directions, [10, 1, 5]);
  assertEquals(await backend.percentiles(directions, [10, 1, 5]), found);
  assertEquals((await backend.percentiles(directions, [1, 5, 10])).toSorted(), found.toSorted());
  assertEquals(await backend.percentiles(directions, []), new Float64Array());
}, { chunked: true });

backendTest("percentiles want two rows and a p from 0 to 100", async (backend) => {
  using one = backend.upload(unitRows(1, 4), 1, 4);
  await assertRejects(() => backend.percentiles(one, [1]), RangeError, "Expected at least two rows");
  using two = backend.upload(unitRows(2, 4), 2, 4);
  await assertRejects(() => backend.percentiles(two, [101]), RangeError, "between 0 and 100 but found 101");
  await assertRejects(() => backend.percentiles(two, [NaN]), RangeError, "between 0 and 100 but found NaN");
});

backendTest("percentiles that are taken at the same time do not meet", async (backend) => {
  using one = backend.upload(unitRows(90, 24, 1), 90, 24);
  using other = backend.upload(unitRows(70, 24, 2), 70, 24);
  const alone = [await backend.percentiles(one, ALL), await backend.percentiles(other, ALL)];
  assertEquals(await Promise.all([backend.percentiles(one, ALL), backend.percentiles(other, ALL)]), alone);
});
