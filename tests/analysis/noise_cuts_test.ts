import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { noiseCuts } from "../../src/analysis/mod.ts";
import { Random } from "../../src/compute/mod.ts";

Deno.test("each stratum has its own cut, and none where it is too small to tell", () => {
  const own = [0.9, 0.2, 0.95, 0.1, 0.92, 0.15];
  const again = [0.89, 0, 0.95, 0.1, 0.9, 0.05];
  // Losses of the low half 0, 0.1, 0.2, of the high half 0, 0.01, 0.02; rank ceil(4 x 0.5) = 2.
  const cuts = noiseCuts(own, again, 0.5, 2);
  for (const i of [1, 3, 5]) assertAlmostEquals(cuts[i], 0.1, 1e-9);
  for (const i of [0, 2, 4]) assertAlmostEquals(cuts[i], 0.01, 1e-9);
  // Rank ceil(4 x 0.95) = 4 of 3.
  assertEquals([...noiseCuts(own, again, 0.05, 2)], new Array(6).fill(Infinity));
  assertEquals(noiseCuts([], [], 0.05).length, 0);
});

Deno.test("few regions make one stratum, too few none that can tell", () => {
  const losses = Array.from({ length: 19 }, (_, i) => 0.01 * i);
  const own = new Array(19).fill(1);
  const cuts = noiseCuts(own, losses.map((loss) => 1 - loss), 0.05);
  for (const cut of cuts) assertAlmostEquals(cut, 0.18, 1e-9);
  assertEquals(noiseCuts(own.slice(1), own.slice(1), 0.05), new Float64Array(18).fill(Infinity));
});

Deno.test("an order that was not used for the cuts raises alarms at their rate", () => {
  const random = new Random(5);
  const regions = Array.from({ length: 4000 }, () => ({ mean: random.next(), spread: 0.3 * random.next() }));
  const draw = () => Float64Array.from(regions, ({ mean, spread }) => mean + spread * random.normal());
  const [own, again, fresh] = [draw(), draw(), draw()];
  const cuts = noiseCuts(own, again, 0.1);
  const rate = fresh.filter((cosine, i) => own[i] - cosine > cuts[i]).length / fresh.length;
  assertAlmostEquals(rate, 0.1, 0.02);
});

Deno.test("a rate of 0 and lists of two lengths are refused", () => {
  assertThrows(() => noiseCuts([1], [1], 0), RangeError, "between 0 and 1 but found 0");
  assertThrows(() => noiseCuts([1], [1, 1], 0.1), RangeError, "found 1 and 2");
});
