import { assert, assertAlmostEquals, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { featureFirings, openSae } from "../../experiments/lib/overlap/features.ts";
import type { StreamBatch } from "../../src/activations/mod.ts";
import { firingsOf, partitionFirings } from "../../src/analysis/mod.ts";
import { openBackend } from "../../src/compute/mod.ts";
import type { HookSite, LanguageModel } from "../../src/model/mod.ts";
import { UsageError } from "../../src/run/mod.ts";
import { readHeldout } from "../../experiments/lib/overlap/heldout.ts";
import { compareFirings } from "../../experiments/lib/overlap/measure.ts";
import { pickUnits } from "../../experiments/lib/overlap/picks.ts";
import { sizeRows } from "../../experiments/lib/overlap/sizes.ts";
import { figuresOf, sharedCore } from "../../experiments/lib/overlap/summary.ts";
import { numbersOf, withExperiment } from "./child.ts";

/** Regions 0 to 3 of 12 tokens, and features that have region 0 whole, region 1 in halves, and something of their own. */
function toy() {
  const regions = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3];
  const order = (unitOfToken: number[], seed: number) => ({
    seed,
    percentile: 4,
    threshold: 0.5,
    size: 4,
    firings: partitionFirings(unitOfToken, 4),
    random: partitionFirings(unitOfToken.map((_, token) => token % 4), 4),
    within: 1,
    coherences: Float64Array.of(0.9, 0.8, 0.7, 0.6),
    means: new Float32Array(4),
  });
  const features = partitionFirings([0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 3, 3], 4);
  const measured = compareFirings(
    { orders: [order(regions, 0), order(regions.toReversed(), 1)], strongest: partitionFirings(regions, 4) },
    { firings: features, strongest: features },
    // Id 7 is region 0's alone; the others repeat across regions.
    { ids: Int32Array.of(7, 7, 7, 7, 1, 2, 1, 2, 1, 2, 1, 2), vocab: 9, minimum: 2, draws: [0, 1, 2] },
  );
  return { measured, features };
}

Deno.test("regions and features are matched both ways, beside chance, another order and token ids", () => {
  const { measured, features } = toy();
  assertEquals([...measured.regions.units], [0, 1, 3, 3]);
  assertEquals([...measured.regions.f1], [1, 4 / 6, 4 / 6, 4 / 6]);
  assertEquals([...measured.features.units], [0, 1, 1, 2]);
  const share = (side: "regions" | "features", name: Parameters<typeof figuresOf>[2]) =>
    figuresOf(measured, side, name).share;
  assertEquals(figuresOf(measured, "regions", "EP and SAE").counted, 4);
  assertEquals(share("regions", "EP and SAE, strongest tokens"), 1);
  assert(share("regions", "EP and SAE, tokens permuted") < 1);
  assertEquals(share("regions", "random exemplars and SAE"), 0);
  assertEquals([share("regions", "token ids"), share("features", "token ids")], [0.25, 0.25]);
  assertEquals(sharedCore(measured), { regions: 4, alsoTokens: 1 });
  assertEquals(measured.pairs.map(({ a, b }) => [a, b]), [[0, 0], [1, 1], [2, 3]], "one to one, 3 finds none");
  assert(Number.isNaN(figuresOf(measured, "features", "EP and EP of another order").share));

  const picks = pickUnits(measured, features);
  const of = (kind: string) => picks.filter((pick) => pick.kind === kind);
  assertEquals(of("shared").map(({ unit, best }) => [unit, best]), [[0, 0], [1, 1], [2, 3]]);
  assertEquals(of("shared, no single token").map(({ unit }) => unit), [1, 2]);
  assertEquals(of("EP only").map(({ unit, parts }) => [unit, parts]), [
    [1, [{ unit: 1, covers: 0.5 }, { unit: 2, covers: 0.5 }]],
    [0, [{ unit: 0, covers: 1 }]],
  ]);
  assertEquals(of("SAE only").map(({ unit }) => unit), [3, 0], "the larger half, lowest F1 first");
  const sizes = sizeRows(measured, features, 2).map(({ side, from, below, units, median }) => [
    side,
    from,
    below,
    units,
    median,
  ]);
  assertEquals(sizes.slice(0, 2), [["regions", 2, 4, 2, 4 / 6], ["regions", 4, 8, 2, (1 + 4 / 6) / 2]]);
});

