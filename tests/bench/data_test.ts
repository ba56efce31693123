import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { Clustered } from "./data.ts";

Deno.test("rows depend on the seed, and not on how many are taken at once", () => {
  const whole = new Clustered({ dim: 300 }).take(7);
  const stream = new Clustered({ dim: 300 });
  assertEquals(Float32Array.from([...stream.take(2), ...stream.take(5)]), whole);
  assertEquals([...stream.batches(7, 3)].map(({ rows }) => rows), [3, 3, 1]);
  assertNotEquals(new Clustered({ dim: 300, seed: 2 }).take(7), whole);
});

Deno.test("an outlier coordinate is many times as large as its neighbours", () => {
  const [dim, rows] = [300, 200];
  const data = new Clustered({ dim }).take(rows);
  const sizes = Array.from({ length: dim }, (_, j) => {
    const values = Array.from({ length: rows }, (_, row) => data[row * dim + j]);
    const mean = values.reduce((a, b) => a + b) / rows;
    return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / rows);
  });
  const median = sizes.toSorted((a, b) => a - b)[dim / 2];
  assert(sizes[288] > 8 * median, `${sizes[288]} against ${median}`);
});
