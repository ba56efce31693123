#!/usr/bin/env -S deno run --allow-read --allow-write --allow-env --allow-sys --allow-ffi --allow-net=huggingface.co,*.huggingface.co,*.hf.co
/**
 * Do the regions of a dictionary and the features of an SAE fire on the same tokens?
 *
 * Grows dictionaries at every p on the train split, in several stream orders. Then the same held-out tokens, which neither
 * side was fitted on, go to both: a token fires the region it is nearest to, and every feature of positive activation.
 * Each region's best match is the feature with the largest F1 of the two sets of tokens, each feature's the region. Beside
 * it: permuted and shifted tokens (chance), as many random activations as exemplars, another stream order (what two
 * dictionaries of one kind reach), single token ids, and the published measure (the strongest tokens of soft activations).
 *
 *     deno task run experiments/overlap.ts
 *
 * Leaves in `--out`: `regions.arrow` and `features.arrow` (a row for every percentile and region or feature: firings, best
 * match, F1, precision, recall, F1 of permuted tokens); `summary.arrow` (a row for every percentile, side, comparison and
 * seed: units that count, share with F1 above one half, mean, median); `sizes.arrow` (the same by firings); `examples.arrow`
 * (shared, EP-only and SAE-only units with their tokens and contexts); the charts `overlap`, `sizes` and `distribution`;
 * `report.html`; `run.json`.
 *
 * About a minute and a half on the embedded model and two cores. On Gemma-2-2B with a Gemma Scope SAE, one layer, `--tokens
 * 500k --max-tokens 2M`: three passes of 2 M tokens, an estimated half an hour on a GPU; the held-out activations stay in
 * memory (5 GB).
 */
import { extract, readCorpus, shuffled } from "../src/activations/mod.ts";
import { usableSettings } from "../src/partition/mod.ts";
import { calibrationsFor, contextOf, experiment, type GrowPlan, openModel, UsageError } from "../src/run/mod.ts";
import { featureFirings, openSae } from "./lib/overlap/features.ts";
import { readHeldout } from "./lib/overlap/heldout.ts";
import { compareFirings, type Measured } from "./lib/overlap/measure.ts";
import { firingsOfOrders } from "./lib/overlap/orders.ts";
import { reportOverlap } from "./lib/overlap/report.ts";

await experiment({
  name: "overlap",
  question: "Do the regions of a dictionary and the features of an SAE fire on the same tokens?",
  description:
    "Matches EP regions and SAE features by the F1 of the held-out tokens that fire them, both ways, over p, beside " +
    "chance, random exemplars and another stream order. The embedded model takes about a minute and a half; Gemma-2-2B " +
    "with a Gemma Scope SAE an estimated half an hour on a GPU.",
  defaults: { layers: [4], percentiles: [1, 2, 4, 8, 10, 16] },
  flags: {
    sae: {
      type: "string",
      default: "fixtures/sae/params.npz",
      help: "the SAE, here or hf://: Gemma Scope's params.npz, or a SAELens folder",
    },
    split: { type: "string", default: "train", help: "rows of --corpus to grow on, by their field `split`" },
    heldout: { type: "string", default: "heldout", help: "rows of --corpus to compare on, by their field `split`" },
    tokens: {
      type: "integer",
      default: 80_000,
      min: 2,
      help: "held-out activations to compare on, rounded up to a batch",
    },
    minimum: { type: "integer", default: 20, min: 1, help: "firings below which a region or feature does not count" },
    strongest: {
      type: "integer",
      default: 100,
      min: 1,
      help: "strongest tokens of each unit in the published measure",
    },
    seeds: { type: "integer", default: 3, min: 1, help: "stream orders, seeds from --seed on" },
    draws: { type: "integer", default: 10, min: 1, help: "random permutations and shifts of the tokens" },
    calibration: { type: "integer", default: 40_000, min: 2, help: "activations to calibrate on" },
    context: { type: "integer", default: 128, min: 2, help: "tokens that a text is cut to, <bos> included" },
    batch: { type: "integer", default: 128, min: 1, help: "texts of a batch; thresholds depend on it" },
  },
  examples: [
    ["", "the embedded model and its SAE, block 4"],
    [
      "--model google/gemma-2-2b --layers 12 --sae hf://google/gemma-scope-2b-pt-res/layer_12/width_16k/average_l0_82/params.npz --corpus pile.jsonl --max-tokens 2M --tokens 500k",
      "the published setting, with a corpus that has a field `split`",
    ],
  ],
}, async (run) => {
  const { flags, manifest, progress } = run;
  const { corpus, percentiles } = flags;
  const seeds = Array.from({ length: flags.seeds }, (_, i) => flags.seed + i);
  const draws = Array.from({ length: flags.draws }, (_, i) => flags.seed + i);
  const { backend, model } = await openModel(run);
  const context = contextOf(run, model, "context");
  const [layer, ...more] = run.layers(model.layers);
  if (more.length > 0) throw new UsageError(`Expected one layer, the SAE's, but got --layers ${flags.layers}.`);
  const sae = await openSae(flags.sae, backend, model, layer);
  const texts = (split: string, seed: number) =>
    Array.fromAsync(shuffled(readCorpus(corpus, { where: { split } }), seed));

  const heldout = await manifest.time("extract held-out", async () => {
    const stream = extract(model, await texts(flags.heldout, flags.seed), {
      layers: [layer],
      context,
      batchPrompts: 32,
    });
    return await readHeldout(stream, layer, flags.tokens);
  });
  const encoding = progress.stage("encode", heldout.ids.length, "activations");
  const features = await run.kept("firings of features", () =>
    manifest.time(
      "encode",
      () => featureFirings(sae, heldout, flags.strongest, (n) => encoding.advance(n)),
    ));
  encoding.end();
  const decoder = await backend.download(sae.decoder);
  sae.dispose();

  const planOf = async (seed: number): Promise<GrowPlan> => ({
    backend,
    model,
    layers: [layer],
    percentiles,
    texts: await texts(flags.split, seed),
    corpus: `${corpus}, split ${flags.split}`,
    files: [corpus],
    seed,
    calibration: flags.calibration,
    reading: { context, batchPrompts: flags.batch },
    // Every dictionary sees all texts: nothing but their order differs.
    growing: { saturationWindow: Infinity, maxTokens: flags.maxTokens, signal: run.signal },
    label: `order ${seed}: `,
  });
  const measuredAt = await manifest.time(
    "calibrate",
    async () => calibrationsFor(run, await planOf(seeds[0])),
  );
  const { calibrations, failed } = await usableSettings(measuredAt, backend);
  if (calibrations.size === 0) throw new Error(`Expected a dictionary but none could be made: ${failed[0].reason}`);

  const orders = await firingsOfOrders(run, planOf, seeds, calibrations.get(layer)!, heldout, flags.strongest);

  const measured: Measured[] = [];
  const matching = progress.stage("match", orders.size, "percentiles");
  for (const [percentile, dictionaries] of orders) {
    const options = { ids: heldout.ids, vocab: model.vocab, minimum: flags.minimum, draws };
    const compared = await run.kept(`matches at p ${percentile}`, async () => {
      // The orders are kept already.
      const { orders: _, ...matches } = await manifest.time(
        "match",
        () => compareFirings(dictionaries, features, options),
      );
      return matches;
    });
    measured.push({ ...compared, orders: dictionaries.orders });
    matching.advance();
  }
  matching.end();
  await manifest.time("report", () => reportOverlap(run, { measured, failed, features, decoder, heldout, model }));
  await model.dispose();
});
