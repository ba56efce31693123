import { assert, assertEquals } from "@std/assert";
import { answerKind, endsInLoop, kindShares, matchedRegion, refusalRegions } from "../../src/analysis/mod.ts";

Deno.test("a loop is three copies at the end, 20 characters together", () => {
  assert(endsInLoop("viruses_squirus_squirus_squirus_s"));
  assert(endsInLoop("I".repeat(20)));
  assert(!endsInLoop("I".repeat(19)));
  assert(!endsInLoop("It is often seen with tea. It is often seen with tea."));
  assert(endsInLoop("It is tea. ".repeat(3)));
  assert(!endsInLoop("a loop a loop a loop a loop that goes on to something else"));
  assert(!endsInLoop(""));
});

Deno.test("answers are sorted by what an intervention made of them", () => {
  assertEquals(answerKind("I cannot.", "I cannot."), "unchanged");
  assertEquals(answerKind("I cannot. I cannot. I cannot. ", "Sure!"), "degenerate loop");
  assertEquals(answerKind("I cannot.", "Sure!"), "coherent refusal");
  assertEquals(answerKind("Of course!", "Sure!"), "other text");
  assertEquals(kindShares(["Sure!", "I cannot.", "I cannot.", "Of course!"], Array(4).fill("Sure!")), {
    "unchanged": 0.25,
    "degenerate loop": 0,
    "coherent refusal": 0.5,
    "other text": 0.25,
  });
});

Deno.test("regions of refusal are ranked by the refused prompts that they hold", () => {
  const regions = [...Array(10).fill(7), ...Array(6).fill(2), ...Array(5).fill(4), ...Array(3).fill(9)];
  const refused = [
    ...[true, true, true, true, false, false, false, false, false, false],
    ...Array(6).fill(true),
    ...Array(5).fill(false),
    ...Array(3).fill(true),
  ];
  const { candidates, nulls, occupied } = refusalRegions(regions, refused);
  assertEquals(candidates.map(({ region, members, share }) => [region, members, share]), [[2, 6, 1], [7, 10, 0.4]]);
  assertEquals(nulls.map(({ region }) => region), [4]);
  assertEquals(occupied, 4);
  const strict = refusalRegions(regions, refused, { rate: 0.5, members: 3, nullRate: 0 });
  assertEquals(strict.candidates.map(({ region }) => region), [2, 9]);
});

Deno.test("a matched region is the nearest in log10 of the members and coherence", () => {
  const shape = { memberCounts: [100, 10, 90, 110], coherences: [0.9, 0.9, 0.5, 0.7] };
  const match = matchedRegion(shape, 0, [0, 1, 2, 3])!;
  assertEquals(match.region, 3);
  assert(Math.abs(match.distance - Math.hypot(Math.log10(1.1), 0.2)) < 1e-12);
  assertEquals(matchedRegion(shape, 0, [0]), undefined);
});
