import { assert, assertEquals } from "@std/assert";
import { Random } from "../../src/compute/random.ts";
import { UnitRows } from "../../src/compute/unit_rows.ts";

/** The same in float64. */
function plainly(rows: Float32Array, dim: number, center: Float32Array) {
  const lengths = Float64Array.from({ length: rows.length / dim }, (_, row) => {
    let squares = 0;
    for (let j = 0; j < dim; j++) squares += (rows[row * dim + j] - center[j]) ** 2;
    return Math.sqrt(squares);
  });
  return {
    lengths,
    directions: Float64Array.from(rows, (x, i) => (x - center[i % dim]) / lengths[Math.floor(i / dim)]),
  };
}

function farthest(a: Float32Array, b: Float64Array): number {
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
}

Deno.test("directions on the host are those of plain loops, whatever the width and however many rows", () => {
  const random = new Random(3);
  for (const [count, dim] of [[0, 5], [1, 1], [3, 15], [3, 16], [40, 17], [700, 192], [61, 2304], [3, 2 ** 17 + 1]]) {
    const rows = Float32Array.from({ length: count * dim }, () => 5 * random.normal());
    const center = Float32Array.from({ length: dim }, () => random.normal());
    const before = [rows.slice(), center.slice()];
    // What is in the target does not matter, nor does what lies behind it.
    const target = new Float32Array(count * dim + 4).fill(NaN);
    const unit = new UnitRows(dim);
    const lengths = unit.write(rows, center, target.subarray(0, count * dim));
    const right = plainly(rows, dim, center);
    const where = `${count} x ${dim}`;
    assert(farthest(target.subarray(0, count * dim), right.directions) <= 1e-6, where);
    lengths.forEach((length, row) => assert(Math.abs(length / right.lengths[row] - 1) <= 1e-6, where));
    assert(target.subarray(count * dim).every(Number.isNaN), where);
    assertEquals([rows, center], before);
    // The same again, though the kernel's memory holds other rows now.
    const again = new Float32Array(count * dim);
    assertEquals(unit.write(rows, center, again), lengths);
    assertEquals(again, target.subarray(0, count * dim));
  }
});

Deno.test("rows that have no direction in float32 are told by their lengths", () => {
  const unit = new UnitRows(3);
  const rows = Float32Array.of(1, 2, 3, 1e30, 0, 0, NaN, 0, 0, Infinity, 0, 0);
  const lengths = unit.write(rows, Float32Array.of(1, 2, 3), new Float32Array(12));
  assertEquals(lengths, Float32Array.of(0, Infinity, NaN, Infinity));
  // And leave nothing behind.
  const target = new Float32Array(12);
  const plain = Float32Array.of(2, 2, 3, 1, 4, 3, 1, 2, 7, 6, 2, 3);
  assertEquals(unit.write(plain, Float32Array.of(1, 2, 3), target), Float32Array.of(1, 2, 4, 5));
  assertEquals(target, Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0));
});