Deno.test("held-out tokens are numbered along the stream, and features fire on the same numbers", async () => {
  const batch = (from: number, rows: number) => {
    const prompt = {
      id: `${from}`,
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
  const heldout = await readHeldout(stream(), 4, 4);
  assertEquals([...heldout.ids], [10, 11, 12, 20, 21], "whole batches until there are enough");
  assertEquals([0, 2, 3, 4].map((token) => heldout.excerpt(token).token), ["10@1", "10@3", "20@1", "20@2"]);
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
  const { firings, strongest } = await featureFirings(sae, heldout, 1, () => {});
  assertEquals([[...firingsOf(firings, 0)], [...firingsOf(firings, 1)]], [[0, 1, 2, 3, 4], [0, 3]]);
  assertEquals([[...firingsOf(strongest, 0)], [...firingsOf(strongest, 1)]], [[2], [0]]);
});

Deno.test("an SAE of another layer, hook or width is refused with a sentence", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/layer_5`);
    const path = `${folder}/layer_5/params.npz`;
    await Deno.copyFile(new URL("../../fixtures/sae/params.npz", import.meta.url), path);
    const backend = await openBackend("cpu");
    const open = (dim: number, layer: number, hook: HookSite = "resid_post") =>
      openSae(path, backend, { id: "toy", dim, hook } as LanguageModel, layer);
    await assertRejects(() => open(192, 4), UsageError, "resid_post of layer 5: give --hook resid_post --layers 5");
    await assertRejects(() => open(192, 5, "attn_out"), UsageError, "Expected an SAE of attn_out of layer 5 but");
    await assertRejects(() => open(64, 5), UsageError, "takes 192");
    assertEquals((await open(192, 5)).size, 2048);
    assertEquals((await open(192, 6, "resid_pre")).size, 2048, "what enters block 6 is what block 5 puts out");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

const SMALL =
  "--device cpu --percentiles 8,16 --seeds 2 --draws 2 --tokens 3000 --max-tokens 4000 --calibration 2000 --batch 32";

Deno.test("overlap leaves tables, charts, examples and report, and chance beside the shares", () =>
  withExperiment("overlap", SMALL.split(" "), async ({ code, stdout, stderr, out, record }) => {
    assertEquals([code, stderr], [0, ""]);
    for (const file of record.outputs) assert((await Deno.stat(`${out}/${file}`)).size > 0, file);
    const { findings } = record;
    assert(numbersOf(findings).every(Number.isFinite), stdout);
    assertEquals(findings.percentiles, [8, 16]);
    const shares = (key: string) => findings[key] as number[];
    for (const key of ["share_f1_above_half_ep", "share_f1_above_half_sae", "share_shuffled"]) {
      assertEquals(shares(key).length, 2, key);
      assert(shares(key).every((share) => share >= 0 && share <= 1), `${key}: ${shares(key)}`);
    }
    // The same tokens say more than permuted ones.
    shares("share_f1_above_half_ep").forEach((share, i) => assert(share > shares("share_shuffled")[i], `${share}`));
    assertAlmostEquals(findings.shown_share_ep as number, shares("share_f1_above_half_ep")[0], 1e-12);
    const report = await Deno.readTextFile(`${out}/report.html`);
    assertStringIncludes(report, '<p class="answer">At p 8 (');
    for (const heading of ["Shared core", "What only EP has", "What only the SAE has"]) {
      assertStringIncludes(report, heading);
    }
    assertStringIncludes(stdout, "another model than this one");
  }));

Deno.test("overlap compares one layer", () =>
  withExperiment("overlap", ["--layers", "3,4"], ({ code, stderr }) => {
    assertEquals(code, 2);
    assertStringIncludes(stderr, "Expected one layer, the SAE's, but got --layers 3,4");
  }));
