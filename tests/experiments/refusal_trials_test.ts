import { assertEquals } from "@std/assert";
import { bestTrial, mostSpecificLayer, ratesOf, type Trial } from "../../experiments/lib/refusal/trials.ts";

const trial = (delta: number, nullDelta: number, rest: Partial<Trial> = {}): Trial => ({
  seed: 0,
  layer: 6,
  percentile: 2,
  basis: "mean",
  k: 1,
  refused: 1 + delta,
  loops: 0,
  delta,
  nullDelta,
  nullLoops: 0,
  nullDistance: 0.1,
  members: 50,
  share: 1,
  ...rest,
});
const STANDARD = { nullTolerance: 0.1, matchDistance: 0.3 };

Deno.test("answers are counted as refusals and loops", () => {
  assertEquals(ratesOf(["I cannot.", "Sure!", `I cannot${" no".repeat(9)}`, "Yes."]), { refused: 0.5, loops: 0.25 });
});

Deno.test("the best ablation is a large fall beside a null that holds", () => {
  const [falling, matched, far] = [trial(-1, -0.9), trial(-0.6, -0.1), trial(-0.8, 0, { nullDistance: 1 })];
  assertEquals(bestTrial([falling, far, matched], STANDARD), matched);
  assertEquals(bestTrial([matched, trial(-0.9, 0, { k: 2 })], STANDARD), matched);
  assertEquals(bestTrial([falling, far], STANDARD), far);
  assertEquals(bestTrial([falling, far], { nullTolerance: 1, matchDistance: 0.3 }), falling);
});

Deno.test("without a null that holds, the fall that exceeds its null's most is the best; without nulls, the largest", () => {
  const [both, more, alone] = [trial(-1, -0.9), trial(-0.7, -0.2), trial(-1, NaN)];
  assertEquals(bestTrial([both, more, alone], STANDARD), more);
  assertEquals(bestTrial([trial(-0.2, NaN), alone], STANDARD), alone);
  // A null that holds beside a small fall is no effect.
  assertEquals(bestTrial([more, trial(-0.1, 0)], STANDARD), more);
  assertEquals(bestTrial([], STANDARD), undefined);
});

Deno.test("the most specific layer is that of the percentile whose falls exceed the nulls', averaged over seeds", () => {
  const trials = [
    trial(-1, -0.9, { layer: 5 }),
    trial(-0.9, 0, { layer: 6 }),
    trial(-0.1, 0, { layer: 6, seed: 1 }),
    trial(-0.6, 0, { layer: 7 }),
    trial(-0.6, NaN, { layer: 4 }),
  ];
  assertEquals(mostSpecificLayer(trials), 7);
  assertEquals(mostSpecificLayer(trials.slice(4)), 4);
  assertEquals(mostSpecificLayer([]), undefined);
});
