import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { backendTest } from "../lib/backends.ts";
import { range, similaritiesOf, unitRows } from "./oracles.ts";

backendTest("nearest and similarities agree with plain loops for every odd shape", async (backend) => {
  for (
    const [rows, exemplars, dim] of [[1, 1, 1], [63, 65, 3], [64, 64, 17], [65, 300, 17], [300, 63, 192], [2, 1, 192]]
  ) {
    const [x, e] = [unitRows(rows, dim), unitRows(exemplars, dim, 2)];
    const [queries, founders] = [backend.upload(x, rows, dim), backend.upload(e, exemplars, dim)];
    const expected = similaritiesOf(x, e, dim);
    const all = await backend.similarities(queries, founders);
    assertEquals(all.length, expected.length);
    all.forEach((value, i) => assertAlmostEquals(value, expected[i], 2e-6));
    const { regions, similarities } = await backend.nearest(queries, founders);
    for (let row = 0; row < rows; row++) {
      // Compared by similarity: two exemplars may be as near as float32 can tell.
      const best = Math.max(...expected.subarray(row * exemplars, (row + 1) * exemplars));
      assertAlmostEquals(expected[row * exemplars + regions[row]], best, 2e-6);
      assertAlmostEquals(similarities[row], best, 2e-6);
    }
    queries.dispose();
    founders.dispose();
  }
}, { chunked: true, integers: true });

backendTest("the lowest of equally near exemplars wins, across tiles and chunks too", async (backend) => {
  const [dim, copies] = [192, 5];
  const ten = unitRows(10, dim);
  // Exemplars 0..9 are repeated at 70.., 140.., ...: in other tiles, and in other chunks where these are tiny.
  const repeated = unitRows(350, dim, 2);
  for (let copy = 0; copy < copies; copy++) repeated.set(ten, copy * 70 * dim);
  const [queries, exemplars] = [backend.upload(ten, 10, dim), backend.upload(repeated, 350, dim)];
  assertEquals((await backend.nearest(queries, exemplars)).regions, range(10));
  assertEquals(
    (await backend.nearest(queries, exemplars, 5)).regions,
    Int32Array.of(70, 71, 72, 73, 74, 5, 6, 7, 8, 9),
  );
  assertEquals((await backend.nearest(queries, exemplars, 150)).regions, range(10, 210));
  queries.dispose();
  exemplars.dispose();
}, { chunked: true, integers: true });

backendTest("the first of many identical exemplars wins", async (backend) => {
  const [rows, exemplars, dim] = [70, 300, 192];
  const row = unitRows(1, dim);
  const same = Float32Array.from({ length: exemplars * dim }, (_, i) => row[i % dim]);
  const [queries, founders] = [
    backend.upload(same.slice(0, rows * dim), rows, dim),
    backend.upload(same, exemplars, dim),
  ];
  for (const from of [0, 1, 77, 299]) {
    assertEquals((await backend.nearest(queries, founders, from)).regions, new Int32Array(rows).fill(from));
  }
  queries.dispose();
  founders.dispose();
}, { chunked: true, integers: true });

backendTest("opposite exemplars are found although every similarity is negative", async (backend) => {
  const rows = 70;
  using queries = backend.upload(Float32Array.from({ length: rows * 3 }, (_, i) => i % 3 === 0 ? 1 : 0), rows, 3);
  using exemplars = backend.upload(Float32Array.of(-1, 0, 0, -0.6, 0.8, 0, -1, 0, 0), 3, 3);
  const { regions, similarities } = await backend.nearest(queries, exemplars);
  assertEquals(regions, new Int32Array(rows).fill(1));
  similarities.forEach((similarity) => assertAlmostEquals(similarity, -0.6, 1e-6));
}, { integers: true });

backendTest("nearest repeats to the byte and gives the similarity that similarities gives", async (backend) => {
  const [rows, exemplars, dim] = [130, 500, 192];
  const [queries, founders] = [
    backend.upload(unitRows(rows, dim), rows, dim),
    backend.upload(unitRows(exemplars, dim, 2), exemplars, dim),
  ];
  const first = await backend.nearest(queries, founders);
  assertEquals(await backend.nearest(queries, founders), first);
  const all = await backend.similarities(queries, founders);
  first.regions.forEach((region, row) =>
    assertAlmostEquals(first.similarities[row], all[row * exemplars + region], backend.name === "webgpu" ? 0 : 1e-6)
  );
  queries.dispose();
  founders.dispose();
}, { chunked: true, integers: true });

backendTest("no queries have no nearest, and nothing is similar to nothing", async (backend) => {
  const [none, some] = [backend.create(8), backend.upload(unitRows(3, 8), 3, 8)];
  assertEquals(await backend.nearest(none, some), { regions: new Int32Array(), similarities: new Float32Array() });
  assertEquals(await backend.similarities(none, some), new Float32Array());
  assertEquals(await backend.similarities(some, none), new Float32Array());
  some.dispose();
}, { integers: true });

backendTest("nearest wants an exemplar in its range", async (backend) => {
  const [none, some] = [backend.create(8), backend.upload(unitRows(3, 8), 3, 8)];
  await assertRejects(() => backend.nearest(some, none), RangeError, "Expected an exemplar");
  await assertRejects(() => backend.nearest(some, some, 3), RangeError, "Expected an exemplar from 3 on but found 3");
  some.dispose();
}, { integers: true });

backendTest("rows of different lengths cannot be compared", async (backend) => {
  const [eight, nine] = [backend.upload(unitRows(3, 8), 3, 8), backend.upload(unitRows(3, 9), 3, 9)];
  await assertRejects(() => backend.nearest(eight, nine), RangeError, "8 and 9");
  await assertRejects(() => backend.similarities(eight, nine), RangeError, "8 and 9");
  eight.dispose();
  nine.dispose();
});

backendTest("a matrix of another backend is refused", async (backend) => {
  const foreign = {
    backend: backend.name === "cpu" ? "webgpu" as const : "cpu" as const,
    rows: 1,
    dim: 8,
    dispose() {},
    [Symbol.dispose]() {},
  };
  using own = backend.upload(unitRows(1, 8), 1, 8);
  await assertRejects(
    () => backend.nearest(own, foreign),
    TypeError,
    `Expected a matrix of the ${backend.name} backend`,
  );
  assert(own.rows === 1);
});
