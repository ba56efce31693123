#!/usr/bin/env -S deno run --allow-read --allow-write --allow-env --allow-sys --allow-ffi --allow-net=huggingface.co,*.huggingface.co,*.hf.co
/**
 * Which regions come back when the stream has another order, does D = log10(N c²) tell them, and what helps?
 *
 * Grows the same dictionaries in several orders of the same texts under one calibration, and matches the regions of every
 * two orders. A region's matched cosine, the mean over the other orders, is set against its D. Then the same after each
 * remedy that the paper leaves open: re-anchoring at the end, replacing exemplars by members nearer to the running mean
 * while growing, and absorbing the fifth of lowest D into the nearest regions. Controls: rotated dictionaries (chance), a
 * random fifth absorbed, and the lowest fifth left out.
 *
 *     deno task run experiments/stability.ts
 *
 * Leaves in `--out`: `regions.arrow` (a row for every variant, order, layer, percentile and region: members, coherence, D,
 * matched cosine); `variants.arrow` (a row for every variant, order, layer and percentile: regions, mean matched cosine,
 * Spearman with D, members and coherence, five quintile means); the charts `quintiles`, `density` and `variants`;
 * `report.html`; `run.json`.
 *
 * About five minutes on the embedded model and two cores. On Gemma-2-2B, one layer, `--texts 20000`: eight passes of 2.5 M
 * tokens, about twenty minutes on a GPU.
 */
import { shuffled } from "../src/activations/mod.ts";
import { grownOrder, stabilityVariants } from "../src/analysis/mod.ts";
import { append } from "../src/compute/mod.ts";
import { addReplacing, reanchorAll, startReplacing } from "../src/partition/mod.ts";
import { Sweep } from "../src/report/mod.ts";
import {
  experiment,
  growOrders,
  openModel,
  readingFlags,
  readTexts,
  seedsFlag,
  selectedBy,
  selectionFlags,
  usable,
  windowFlags,
  windowsBy,
  WITHOUT_TEMPLATE,
} from "../src/run/mod.ts";
import { stabilityOutcome } from "./lib/stability/outcome.ts";
import type { VariantRow } from "./lib/stability/rows.ts";

await experiment({
  name: "stability",
  question: "Which regions come back in another stream order, does D = log10(N c²) tell them, and what helps?",
  description:
    "Matches dictionaries of several stream orders, plain and after three remedies, beside controls. The embedded model " +
    "takes about five minutes; Gemma-2-2B at one layer on 2.5M tokens about twenty on a GPU.",
  defaults: { layers: [3, 5, 7], percentiles: [2, 4, 8] },
  without: { ...WITHOUT_TEMPLATE, maxTokens: "it reads all of --texts" },
  flags: {
    seeds: seedsFlag(4, "stream orders", 2),
    texts: { type: "integer", default: 250, min: 2, help: "texts drawn from the corpus" },
    ...readingFlags({ calibration: 20_000, context: 128, batch: 16 }, "text"),
    ...windowFlags(),
    ...selectionFlags(),
  },
  examples: [
    ["", "the embedded model, three layers, four orders"],
    [
      "--model google/gemma-2-2b --layers 12 --texts 20000 --batch 128",
      "the published model",
    ],
  ],
}, async (run) => {
  const { flags, manifest, progress } = run;
  const { corpus } = flags;
  await using opened = await openModel(run);
  const { backend, model, layers, context } = opened;
  const texts = (await Array.fromAsync(shuffled(readTexts(run, corpus), flags.seed))).slice(0, flags.texts);
  const plan = {
    ...{ backend, model, layers, texts },
    corpus: `${corpus}, ${texts.length} drawn with seed ${flags.seed}`,
    files: [corpus],
    reading: { context, batchPrompts: flags.batch, ...windowsBy(flags), ...selectedBy(flags) },
    // Every dictionary sees all texts: nothing but their order differs.
    growing: { saturationWindow: Infinity, signal: run.signal },
  };
  // One calibration, that of the first order, for all.
  const { calibrations, failed } = await usable(run, { ...plan, seed: flags.seed }, flags);

  const grown = await growOrders(run, { ...plan, calibrations }, run.seeds, async (growths, seed, stream) => {
    using made = new DisposableStack();
    const replacing = await startReplacing(calibrations, backend, seed);
    for (const { dictionary } of replacing) made.use(dictionary);
    // The stream once more, for the remedies.
    const again = addReplacing(replacing, stream());
    const anchored = await manifest.time("second pass", () => reanchorAll(growths, again));
    return growths.map(({ layer, percentile, dictionary: plain }, i) => {
      // Both come in the order of layers and percentiles in which the plain ones were grown.
      const [replaced, reanchored] = [replacing[i].dictionary, made.use(anchored[i])];
      return { layer, percentile, ...grownOrder(seed, { plain, anchored: reanchored, replaced }) };
    });
  });

  const { settings } = new Sweep([...grown.values()].flat());
  const matching = progress.stage("match", settings.length, "settings");
  const rows: VariantRow[] = [];
  for (const { name, key, rows: orders } of settings) {
    const variants = await run.kept(
      `match ${name}`,
      () => manifest.time("match", () => stabilityVariants(backend, orders)),
    );
    append(rows, variants.map((variant) => ({ ...key, ...variant })));
    matching.advance();
  }
  matching.end();
  return stabilityOutcome(flags, rows, failed);
});
