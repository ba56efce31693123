/** What feature browsers are shown of regions: every figure against plain loops in float64. */
import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { ActivationBatch } from "../../src/activations/mod.ts";
import { Dashboard, type DashboardFileOptions, type DashboardOptions } from "../../src/analysis/mod.ts";
import { type Backend, openBackend } from "../../src/compute/mod.ts";
import type { LanguageModel, LensToken } from "../../src/model/mod.ts";
import { Dictionary, type DictionaryCalibration } from "../../src/partition/mod.ts";
import { backendTest } from "../lib/backends.ts";
import { inFolder } from "../lib/folder.ts";
import { corpus, DIM, streamOf } from "../partition/streams.ts";

const SOURCE = {
  model: "owner/toy",
  hook: { layer: 3, at: "resid_post" },
  extractor: "per-position",
  context: 16,
  batchPrompts: 20,
  chat: false,
  corpus: "corpus",
} as const;
const CALIBRATION = { center: new Float32Array(DIM).fill(0.2), threshold: 0.3, percentile: 7.5, source: SOURCE };
const BATCHES = streamOf(corpus(120, [3]), 20).map(({ batches }) => batches.get(3)!);

/** A lens that tells apart directions and their opposites: logits are the first coordinates. */
const MODEL = {
  id: "toy",
  hook: "resid_post",
  lens: (directions: Float32Array, rows: number, k = 5): Promise<LensToken[][]> =>
    Promise.resolve(
      Array.from({ length: rows }, (_, row) =>
        Array.from({ length: k }, (_, id) => ({ id, token: `t${id}`, logit: directions[row * DIM + id] }))
          .sort((a, b) =>
            b.logit - a.logit
          )),
    ),
} as unknown as LanguageModel;

interface Feature {
  readonly feature_index: number;
  readonly pos_str: string[];
  readonly pos_values: number[];
  readonly neg_str: string[];
  readonly neg_values: number[];
  readonly frac_nonzero: number;
  readonly freq_hist_data_bar_values: number[];
  readonly freq_hist_data_bar_heights: number[];
  readonly n_prompts_total: number;
  readonly activations: {
    readonly tokens: string[];
    readonly values: number[];
    readonly qualifying_token_index: number;
    readonly bin_max: number;
  }[];
}

async function grown(
  backend: Backend,
  batches: readonly ActivationBatch[] = BATCHES,
  calibration: DictionaryCalibration = CALIBRATION,
): Promise<Dictionary> {
  const dictionary = await Dictionary.create(calibration, { backend });
  for (const batch of batches) await dictionary.add(batch);
  return dictionary;
}

/** The files that a dashboard writes, parsed. */
async function written(dashboard: Dashboard, options: DashboardFileOptions = {}) {
  const files: { model_id: string; layer: number; sae_set: string; features: Feature[] }[] = [];
  await inFolder(async (folder) => {
    for (const { name, save } of dashboard.files(MODEL, options)) {
      assertEquals(name, `batch-${files.length}.json`);
      await save(`${folder}/${name}`);
      files.push(JSON.parse(await Deno.readTextFile(`${folder}/${name}`)));
    }
  });
  return files;
}

async function shown(dictionary: Dictionary, options: DashboardOptions = {}, batches = BATCHES) {
  const dashboard = new Dashboard(dictionary, options);
  for (const batch of batches) await dashboard.add(batch);
  return dashboard;
}

/** Every row of the stream: prompt, position, and `<x - c, e>` for each region, in float64. */
function signedByLoops({ center, exemplars, size }: Dictionary) {
  return BATCHES.flatMap(({ rows, data, provenance }) =>
    Array.from({ length: rows }, (_, row) => ({
      prompt: provenance!.prompts[provenance!.prompt[row]].id,
      position: provenance!.position[row],
      values: Array.from({ length: size }, (_, region) => {
        let sum = 0;
        for (let d = 0; d < DIM; d++) sum += (data[row * DIM + d] - center[d]) * exemplars[region * DIM + d];
        return sum;
      }),
    }))
  );
}

/** Six digits are written. */
function assertClose(values: readonly number[], expected: readonly number[], what: string): void {
  assertEquals(values.length, expected.length, what);
  values.forEach((value, i) => assertAlmostEquals(value, expected[i], 1e-5 * Math.max(1, Math.abs(expected[i])), what));
}

