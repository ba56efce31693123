import { assert, assertEquals } from "@std/assert";
import { holdActivations, type StreamBatch } from "../../src/activations/mod.ts";
import {
  compareFirings,
  f1BySize,
  f1Figures,
  featureFirings,
  type FiringComparison,
  type FiringSide,
  firingsOf,
  partitionFirings,
  pickUnits,
} from "../../src/analysis/mod.ts";

/** Regions 0 to 3 of 12 tokens, and features that have region 0 whole, region 1 in halves, and something of their own. */
function toy() {
  const regions = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3];
  const order = (unitOfToken: number[], seed: number) => ({
    seed,
    firings: partitionFirings(unitOfToken, 4),
    random: partitionFirings(unitOfToken.map((_, token) => token % 4), 4),
  });
  const features = partitionFirings([0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 3, 3], 4);
  const compared = compareFirings(
    [order(regions, 0), order(regions.toReversed(), 1)],
    partitionFirings(regions, 4),
    { firings: features, strongest: features },
    // Id 7 is region 0's alone; the others repeat across regions.
    { ids: Int32Array.of(7, 7, 7, 7, 1, 2, 1, 2, 1, 2, 1, 2), vocab: 9, minimum: 2, draws: [0, 1, 2] },
  );
  return { compared, regions: partitionFirings(regions, 4), features };
}

Deno.test("a region of too few tokens has no F1, by chance neither", () => {
  const once = partitionFirings([0, 0, 0, 1], 2);
  const options = { ids: Int32Array.of(1, 1, 2, 2), vocab: 3, minimum: 2, draws: [0, 1] };
  const features = { firings: once, strongest: once };
  const compared = compareFirings([{ seed: 0, firings: once, random: once }], once, features, options);
  const own = compared.regions.map(({ f1 }) => f1);
  for (const f1 of [own, compared.permutedRegions, compared.permutedFeatures]) {
    assertEquals(f1.map((value) => value === null), [false, true]);
  }
});

Deno.test("regions and features are matched both ways, beside chance, another order and token ids", () => {
  const { compared, regions, features } = toy();
  const f1 = compared.regions.map(({ f1 }) => f1);
  assertEquals(compared.regions.map(({ unit }) => unit), [0, 1, 3, 3]);
  assertEquals(f1, [1, 4 / 6, 4 / 6, 4 / 6]);
  assertEquals(compared.features.map(({ unit }) => unit), [0, 1, 1, 2]);
  const f1Of = (side: FiringSide, comparison: FiringComparison) =>
    compared.comparisons.filter((row) => row.side === side && row.comparison === comparison).map(({ f1 }) =>
      f1Figures(f1)
    );
  const share = (side: FiringSide, comparison: FiringComparison) => f1Of(side, comparison)[0].share;
  assertEquals(f1Of("regions", "EP and SAE")[0].counted, 4);
  assertEquals(f1Of("features", "EP and SAE").length, 2, "an order each");
  assertEquals(share("regions", "EP and SAE, strongest tokens"), 1);
  assert(f1Of("regions", "EP and SAE, tokens permuted").every(({ share }) => share! < 1));
  assertEquals(share("regions", "random exemplars and SAE"), 0);
  assertEquals([share("regions", "token ids"), share("features", "token ids")], [0.25, 0.25]);
  assertEquals(compared.pairs.map(({ a, b }) => [a, b]), [[0, 0], [1, 1], [2, 3]], "one to one, 3 finds none");
  assertEquals(f1Of("features", "EP and EP of another order"), []);
  assertEquals(f1Figures([null]), { counted: 0, share: null, mean: null, median: null });

  const picks = pickUnits(compared, regions, [0.9, 0.8, 0.7, 0.6], features);
  const of = (kind: string) => picks.filter((pick) => pick.kind === kind);
  assertEquals(of("shared").map(({ unit, best }) => [unit, best]), [[0, 0], [1, 1], [2, 3]]);
  assertEquals(of("shared, no single token").map(({ unit }) => unit), [1, 2]);
  assertEquals(of("EP only").map(({ unit, parts }) => [unit, parts]), [
    [1, [{ unit: 1, covers: 0.5 }, { unit: 2, covers: 0.5 }]],
    [0, [{ unit: 0, covers: 1 }]],
  ]);
  assertEquals(of("SAE only").map(({ unit }) => unit), [3, 0], "the larger half, lowest F1 first");
  const sizes = f1BySize(regions, f1, compared.permutedRegions, 2);
  assertEquals(sizes.map(({ from, below, units, median }) => [from, below, units, median]), [
    [2, 4, 2, 4 / 6],
    [4, 8, 2, (1 + 4 / 6) / 2],
  ]);
});

Deno.test("held-out tokens are numbered along the stream, and features fire on the same numbers", async () => {
  const batch = (from: number, rows: number) => {
    const prompt = {
      id: `${from}`,
      text: from,
      tokens: new Int32Array(9),
      excerpt: (position: number) => ({ before: "", token: `${from}@${position}`, after: "" }),
    };
    const provenance = {
      prompts: [prompt],
      prompt: new Int32Array(rows),
      position: Int32Array.from({ length: rows }, (_, i) => i + 1),
      token: Int32Array.from({ length: rows }, (_, i) => from + i),
    };
    const data = Float32Array.from({ length: rows * 2 }, (_, i) => i);
    return { batches: new Map([[4, { rows, dim: 2, data, provenance }]]) } as unknown as StreamBatch;
  };
  async function* stream() {
    yield await Promise.resolve(batch(10, 3));
    yield batch(20, 2);
    yield batch(30, 4);
  }
  const held = await holdActivations(stream(), 4, 4);
  assertEquals([...held.ids], [10, 11, 12, 20, 21], "whole batches until there are enough");
  assertEquals([0, 2, 3, 4].map((token) => held.excerpt(token).token), ["10@1", "10@3", "20@1", "20@2"]);
  // Feature 0 is active on every token, feature 1 on the first of each batch.
  const sae = {
    size: 2,
    encode: ({ rows }: { rows: number }) =>
      Promise.resolve({
        rows,
        size: 2,
        offsets: Int32Array.from({ length: rows + 1 }, (_, i) => i === 0 ? 0 : i + 1),
        features: Int32Array.of(0, 1, ...Array(rows - 1).fill(0)),
        values: Float32Array.from({ length: rows + 1 }, (_, i) => i + 1),
      }),
  };
  const { firings, strongest } = await featureFirings(sae, held.batches, 1);
  assertEquals([[...firingsOf(firings, 0)], [...firingsOf(firings, 1)]], [[0, 1, 2, 3, 4], [0, 3]]);
  assertEquals([[...firingsOf(strongest, 0)], [...firingsOf(strongest, 1)]], [[2], [0]]);
});
