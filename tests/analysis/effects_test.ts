import { assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { extract } from "../../src/activations/mod.ts";
import { closedGap, DirectionEffects, type Effect, effectMeans, outputsOf } from "../../src/analysis/mod.ts";
import { loadModel } from "../../src/model/mod.ts";
import { Dictionary } from "../../src/partition/mod.ts";

type Before = Omit<Effect, "kind" | "alpha" | "after">;
const BEFORE: Before = {
  ...{ region: 0, members: 10, coherence: 0.9, direction: "region", nullDistance: 0 },
  ...{ divergence: 1, shift: 0.5, membersBefore: 1, othersBefore: 3 },
};
const ablation = (after: number, rest: Partial<Before> = {}): Effect => {
  return { ...BEFORE, ...rest, kind: "ablation", alpha: null, after };
};
const steering = (alpha: number, after: number, rest: Partial<Before> = {}): Effect => {
  return { ...BEFORE, ...rest, kind: "steering", alpha, after };
};

Deno.test("necessity and sufficiency are shares of the gap between members and others, added up over regions", () => {
  // Gaps of 2 and 4 nats. Ablation drives members 1 and 2 nats away; steering brings others 2 and 1 nats nearer.
  const wide = { othersBefore: 5 };
  assertAlmostEquals(closedGap([ablation(2), ablation(3, wide)]), 3 / 6, 1e-12);
  assertAlmostEquals(closedGap([steering(1, 1), steering(1, 4, wide)]), 3 / 6, 1e-12);
  assertEquals(closedGap([steering(2, 4)]), -0.5);
});

Deno.test("means are by direction and strength", () => {
  const none = { direction: "matched null" } as const;
  const effects = [ablation(2), steering(1, 1), ablation(3), steering(2, 1), ablation(1, none)];
  const means = effectMeans(effects);
  assertEquals(means.map(({ direction, alpha, regions }) => [direction, alpha, regions]), [
    ["region", null, 2],
    ["region", 1, 1],
    ["region", 2, 1],
    ["matched null", null, 1],
  ]);
  assertEquals(means.map(({ closed }) => closed), [0.75, 1, 1, 0]);
});

Deno.test("a region's direction is ablated and added, then its null's; a region of every position is not eligible", async () => {
  const model = await loadModel("fixtures/gemma-2-toy", { device: "cpu" });
  const stream = extract(model, ["The king is dead.", "The queen is here."], { layers: [4], batchPrompts: 1 });
  const [typical, tested] = await Array.fromAsync(stream, (batch) => outputsOf(model, batch));
  const effectsAt = async (threshold: number) => {
    using dictionary = await Dictionary.create({ center: new Float32Array(model.dim), threshold }, { backend: "cpu" });
    for (const { batch } of [typical, tested]) await dictionary.add(batch.batches.get(4)!);
    const effects = await DirectionEffects.create({ model, layer: 4, dictionary, typical, tested });
    return { effects, eligible: effects.eligible(1), measured: await effects.of(effects.eligible(1)[0] ?? 0, [0, 1]) };
  };
  const { eligible, measured } = await effectsAt(0.6);
  assertEquals(eligible, [...eligible].sort((a, b) => a - b));
  const kinds = ["ablation at null", "steering at 0", "steering at 1"];
  assertEquals(measured.map(({ kind, alpha }) => `${kind} at ${alpha}`), [...kinds, ...kinds]);
  const [ablated, unchanged] = measured;
  assertAlmostEquals(unchanged.divergence, 0, 1e-6);
  assertAlmostEquals(unchanged.after, unchanged.othersBefore, 1e-5);
  assertEquals(unchanged.shift, 0);
  assertEquals(ablated.divergence > 0.01, true);
  await assertRejects(() => effectsAt(1.99), RangeError, "not all, but found 0");
  await model.dispose();
});
