#!/usr/bin/env -S deno run --allow-read --allow-write --allow-env --allow-sys --allow-ffi --allow-net=huggingface.co,*.huggingface.co,*.hf.co
/**
 * What lies between two close regions, and how does it fill up as the dictionary is sharpened?
 *
 * Takes the closest pairs of regions (A, B) of the coarsest dictionary, follows both anchors to their nearest counterparts
 * in the finer ones, and counts the regions C with cos(A, C) and cos(C, B) both larger than cos(A, B); mean basis. The
 * control: the pairs of the same dictionary whose cosine is nearest to the followed pair's.
 *
 *     deno task run experiments/neighbourhood.ts --layers 5 --percentiles 4,8,16
 *
 * Leaves in `--out`: `pairs.arrow` (a row for every seed, layer, percentile and pair: anchors, cosine, regions between,
 * the control's), `between.arrow` (a row for every region between: region, both cosines, the anchors'); the charts
 * `neighbourhood` (one pair across the percentiles, edges labelled with cosines) and `between`; `report.html`;
 * `run.json`.
 */
import { readCorpus, shuffled } from "../src/activations/mod.ts";
import { lensTokens } from "../src/analysis/mod.ts";
import { contextOf, experiment, grow, openModel } from "../src/run/mod.ts";
import { type AnchorPair, followPairs, type Panel, typicalPair } from "./lib/neighbourhood/measure.ts";
import { reportNeighbourhood } from "./lib/neighbourhood/report.ts";

/** Regions between that a panel shows. */
const SHOWN = 4;

await experiment({
  name: "neighbourhood",
  question: "What lies between two close regions, and how does it fill up as the dictionary is sharpened?",
  description:
    "Follows the closest pairs of regions of the coarsest dictionary to finer ones and counts the regions between " +
    "them, beside pairs of the same cosine. The embedded model takes one to two minutes; Gemma-2-2B at one layer and " +
    "p from 8 on, about 400k tokens, hours on a CPU, minutes on a GPU.",
  defaults: { layers: [1, 3, 5, 7], percentiles: [2, 4, 8, 16] },
  flags: {
    seeds: { type: "integer", default: 2, min: 1, help: "stream orders, from --seed on" },
    pairs: { type: "integer", default: 30, min: 1, help: "anchor pairs: the closest of the coarsest dictionary" },
    controls: { type: "integer", default: 20, min: 1, help: "pairs of the same cosine beside each of them" },
    split: { type: "string", default: "train", help: "rows of --corpus to build on, by their field `split`" },
    calibration: { type: "integer", default: 40_000, min: 2, help: "activations to calibrate on" },
    context: { type: "integer", default: 128, min: 2, help: "tokens that a prompt is cut to, <bos> included" },
    batch: { type: "integer", default: 128, min: 1, help: "prompts of a batch; thresholds depend on it" },
  },
  examples: [
    ["", "the embedded model, four layers"],
    [
      "--model google/gemma-2-2b --layers 12 --percentiles 8,10,16 --corpus pile.jsonl",
      "the published setting, with a corpus that has a field `split`",
    ],
  ],
}, async (run) => {
  const { flags, manifest } = run;
  const { backend, model } = await openModel(run);
  const context = contextOf(run, model, "context");
  const layers = run.layers(model.layers);
  const shown = { seed: flags.seed, layer: layers[layers.length >> 1] };

  const followOrder = async (seed: number): Promise<{ rows: AnchorPair[]; panels: Panel[] }> => {
    const rows: AnchorPair[] = [];
    const panels: Panel[] = [];
    const { growths } = await grow(run, {
      backend,
      model,
      layers,
      percentiles: flags.percentiles,
      texts: await Array.fromAsync(shuffled(readCorpus(flags.corpus, { where: { split: flags.split } }), seed)),
      corpus: `${flags.corpus}, split ${flags.split}`,
      files: [flags.corpus],
      seed,
      calibration: flags.calibration,
      reading: { context, batchPrompts: flags.batch },
      growing: { maxTokens: flags.maxTokens },
      label: flags.seeds > 1 ? `${seed}: ` : "",
    });
    for (const layer of layers) {
      const ofLayer = growths.filter((growth) => growth.layer === layer);
      const followed = await run.kept(
        `pairs of layer ${layer}, order ${seed}`,
        () => manifest.time("follow", () => followPairs(backend, ofLayer, { ...flags, seed })),
      );
      rows.push(...followed);
      if (seed !== shown.seed || layer !== shown.layer) continue;
      for (const row of typicalPair(followed)) {
        const { means, dim } = ofLayer.find(({ percentile }) => percentile === row.percentile)!.dictionary;
        const regions = [row.a, row.b, ...row.between.slice(0, SHOWN).map(({ region }) => region)];
        const directions = regions.flatMap((region) => [...means.subarray(region * dim, (region + 1) * dim)]);
        const lens = await lensTokens(model, Float32Array.from(directions), regions.length, 3);
        panels.push({ ...row, lens: new Map(regions.map((region, i) => [region, lens[i].map(({ token }) => token)])) });
      }
    }
    for (const { dictionary } of growths) dictionary.dispose();
    return { rows, panels };
  };
  const orders: { rows: AnchorPair[]; panels: Panel[] }[] = [];
  for (let seed = flags.seed; seed < flags.seed + flags.seeds; seed++) {
    orders.push(await run.kept(`order ${seed}`, () => followOrder(seed)));
  }
  await model.dispose();
  const [rows, panels] = [orders.flatMap((order) => order.rows), orders.flatMap((order) => order.panels)];
  await manifest.time("report", () => reportNeighbourhood(run, rows, panels));
});
