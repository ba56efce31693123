/** Assignments against every one there is. */
import { assertAlmostEquals, assertEquals } from "@std/assert";
import { assignRows, match } from "../../src/analysis/mod.ts";
import { Random } from "../../src/compute/mod.ts";
import { Dictionary } from "../../src/partition/mod.ts";
import { backendTest } from "../lib/backends.ts";
import { at, degrees, rowsOf } from "../partition/streams.ts";

/** Largest total of any one-to-one assignment of the rows from `row` on. */
function best(values: Float32Array, rows: number, columns: number, row = 0, free = (1 << columns) - 1): number {
  if (row === rows || free === 0) return 0;
  // A row may be left without a partner only where there are more rows than columns.
  let most = rows > columns ? best(values, rows, columns, row + 1, free) : -Infinity;
  for (let column = 0; column < columns; column++) {
    if (!(free >> column & 1)) continue;
    most = Math.max(most, values[row * columns + column] + best(values, rows, columns, row + 1, free & ~(1 << column)));
  }
  return most;
}

for (const [rows, columns] of [[1, 1], [6, 6], [3, 7], [7, 3], [1, 5], [5, 1]]) {
  Deno.test(`an assignment of ${rows} to ${columns} has the largest total of all`, () => {
    for (let seed = 0; seed < 20; seed++) {
      const random = new Random(seed);
      const values = Float32Array.from({ length: rows * columns }, () => 1 - random.next());
      const pairs = assignRows(values, rows, columns);
      assertEquals(pairs.length, Math.min(rows, columns));
      assertEquals(new Set(pairs.map(([row]) => row)).size, pairs.length, "no row twice");
      assertEquals(new Set(pairs.map(([, column]) => column)).size, pairs.length, "no column twice");
      assertEquals(pairs.map(([row]) => row), pairs.map(([row]) => row).sort((a, b) => a - b), "ordered by row");
      const total = pairs.reduce((sum, [row, column]) => sum + values[row * columns + column], 0);
      assertAlmostEquals(total, best(values, rows, columns), 1e-9);
    }
  });
}

Deno.test("negative and equal values are assigned too, the same way each time", () => {
  assertEquals(assignRows(Float32Array.of(-1, -0.5, -0.25, -1), 2, 2), [[0, 1], [1, 0]]);
  const equal = assignRows(new Float32Array(9).fill(0.5), 3, 3);
  assertEquals(equal.map(([row]) => row), [0, 1, 2]);
  assertEquals(assignRows(new Float32Array(9).fill(0.5), 3, 3), equal);
});

Deno.test("nothing is assigned to nothing", () => {
  for (const [rows, columns] of [[0, 0], [0, 3], [3, 0]]) {
    assertEquals(assignRows(new Float32Array(0), rows, columns), []);
  }
});

backendTest("dictionaries of different sizes, thresholds and centers match either way round", async (backend) => {
  const make = async (angle: number, center: [number, number], ...angles: number[]) => {
    const threshold = degrees(angle);
    const dictionary = await Dictionary.create({ center: Float32Array.from(center), threshold }, { backend });
    const rows = angles.map(at).map(([x, y]) => [x + center[0], y + center[1]]);
    if (rows.length > 0) await dictionary.add(rowsOf(...rows));
    return dictionary;
  };
  // Each of a's is nearest to 10, but together they do best as 0 with 10 and -19 with -50.
  const [a, b] = [await make(5, [0, 0], 0, -19), await make(10, [3, 4], 90, 10, -50)];
  const there = await match(a, b, { basis: "exemplar" });
  assertEquals([...there.pairs], [0, 1, 1, 2]);
  assertEquals([...there.nearestInB.regions], [1, 1]);
  assertEquals([...there.nearestInA.regions], [0, 0, 1]);
  assertAlmostEquals(there.total, 2 - degrees(10) - degrees(31), 1e-6);
  assertAlmostEquals(there.mean, there.total / 2, 1e-9);
  assertAlmostEquals(there.thresholdsA[1], degrees(31) / degrees(5), 1e-4);
  assertAlmostEquals(there.thresholdsB[1], degrees(31) / degrees(10), 1e-4);

  const back = await match(b, a, { basis: "exemplar" });
  assertEquals([...back.pairs], [1, 0, 2, 1]);
  assertEquals([back.nearestInA.regions, back.nearestInB.regions], [
    there.nearestInB.regions,
    there.nearestInA.regions,
  ]);
  assertAlmostEquals(back.total, there.total, 1e-6);

  const empty = await make(5, [0, 0]);
  for (const nothing of [await match(a, empty), await match(empty, a), await match(empty, empty)]) {
    assertEquals([nothing.pairs.length, nothing.total, nothing.mean, nothing.median], [0, 0, NaN, NaN]);
  }
  assertEquals([...(await match(a, empty)).nearestInB.regions], [-1, -1]);
  for (const used of [a, b, empty]) used.dispose();
});
