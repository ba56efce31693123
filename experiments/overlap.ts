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
 */
import {
  compareFirings,
  Coresets,
  describePicks,
  dictionaryFirings,
  pickUnits,
  strongestInRegions,
} from "../src/analysis/mod.ts";
import {
  experiment,
  grow,
  openModel,
  readingFlags,
  readTexts,
  seedsFlag,
  usable,
  windowFlags,
  windowsBy,
  WITHOUT_TEMPLATE,
} from "../src/run/mod.ts";
import { heldOutFirings } from "./lib/overlap/held_out.ts";
import { overlapOutcome } from "./lib/overlap/outcome.ts";
import type { Compared } from "./lib/overlap/rows.ts";

/** Random activations kept: a dictionary of more regions is compared with this many. */
const LARGEST_CORESET = 20_000;

await experiment({
  name: "overlap",
  question: "Do the regions of a dictionary and the features of an SAE fire on the same tokens?",
  description:
    "Matches EP regions and SAE features by the F1 of the held-out tokens that fire them, both ways, over p, beside " +
    "chance, random exemplars and another stream order. The embedded model takes about four minutes; the second " +
    "example an estimated half an hour on a GPU (three passes of 2 M tokens), and 5 GB for the held-out activations.",
  defaults: { layers: [4], percentiles: [1, 2, 4, 8, 10, 16] },
  oneLayer: true,
  without: WITHOUT_TEMPLATE,
  flags: {
    sae: {
      type: "string",
      names: "file",
      default: "fixtures/sae/params.npz",
      help: "params.npz or a SAELens folder, here or hf://",
    },
    split: { type: "string", default: "train", help: "rows of --corpus to grow on, by their field `split`" },
    heldout: { type: "string", default: "heldout", help: "rows of --corpus to compare on, by their field `split`" },
    tokens: { type: "integer", default: 80_000, min: 2, help: "held-out activations" },
    minimum: { type: "integer", default: 20, min: 1, help: "firings below which a region or feature does not count" },
    strongest: { type: "integer", default: 100, min: 1, help: "tokens of each unit in the published measure" },
    seeds: seedsFlag(3, "stream orders"),
    draws: { type: "integer", default: 10, min: 1, max: 10_000, help: "random permutations and shifts of the tokens" },
    ...readingFlags({ calibration: 40_000, context: 128, batch: 128 }, "text"),
    ...windowFlags(),
  },
  examples: [
    ["", "the embedded model and its SAE, layer 4"],
    [
      "--model google/gemma-2-2b --layers 12 --sae hf://google/gemma-scope-2b-pt-res/layer_12/width_16k/average_l0_82/params.npz --corpus pile.jsonl --max-tokens 2M --tokens 500k",
      "the published setting, with a corpus that has a field `split`",
    ],
  ],
}, async (run) => {
  const { flags, manifest, progress, seeds } = run;
  const { corpus, strongest: k } = flags;
  const draws = Array.from({ length: flags.draws }, (_, i) => flags.seed + i);
  await using opened = await openModel(run);
  const { backend, model, layers, context } = opened;
  const [layer] = layers;
  // The tokens that both sides fire on; the SAE is given back before dictionaries grow.
  const { held, features, decoder } = await heldOutFirings(run, flags, opened);

  const plan = {
    ...{ backend, model, layers, files: [corpus] },
    reading: { context, batchPrompts: flags.batch, ...windowsBy(flags) },
    texts: await Array.fromAsync(readTexts(run, corpus, { where: { split: flags.split } })),
    corpus: `${corpus}, split ${flags.split}`,
    // Every dictionary sees all texts: nothing but their order differs.
    growing: { saturationWindow: Infinity, signal: run.signal },
  };
  const { calibrations, failed } = await usable(run, { ...plan, seed: seeds[0] }, flags);
  const growOrder = async (seed: number) => {
    const label = `order ${seed}: `;
    using coresets = new Coresets(backend, calibrations, LARGEST_CORESET, seed);
    const watch = coresets.offer.bind(coresets);
    using grown = await grow(run, { ...plan, seed, label, calibrations, watch });
    const stage = progress.stage(`${label}held-out tokens`, grown.growths.length, "dictionaries");
    const fired = [];
    for (const { percentile, dictionary } of grown.growths) {
      const exemplars = coresets.inPlaceOf(layer, dictionary);
      const fire = async () => ({
        ...{ seed, percentile, ...await dictionaryFirings(backend, dictionary, exemplars, held.batches) },
        // The published measure looks at one order.
        strongest: seed === seeds[0] ? await strongestInRegions(dictionary, held.batches, k) : undefined,
      });
      fired.push(await run.kept(`order ${seed} at p ${percentile}`, () => manifest.time("assign held-out", fire)));
      stage.advance();
    }
    stage.end();
    return fired;
  };
  const orders = [];
  for (const seed of seeds) orders.push(await run.kept(`order ${seed}`, () => growOrder(seed)));

  const compared: Compared[] = [];
  const matching = progress.stage("match", orders[0].length, "percentiles");
  for (const [i, { percentile, strongest }] of orders[0].entries()) {
    const own = orders.map((order) => order[i]);
    const options = { ids: held.ids, vocab: model.vocab, minimum: flags.minimum, draws };
    const compare = () => compareFirings(own, strongest!, features, options);
    const matches = await run.kept(`matches at p ${percentile}`, () => manifest.time("match", compare));
    compared.push({ percentile, orders: own, ...matches });
    matching.advance();
  }
  matching.end();

  // The middle of the sweep, the finer of two, whatever came out.
  const shown = compared[(compared.length - 1) >> 1];
  const [{ firings, coherences, means }] = shown.orders;
  const picks = await describePicks(model, held, pickUnits(shown, firings, coherences, features.firings), {
    regions: { firings, directions: means },
    features: { firings: features.firings, directions: decoder },
  });
  return overlapOutcome(flags, { compared, shown, picks, features: features.firings, failed });
});
