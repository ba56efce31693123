import { assert, assertEquals } from "@std/assert";
import { agreement, coincidence, distinctPaths, togetherness } from "../../src/analysis/mod.ts";
import { Random } from "../../src/compute/mod.ts";

Deno.test("agreement is taken layer by layer", () => {
  const a = [[0, 1, 2, 3], [5, 5, 6, 6]];
  assertEquals(agreement(a, a), [1, 1]);
  assertEquals(agreement(a, [[0, 1, 2, 9], [6, 6, 5, 6]]), [0.75, 0.25]);
  assertEquals(agreement([[]], [[]]), [NaN]);
});

Deno.test("tokens that share a region stay together where the next layer has the same regions", () => {
  const regions = [4, 4, 4, 2, 2, 9];
  const [{ stay, chance }] = togetherness([regions, regions]);
  assertEquals([stay, chance], [1, (3 + 1) / 15]);
  // Every region is split into its single tokens.
  assertEquals(togetherness([regions, [0, 1, 2, 3, 4, 5]]), [{ stay: 0, chance: 0 }]);
  assertEquals(togetherness([[0, 1, 2], [5, 5, 5]]), [{ stay: NaN, chance: 1 }]);
  assertEquals(togetherness([regions]), []);
});

Deno.test("tokens that are dealt out anew stay together as often as chance says", () => {
  const random = new Random(1);
  const draw = () => Array.from({ length: 5000 }, () => random.integer(4));
  const [{ stay, chance }] = togetherness([draw(), draw()]);
  assert(Math.abs(chance - 0.25) < 0.005 && Math.abs(stay - chance) < 0.005, `${stay} ${chance}`);
});

Deno.test("tokens of one region coincide, and paths differ if one layer does", () => {
  assertEquals(coincidence([1, 1, 2]), 1 / 3);
  assertEquals(coincidence([1]), NaN);
  assertEquals(distinctPaths([[0, 0, 1, 1], [2, 2, 2, 3]]), 3);
  assertEquals(distinctPaths([]), 0);
});