backendTest(
  "contexts have the signed read-out of every token, as loops in float64 and the read-out give it",
  async (backend) => {
    using dictionary = await grown(backend);
    const features = (await written(await shown(dictionary))).flatMap(({ features }) => features);
    assertEquals(features.map(({ feature_index }) => feature_index), [...Array(dictionary.size).keys()]);
    assert(features.length > 5 && features.some(({ activations }) => activations.length === 10));
    const rows = signedByLoops(dictionary);
    const ofPrompt = Map.groupBy(rows, ({ prompt }) => prompt);
    for (const { feature_index: region, activations } of features) {
      const contexts = dictionary.nearestContexts(region);
      assertEquals(activations.length, contexts.length);
      for (const [i, { tokens, values, qualifying_token_index: own, bin_max }] of activations.entries()) {
        const { prompt, position, excerpt } = contexts[i];
        const of = ofPrompt.get(prompt)!;
        assertEquals(
          tokens,
          of.map(({ position }) => ` t${position}`),
          "every token that has an activation, <bos> none",
        );
        assertEquals([tokens[own], of[own].position], [excerpt.token, position]);
        assertClose(values, of.map(({ values }) => values[region]), `region ${region}, ${prompt}`);
        assert(bin_max >= values[own], "the largest of the contexts");
      }
    }
    const readout = await dictionary.readout(BATCHES[0], { kind: "signed", basis: "exemplar" });
    assertClose([...readout.subarray(0, dictionary.size)], rows[0].values, "the read-out that the values are");
  },
);

backendTest("how often a region is met, and with which values, is counted over the pass", async (backend) => {
  using dictionary = await grown(backend);
  const features = (await written(await shown(dictionary))).flatMap(({ features }) => features);
  const rows = signedByLoops(dictionary);
  const nearest = rows.map(({ values }) => values.indexOf(Math.max(...values)));
  for (const { feature_index: region, ...feature } of features) {
    const own = rows.filter((_, i) => nearest[i] === region).map(({ values }) => values[region]);
    assertAlmostEquals(feature.frac_nonzero, own.length / rows.length, 1e-6);
    const { freq_hist_data_bar_values: middles, freq_hist_data_bar_heights: heights } = feature;
    assertEquals(heights.reduce((a, b) => a + b, 0), own.length);
    assert(middles.length === heights.length && middles.length <= 40, `${middles.length} bars`);
    assert(own.length < 30 || middles.length > 10, `${middles.length} bars of ${own.length} values`);
    assert(heights[0] > 0 && heights.at(-1)! > 0, "the bars end where the values do");
    const half = middles.length > 1 ? (middles[1] - middles[0]) / 2 : Infinity;
    for (const [i, middle] of middles.entries()) {
      const inside = own.filter((value) => Math.abs(value - middle) < half - 1e-5).length;
      const around = own.filter((value) => Math.abs(value - middle) < half + 1e-5).length;
      assert(inside <= heights[i] && heights[i] <= around, `bar ${i} of region ${region}`);
    }
    assertEquals(feature.n_prompts_total, 120);
  }
});

Deno.test("the lens reads the exemplar, and its opposite with the sign changed", async () => {
  using dictionary = await grown(await openBackend("cpu"));
  const [{ features }] = await written(await shown(dictionary), { k: DIM, features: 1000 });
  for (const { feature_index: region, pos_str, pos_values, neg_str, neg_values } of features) {
    const exemplar = [...dictionary.exemplars.subarray(region * DIM, (region + 1) * DIM)];
    const order = exemplar.map((_, i) => i).sort((a, b) => exemplar[b] - exemplar[a]);
    assertEquals(pos_str, order.map((i) => `t${i}`));
    assertClose(pos_values, order.map((i) => exemplar[i]), "largest first");
    assertEquals(neg_str, order.toReversed().map((i) => `t${i}`));
    assertClose(neg_values, order.toReversed().map((i) => exemplar[i]), "least first");
  }
});

Deno.test("features are cut into files, which name model, layer and set; what is not known is asked for", async () => {
  const backend = await openBackend("cpu");
  using dictionary = await grown(backend);
  const { size } = dictionary;
  const files = await written(await shown(dictionary), { features: 4 });
  assertEquals(
    files.map(({ features }) => features.length),
    [...Array(Math.floor(size / 4)).fill(4), size % 4].filter(Boolean),
  );
  assertEquals(files.flatMap(({ features }) => features.map((f) => f.feature_index)), [...Array(size).keys()]);
  const { model_id, layer, sae_set } = files[1];
  assertEquals([model_id, layer, sae_set], ["owner/toy", 3, "exemplar-p7.5"]);
  const named = await written(await shown(dictionary), { modelId: "toy-2b", layer: 5, set: "mine" });
  assertEquals([named[0].model_id, named[0].layer, named[0].sae_set], ["toy-2b", 5, "mine"]);

  const { center, threshold } = CALIBRATION;
  using bare = await grown(backend, BATCHES, { center, threshold });
  const dashboard = await shown(bare);
  assertThrows(() => dashboard.files(MODEL), Error, "give it as `layer`");
  assertEquals((await written(dashboard, { layer: 1 }))[0].model_id, "toy");
});

