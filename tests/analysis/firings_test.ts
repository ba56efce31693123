import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  activeFirings,
  bestMatches,
  byToken,
  byUnit,
  companions,
  firingCount,
  type Firings,
  firingsOf,
  oneToOneMatches,
  partitionFirings,
  permutedTokens,
  shiftedTokens,
  StrongestFirings,
  unitCount,
} from "../../src/analysis/mod.ts";
import { Random } from "../../src/compute/mod.ts";

/** Patterns from lists of tokens. */
function firingsFrom(tokens: number, lists: readonly number[][]): Firings {
  const offsets = Int32Array.of(0, ...lists.map((_, i) => lists.slice(0, i + 1).flat().length));
  return { tokens, offsets, at: Int32Array.from(lists.flat()) };
}

const listsOf = (firings: Firings) =>
  Array.from({ length: unitCount(firings) }, (_, unit) => [...firingsOf(firings, unit)]);

Deno.test("patterns by unit and by token are the same patterns", () => {
  const lists = [[0, 3], [], [0, 1, 3], [2]];
  const firings = firingsFrom(5, lists);
  const fired = byToken(firings);
  assertEquals([...fired.offsets], [0, 2, 3, 4, 6, 6], "token 4 fires nothing");
  assertEquals([...fired.fired], [0, 2, 2, 3, 0, 2]);
  assertEquals(listsOf(byUnit(fired)), lists);
  assertThrows(() => byUnit({ ...fired, units: 3 }), RangeError, "from 0 to 2 but found 3");
  assertThrows(() => partitionFirings([0, -1], 2), RangeError, "found -1");
  assertEquals(listsOf(partitionFirings([], 2)), [[], []]);
});

Deno.test("a feature fires where it is active", () => {
  const first = { rows: 2, size: 3, offsets: Int32Array.of(0, 2, 3), features: Int32Array.of(0, 2, 2) };
  const second = { rows: 2, size: 3, offsets: Int32Array.of(0, 0, 1), features: Int32Array.of(2) };
  assertEquals(listsOf(activeFirings([first, second])), [[0], [], [0, 1, 3]]);
  assertThrows(() => activeFirings([first, { ...second, size: 4 }]), RangeError, "found 3, 4");
  assertThrows(() => activeFirings([]), RangeError, "found none");
});

Deno.test("chance keeps sizes and companions, and moves the tokens", () => {
  const random = new Random(3);
  const firings = byUnit({
    units: 7,
    offsets: Int32Array.from({ length: 101 }, (_, i) => 2 * i),
    fired: Int32Array.from({ length: 200 }, (_, i) => i % 2 === 0 ? random.integer(3) : 3 + random.integer(4)),
  });
  for (const chance of [permutedTokens, shiftedTokens]) {
    const moved = chance(firings, 1);
    assertEquals([...moved.offsets], [...firings.offsets]);
    for (const list of listsOf(moved)) assertEquals(list, [...new Set(list)].sort((x, y) => x - y));
    const companionsOf = (f: Firings) => {
      const { offsets, fired } = byToken(f);
      return Array.from({ length: 100 }, (_, token) => fired.subarray(offsets[token], offsets[token + 1]).join())
        .sort();
    };
    assertEquals(companionsOf(moved), companionsOf(firings), "as often together as before");
    assert(listsOf(moved).join(";") !== listsOf(firings).join(";"), "somewhere else");
    assertEquals(listsOf(chance(firings, 1)), listsOf(moved), "the seed decides");
    assert(listsOf(chance(firings, 2)).join(";") !== listsOf(moved).join(";"));
  }
  // A shift keeps neighbours: token t + 1 fires after the shift what it fired after t before.
  const runs = shiftedTokens(firingsFrom(20, [[3, 4, 5, 6]]), 5);
  const [first] = firingsOf(runs, 0);
  const steps = [...firingsOf(runs, 0)].map((token) => token - first);
  assert(
    [[0, 1, 2, 3], [0, 1, 2, 19], [0, 1, 18, 19], [0, 17, 18, 19]].some((s) => s.join() === steps.join()),
    `${steps}`,
  );
  assertEquals(listsOf(shiftedTokens(firingsFrom(1, [[0]]), 0)), [[0]]);
});

