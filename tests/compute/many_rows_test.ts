import { assertAlmostEquals, assertEquals } from "@std/assert";
import { backendTest } from "../lib/backends.ts";
import { range } from "./oracles.ts";

backendTest("there may be more rows than a GPU runs workgroups in one dimension", async (backend) => {
  const rows = 66_000;
  const data = Float32Array.from({ length: rows }, (_, row) => row % 3 - 1.5);
  using x = backend.upload(data.slice(), rows, 1);
  using copy = backend.create(1);
  backend.copyRows(x, range(rows), copy, range(rows));
  using directions = await backend.directions(copy, Float32Array.of(0));
  const expected = data.map(Math.sign);
  (await backend.download(directions)).forEach((value, row) => assertAlmostEquals(value, expected[row], 1e-6));
  const { sum, unitSum } = await backend.moments(copy);
  assertEquals([sum[0], unitSum[0]].map(Math.round), [-rows / 2, -rows / 3]);
  using signs = backend.upload(Float32Array.of(-1, 1), 2, 1);
  const { regions } = await backend.nearest(directions, signs);
  assertEquals(regions, Int32Array.from(expected, (sign) => sign < 0 ? 0 : 1));
  using sums = backend.create(1);
  backend.accumulate(sums, directions, { regions: range(rows), offsets: range(rows + 1), rows: range(rows) });
  (await backend.download(sums)).forEach((value, row) => assertAlmostEquals(value, expected[row], 1e-6));
});