Deno.test("fewer contexts and fewer tokens around them are to be had", async () => {
  using dictionary = await grown(await openBackend("cpu"));
  const features = (await written(await shown(dictionary, { contexts: 3, around: 1 }))).flatMap((f) => f.features);
  for (const { feature_index: region, activations } of features) {
    assertEquals(activations.length, Math.min(3, dictionary.nearestContexts(region).length));
    for (const [i, { tokens, values, qualifying_token_index: own }] of activations.entries()) {
      assert(tokens.length <= 3 && tokens.length === values.length && own <= 1);
      assertEquals(tokens[own], ` t${dictionary.nearestContexts(region)[i].position}`);
    }
  }
  assertThrows(() => new Dashboard(dictionary, { contexts: 0 }), RangeError, "contexts to be a whole number");
  assertThrows(() => new Dashboard(dictionary, { around: 0.5 }), RangeError, "tokens around");
});

Deno.test("of prompts of one name the one is shown whose distance was recorded, wherever it stands", async () => {
  using dictionary = await grown(await openBackend("cpu"));
  const expected = await written(await shown(dictionary));
  // The same names and positions once more, before and after, with the values of other rows.
  const other = BATCHES.map(({ data, rows, dim, provenance }) => ({
    data: data.slice().reverse(),
    rows,
    dim,
    provenance,
  }));
  for (const batches of [[...other, ...BATCHES], [...BATCHES, ...other]]) {
    const files = await written(await shown(dictionary, {}, batches as typeof BATCHES));
    const contexts = (files: typeof expected) => files.flatMap(({ features }) => features.map((f) => f.activations));
    assertEquals(contexts(files), contexts(expected));
  }
});

Deno.test("a stream that lacks a context, or does not say where rows come from, is refused", async () => {
  using dictionary = await grown(await openBackend("cpu"));
  const half = await shown(dictionary, {}, BATCHES.slice(0, 2));
  assertThrows(() => half.files(MODEL), Error, "add every batch of that stream before the files are written");
  const { data, rows, dim } = BATCHES[0];
  await assertRejects(() => half.add({ data, rows, dim }), Error, "it has no provenance");
  const wide = { data: new Float32Array(2 * (DIM + 1)), rows: 2, dim: DIM + 1, provenance: BATCHES[0].provenance };
  await assertRejects(() => half.add(wide), RangeError);
});

Deno.test("a stream of the same prompts through other weights is refused; after re-anchoring their own is not", async () => {
  using dictionary = await grown(await openBackend("cpu"));
  assert(dictionary.memberCounts.includes(1), "a region of one member");
  const other = BATCHES.map(({ data, rows, dim, provenance }) => ({
    data: data.map((v) => -v),
    rows,
    dim,
    provenance,
  }));
  const dashboard = await shown(dictionary, {}, other as unknown as typeof BATCHES);
  assertThrows(() => dashboard.files(MODEL), Error, "add the batches of the same model, layer and hook");
  using anchored = await dictionary.reanchor(BATCHES);
  assert(anchored.exemplars.some((value, i) => value !== dictionary.exemplars[i]), "re-anchoring moves exemplars");
  assertEquals((await written(await shown(anchored))).flatMap(({ features }) => features).length, anchored.size);
});

Deno.test("a dictionary without contexts shows its features without any; one without regions has no files", async () => {
  const backend = await openBackend("cpu");
  const bare = BATCHES.map(({ data, rows, dim }) => ({ data, rows, dim }));
  using dictionary = await grown(backend, bare);
  const [{ features }] = await written(await shown(dictionary));
  assertEquals(new Set(features.map(({ activations }) => activations.length)), new Set([0]));
  assert(features.every(({ frac_nonzero }) => frac_nonzero > 0));
  using empty = await grown(backend, []);
  assertEquals(await written(await shown(empty)), []);
});

Deno.test("texts that would act on a terminal are escaped in the file, and the same to who parses it", async () => {
  using dictionary = await grown(await openBackend("cpu"));
  const dashboard = await shown(dictionary);
  await inFolder(async (folder) => {
    const [{ save }] = dashboard.files(MODEL, { set: "a\u202eb\u001b" });
    await save(`${folder}/b.json`);
    const text = await Deno.readTextFile(`${folder}/b.json`);
    assert(!text.includes("\u202e") && !text.includes("\u001b"), "shown as escapes");
    assertEquals(JSON.parse(text).sae_set, "a\u202eb\u001b");
  });
});
