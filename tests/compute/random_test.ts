import { assert, assertEquals, assertThrows } from "@std/assert";
import { Random } from "../../src/compute/mod.ts";
import { hashUniform, xoshiro128 } from "../../src/compute/random.ts";

Deno.test("xoshiro128 gives the numbers of the reference implementation", () => {
  const state = new Uint32Array([1, 2, 3, 4]);
  const drawn = Array.from({ length: 10 }, () => xoshiro128(state));
  assertEquals(drawn, [
    11520,
    0,
    5927040,
    70819200,
    2031721883,
    1637235492,
    1287239034,
    3734860849,
    3729100597,
    4258142804,
  ]);
});

/** Mean and variance of `count` draws. */
function moments(count: number, draw: (i: number) => number): { mean: number; variance: number } {
  let sum = 0, squares = 0;
  for (let i = 0; i < count; i++) {
    const x = draw(i);
    sum += x;
    squares += x * x;
  }
  const mean = sum / count;
  return { mean, variance: squares / count - mean * mean };
}

function assertNear(actual: number, expected: number, tolerance: number): void {
  assert(Math.abs(actual - expected) < tolerance, `Expected ${actual} within ${tolerance} of ${expected}`);
}

Deno.test("the same seed gives the same numbers, another seed others", () => {
  const draw = (seed: number) => {
    const random = new Random(seed);
    return Array.from({ length: 20 }, () => random.next());
  };
  assertEquals(draw(42), draw(42));
  const firsts = new Set([0, 1, 2, -1, 2 ** 32, 2 ** 32 + 1, 2 ** 40].map((seed) => draw(seed)[0]));
  assertEquals(firsts.size, 7);
});

Deno.test("next is uniform in [0, 1)", () => {
  const random = new Random(1);
  const { mean, variance } = moments(100_000, () => {
    const x = random.next();
    assert(x >= 0 && x < 1);
    return x;
  });
  assertNear(mean, 1 / 2, 0.005);
  assertNear(variance, 1 / 12, 0.002);
});

Deno.test("normal has mean 0 and variance 1", () => {
  const random = new Random(2);
  const { mean, variance } = moments(100_000, () => random.normal());
  assertNear(mean, 0, 0.015);
  assertNear(variance, 1, 0.02);
});

Deno.test("integer reaches every value below its bound about equally often", () => {
  const random = new Random(3);
  const counts = new Int32Array(7);
  for (let i = 0; i < 70_000; i++) counts[random.integer(7)]++;
  for (const count of counts) assertNear(count, 10_000, 500);
  assertThrows(() => random.integer(0), RangeError, "found 0");
});

Deno.test("shuffle keeps the items, in place, and every order of three is about as likely", () => {
  const random = new Random(4);
  const counts = new Map<string, number>();
  for (let i = 0; i < 60_000; i++) {
    const items = [0, 1, 2];
    assert(random.shuffle(items) === items);
    counts.set(items.join(""), (counts.get(items.join("")) ?? 0) + 1);
  }
  assertEquals(counts.size, 6);
  for (const count of counts.values()) assertNear(count, 10_000, 500);
  assertEquals(random.shuffle([]), []);
});

Deno.test("hashUniform is uniform along indices and along seeds, and neighbours are not correlated", () => {
  for (const draw of [(i: number) => hashUniform(5, i), (i: number) => hashUniform(i, 5)]) {
    const { mean, variance } = moments(100_000, (i) => {
      const x = draw(i);
      assert(x >= 0 && x < 1);
      return x;
    });
    assertNear(mean, 1 / 2, 0.005);
    assertNear(variance, 1 / 12, 0.002);
    const product = moments(100_000, (i) => (draw(i) - 0.5) * (draw(i + 1) - 0.5)).mean;
    assertNear(product, 0, 0.001);
  }
});

Deno.test("hashUniform depends on every bit of seed and index", () => {
  const seen = new Set<number>();
  for (let bit = 0; bit < 53; bit++) {
    seen.add(hashUniform(2 ** bit, 0));
    seen.add(hashUniform(0, 2 ** bit));
  }
  assertEquals(seen.size, 106);
  assertEquals(hashUniform(3, 9), hashUniform(3, 9));
});

Deno.test("a seed that is not a whole number is refused", () => {
  assertThrows(() => new Random(0.5), RangeError, "Expected the seed to be a whole number but found 0.5");
  assertThrows(() => hashUniform(0, NaN), RangeError, "Expected the index to be a whole number but found NaN");
});
