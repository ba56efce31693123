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
 * About two minutes on the embedded model and two cores. On Gemma-2-2B, one layer, `--texts 20000`: eight passes of 2.5 M
 * tokens, about twenty minutes on a GPU.
 */
import { readCorpus, shuffled } from "../src/activations/mod.ts";
import { addReplacing, reanchorAll, startReplacing, usableSettings } from "../src/partition/mod.ts";
import { ofSetting, sameSetting } from "../src/report/mod.ts";
import { calibrationsFor, contextOf, experiment, grow, type GrowPlan, openModel, streamOf } from "../src/run/mod.ts";
import { reportStability } from "./lib/stability/report.ts";
import { type Grown, keep, type Measured, measureVariants } from "./lib/stability/variants.ts";

await experiment({
  name: "stability",
  question: "Which regions come back in another stream order, does D = log10(N c²) tell them, and what helps?",
  description:
    "Matches dictionaries of several stream orders, plain and after three remedies, beside controls. The embedded model " +
    "takes about two minutes; Gemma-2-2B at one layer on 2.5M tokens about twenty on a GPU.",
  defaults: { layers: [3, 5, 7], percentiles: [2, 4, 8] },
  flags: {
    seeds: { type: "integer", default: 4, min: 2, help: "stream orders, seeds from --seed on" },
    texts: { type: "integer", default: 250, min: 2, help: "texts drawn from the corpus" },
    calibration: { type: "integer", default: 20_000, min: 2, help: "activations to calibrate on" },
    context: { type: "integer", default: 128, min: 2, help: "tokens that a text is cut to, <bos> included" },
    batch: { type: "integer", default: 16, min: 1, help: "texts of a batch: exemplars are replaced after each" },
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
  const { corpus, percentiles } = flags;
  const seeds = Array.from({ length: flags.seeds }, (_, i) => flags.seed + i);
  const { backend, model } = await openModel(run);
  const context = contextOf(run, model, "context");
  const texts = (await Array.fromAsync(shuffled(readCorpus(corpus), flags.seed))).slice(0, flags.texts);
  const planOf = async (seed: number): Promise<GrowPlan> => ({
    backend,
    model,
    layers: run.layers(model.layers),
    percentiles,
    texts: await Array.fromAsync(shuffled(texts, seed)),
    corpus: `${corpus}, ${texts.length} drawn with seed ${flags.seed}`,
    files: [corpus],
    seed,
    calibration: flags.calibration,
    reading: { context, batchPrompts: flags.batch },
    // Every dictionary sees all texts: nothing but their order differs.
    growing: { saturationWindow: Infinity, signal: run.signal },
    label: `order ${seed}: `,
  });

  // One calibration, that of the first order, for all.
  const first = await planOf(seeds[0]);
  const measured = await manifest.time("calibrate", () => calibrationsFor(run, first));
  const { calibrations, failed } = await usableSettings(measured, backend);
  if (calibrations.size === 0) throw new Error(`Expected a dictionary but none could be made: ${failed[0].reason}`);
  const layers = [...calibrations.keys()];

  const growOrder = async (seed: number): Promise<Grown[]> => {
    const replacing = await startReplacing(calibrations, backend, seed);
    const plan = { ...await planOf(seed), layers, calibration: calibrations };
    const { growths } = await grow(run, plan);
    // The stream once more, for the remedies.
    const again = addReplacing(replacing, streamOf(plan));
    const anchored = await manifest.time("second pass", () => reanchorAll(growths, again));
    const kept: Grown[] = [];
    for (const [i, growth] of growths.entries()) {
      const replaced = sameSetting(replacing, growth)!.dictionary;
      kept.push(keep(growth, seed, { plain: growth.dictionary, anchored: anchored[i], replaced }));
      for (const dictionary of [growth.dictionary, anchored[i], replaced]) dictionary.dispose();
    }
    return kept;
  };
  const grown: Grown[] = [];
  for (const seed of seeds) grown.push(...await run.kept(`order ${seed}`, () => growOrder(seed)));
  await model.dispose();

  const settings = grown.filter(({ seed }) => seed === seeds[0]);
  const matching = progress.stage("match", settings.length, "settings");
  const rows: Measured[] = [];
  for (const setting of settings) {
    const match = () => manifest.time("match", () => measureVariants(backend, ofSetting(grown, setting)));
    rows.push(...await run.kept(`match layer ${setting.layer}, p ${setting.percentile}`, match));
    matching.advance();
  }
  matching.end();
  await manifest.time("report", () => reportStability(run, { rows, failed }));
});