Deno.test("the best match has the largest F1, of equal ones the lowest; rare and empty units do not count", () => {
  // Unit 0 of a: {0, 1, 2, 3}. F1 with {0, 1}: 4/6; with {2, 3}: 4/6; with {0 .. 5}: 8/10; with all ten: 8/14.
  const a = firingsFrom(10, [[0, 1, 2, 3], [9], [], [6, 7]]);
  const b = firingsFrom(10, [[0, 1], [2, 3], [0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [], [9]]);
  const { ofA, ofB } = bestMatches(a, b, 2);
  const none = { unit: null, shared: 0, f1: null };
  assertEquals(ofA, [{ unit: 2, shared: 4, f1: 0.8 }, none, none, { unit: 3, shared: 2, f1: 4 / 12 }]);
  assertEquals(ofB.map(({ unit }) => unit), [0, 0, 0, 0, null, null]);
  assertEquals(ofB.map(({ f1 }) => f1), [4 / 6, 4 / 6, 0.8, 8 / 14, null, null]);
  const without = firingsFrom(10, [[0, 1], [2, 3]]);
  const rest = bestMatches(a, without, 2).ofA;
  assertEquals(rest.map(({ unit }) => unit), [0, null, null, null], "the lower of equal ones");
  assertEquals(rest.map(({ f1 }) => f1), [4 / 6, null, null, 0], "one that counts may share nothing");
  const all = bestMatches(a, b, 1).ofA;
  assertEquals(all.map(({ unit }) => unit), [2, 5, null, 3], "one token is enough if the minimum says so");
  assertThrows(() => bestMatches(a, firingsFrom(9, []), 1), RangeError, "10 and 9");
  assertThrows(() => bestMatches(a, b, 0), RangeError, "at least 1 firing");
});

Deno.test("best matches are those of all F1 computed one by one", () => {
  const random = new Random(11);
  const draw = (units: number) =>
    firingsFrom(
      60,
      Array.from({ length: units }, (_, unit) => [...Array(60).keys()].filter(() => random.integer(unit + 2) === 0)),
    );
  const [a, b] = [draw(9), draw(14)];
  const { ofA, ofB } = bestMatches(a, b, 5);
  const f1 = (u: number, v: number) => {
    const [left, right] = [new Set(firingsOf(a, u)), new Set(firingsOf(b, v))];
    return left.size < 5 || right.size < 5 ? 0 : 2 * left.intersection(right).size / (left.size + right.size);
  };
  for (const [u, { unit, f1: value }] of ofA.entries()) {
    if (firingCount(a, u) < 5) continue;
    const all = Array.from({ length: 14 }, (_, v) => f1(u, v));
    assertAlmostEquals(value!, Math.max(...all), 1e-12);
    if (value! > 0) assertEquals(unit, all.indexOf(Math.max(...all)));
  }
  for (const [v, { f1: value }] of ofB.entries()) {
    if (firingCount(b, v) < 5) continue;
    assertAlmostEquals(value!, Math.max(...Array.from({ length: 9 }, (_, u) => f1(u, v))), 1e-12);
  }
});

Deno.test("one to one, two regions cannot share a feature", () => {
  // Both halves of feature 0 have F1 = 4/6 with it; one of them also has 2/3 with feature 1.
  const regions = firingsFrom(8, [[0, 1], [2, 3], [4]]);
  const features = firingsFrom(8, [[0, 1, 2, 3], [0], [7]]);
  assertEquals(bestMatches(regions, features, 1).ofA.map(({ f1 }) => f1), [4 / 6, 4 / 6, 0]);
  const pairs = oneToOneMatches(regions, features, 1, 0.5);
  assertEquals(pairs.map(({ a, b, shared }) => [a, b, shared]), [[0, 1, 1], [1, 0, 2]]);
  assertEquals(oneToOneMatches(regions, features, 2, 0.5).length, 1, "feature 1 fires once");
  assertEquals(oneToOneMatches(regions, features, 1, 0.9), []);
});

Deno.test("companions are counted over the given tokens", () => {
  const fired = byToken(firingsFrom(6, [[0, 1], [0, 1, 2, 5], [3], [2, 5]]));
  assertEquals(companions(Int32Array.of(0, 1, 2), fired), [{ unit: 1, shared: 3 }, { unit: 0, shared: 2 }, {
    unit: 3,
    shared: 1,
  }]);
  assertEquals(companions(Int32Array.of(4), fired), []);
});

Deno.test("the strongest tokens are the largest positive values, the earlier of equal ones", () => {
  const strongest = new StrongestFirings(2, 2);
  strongest.offer(Float32Array.of(1, -1, 3, 0), 2);
  strongest.offer(Float32Array.of(3, 7, 3, NaN, 2, 7, 0.5, 7), 4);
  const { firings, positives } = strongest.finish();
  assertEquals(listsOf(firings), [[1, 2], [2, 4]]);
  assertEquals([...positives], [6, 3]);
  assertEquals(firings.tokens, 6);
  const sparse = new StrongestFirings(2, 2);
  sparse.offerActive({
    rows: 6,
    size: 2,
    offsets: Int32Array.of(0, 1, 2, 4, 5, 7, 9),
    features: Int32Array.of(0, 0, 0, 1, 0, 0, 1, 0, 1),
    values: Float32Array.of(1, 3, 3, 7, 3, 2, 7, 0.5, 7),
  });
  assertEquals(sparse.finish(), strongest.finish(), "the same values without their zeros");
  assertThrows(() => strongest.offer(Float32Array.of(1), 1), RangeError, "1 x 2");
  assertThrows(() => new StrongestFirings(1, 0), RangeError, "from 1");
});

Deno.test("2^31 firings are refused before memory is taken: their places are of 32 bits", () => {
  // Says so, and holds none.
  const batch = { rows: 1, size: 3, offsets: Int32Array.of(0, 2 ** 30), features: new Int32Array(0) };
  assertThrows(() => activeFirings([batch, batch]), RangeError, "fewer than 2^31");
});
