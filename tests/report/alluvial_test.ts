import { assert, assertEquals } from "@std/assert";
import { Random } from "../../src/compute/mod.ts";
import { layAlluvial } from "../../src/report/mod.ts";

Deno.test("blocks stand one gap apart, columns centred, ribbons in the blocks' order", () => {
  const { blocks, ribbons, height } = layAlluvial([[0, 0, 0, 1], [3, 2, 2, 2]], 2);
  assertEquals(height, 6);
  assertEquals(blocks.map(({ column, category, count, top }) => [column, category, count, top]), [
    [0, 0, 3, 0],
    [0, 1, 1, 5],
    [1, 3, 1, 0],
    [1, 2, 3, 3],
  ]);
  assertEquals(ribbons.map(({ from, to, count, topFrom, topTo }) => [from, to, count, topFrom, topTo]), [
    [0, 3, 1, 0, 0],
    [0, 2, 2, 1, 3],
    [1, 2, 1, 5, 5],
  ]);
});

Deno.test("a column that only renames the one before crosses nothing", () => {
  const { ribbons } = layAlluvial([[5, 1, 5, 3], [0, 9, 0, 2]], 1);
  for (const { topFrom, topTo } of ribbons) assertEquals(topFrom, topTo);
});

Deno.test("every member leaves and enters each block exactly once", () => {
  const random = new Random(2);
  const columns = Array.from({ length: 4 }, () => Array.from({ length: 50 }, () => random.integer(6)));
  const { blocks, ribbons, height } = layAlluvial(columns, 1);
  for (const { column, category, count, top } of blocks) {
    assert(top >= 0 && top + count <= height);
    const sides = [
      ribbons.filter((ribbon) => ribbon.column === column && ribbon.from === category)
        .map((ribbon) => [ribbon.topFrom, ribbon.count]),
      ribbons.filter((ribbon) => ribbon.column === column - 1 && ribbon.to === category)
        .map((ribbon) => [ribbon.topTo, ribbon.count]),
    ];
    for (const side of sides.filter(({ length }) => length > 0)) {
      let at = top;
      for (const [start, members] of side) {
        assertEquals(start, at);
        at += members;
      }
      assertEquals(at, top + count);
    }
  }
  assertEquals(layAlluvial([], 1), { blocks: [], ribbons: [], height: 0 });
});
