import { assert, assertEquals } from "@std/assert";
import { shuffledTokens } from "../../src/activations/mod.ts";
import {
  agreement,
  coincidence,
  comparePaths,
  distinctPaths,
  samePlaces,
  togetherness,
} from "../../src/analysis/mod.ts";
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

Deno.test("equal tokens of shuffled prompts are found again, each once", () => {
  const prompts = [[2, 5, 6, 5, 7], [2, 9], [2, 5, 5]].map((ids, i) => ({ id: `${i}`, tokens: Int32Array.from(ids) }));
  const shuffled = shuffledTokens(prompts, 4);
  const places = samePlaces(prompts, shuffled);
  const stream = shuffled.flatMap(({ tokens }) => Array.from(tokens).slice(1));
  assertEquals(places.map((place) => stream[place]), [5, 6, 5, 7, 9, 5, 5]);
  assertEquals(places.toSorted((a, b) => a - b), [0, 1, 2, 3, 4, 5, 6]);
});

Deno.test("paths beside those of shuffled tokens: by layer, by step; what no pair says is missing", () => {
  const { layers, steps, distinct, distinctShuffled } = comparePaths([[0, 0, 1], [2, 3, 3]], [[0, 1, 2], [3, 3, 3]]);
  assertEquals(layers.map(({ tokens, agreementShuffled }) => [tokens, agreementShuffled]), [[3, 1 / 3], [3, 2 / 3]]);
  assertEquals(layers.map(({ agreementChance }) => agreementChance), [1 / 3, 1 / 3]);
  assertEquals(steps, [{ stay: 0, stayShuffled: null, stayChance: 1 / 3 }]);
  assertEquals([distinct, distinctShuffled], [3, 3]);
});
