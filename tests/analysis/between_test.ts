import { assert, assertEquals } from "@std/assert";
import { pairsByCosine, regionsBetween } from "../../src/analysis/mod.ts";
import { Random } from "../../src/compute/mod.ts";

/** Cosines of points on the unit circle, by their angles in degrees. */
function onCircle(degrees: readonly number[]): Float32Array {
  return Float32Array.from(degrees.flatMap((a) => degrees.map((b) => Math.cos((a - b) * Math.PI / 180))));
}

Deno.test("regions between two points of a circle are those on the arc, the most central first", () => {
  const cosines = onCircle([0, 90, 10, 50, -5, 95, 180]);
  const between = regionsBetween(cosines, 7, 0, 1);
  assertEquals(between.map(({ region }) => region), [3, 2]);
  assert(Math.abs(between[0].cosineA - Math.cos(50 * Math.PI / 180)) < 1e-6);
  assert(Math.abs(between[0].cosineB - Math.cos(40 * Math.PI / 180)) < 1e-6);
});

Deno.test("a region as close as the two are is not between them", () => {
  assertEquals(regionsBetween(onCircle([0, 60, -60]), 3, 0, 1), []);
  const equilateral = Float32Array.of(1, 0.5, 0.5, 0.5, 1, 0.5, 0.5, 0.5, 1);
  assertEquals(regionsBetween(equilateral, 3, 0, 1), []);
});

Deno.test("nothing is between a region and its nearest", () => {
  const random = new Random(3);
  const angles = Array.from({ length: 40 }, () => random.next() * 360);
  const cosines = onCircle(angles);
  for (let a = 0; a < 40; a++) {
    const others = [...angles.keys()].filter((b) => b !== a);
    const nearest = others.reduce((best, b) => cosines[a * 40 + b] > cosines[a * 40 + best] ? b : best);
    assertEquals(regionsBetween(cosines, 40, a, nearest), []);
  }
});

Deno.test("pairs by cosine are those of a full sort", () => {
  const random = new Random(5);
  const size = 12;
  const cosines = new Float32Array(size * size);
  for (let a = 0; a < size; a++) {
    for (let b = a; b < size; b++) cosines[a * size + b] = cosines[b * size + a] = a === b ? 1 : random.next() * 2 - 1;
  }
  const all = [...cosines.keys()].map((at) => ({ a: Math.floor(at / size), b: at % size, cosine: cosines[at] }))
    .filter(({ a, b }) => a < b);
  for (const target of [1, 0.3]) {
    const expected = all.toSorted((x, y) => Math.abs(x.cosine - target) - Math.abs(y.cosine - target));
    assertEquals(pairsByCosine(cosines, size, target, 10), expected.slice(0, 10));
    assertEquals(pairsByCosine(cosines, size, target, 1000), expected);
  }
});
