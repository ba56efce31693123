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
import { followPairs, lensOfRegions, typicalPair } from "../src/analysis/mod.ts";
import { append } from "../src/compute/mod.ts";
import { middleOf } from "../src/report/mod.ts";
import {
  calibrated,
  experiment,
  grow,
  openModel,
  readAllFlag,
  readingFlags,
  readTexts,
  seedsFlag,
  selectedBy,
  selectionFlags,
  windowFlags,
  windowsBy,
  WITHOUT_TEMPLATE,
} from "../src/run/mod.ts";
import { neighbourhoodOutcome } from "./lib/neighbourhood/outcome.ts";
import type { PairRow, Panel } from "./lib/neighbourhood/rows.ts";

/** Regions between that a panel shows. */
const SHOWN = 4;

await experiment({
  name: "neighbourhood",
  question: "What lies between two close regions, and how does it fill up as the dictionary is sharpened?",
  description:
    "Follows the closest pairs of regions of the coarsest dictionary to finer ones and counts the regions between " +
    "them, beside pairs of the same cosine. The embedded model takes about four minutes; Gemma-2-2B at one layer and " +
    "p from 8 on, about 400k tokens, hours on a CPU, minutes on a GPU.",
  defaults: { layers: [1, 3, 5, 7], percentiles: [2, 4, 8, 16] },
  without: WITHOUT_TEMPLATE,
  flags: {
    seeds: seedsFlag(2, "stream orders"),
    pairs: { type: "integer", default: 30, min: 1, help: "anchor pairs: the closest of the coarsest dictionary" },
    controls: { type: "integer", default: 20, min: 1, help: "pairs of the same cosine beside each of them" },
    split: { type: "string", default: "train", help: "rows of --corpus to build on, by their field `split`" },
    ...readingFlags({ calibration: 40_000, context: 128, batch: 128 }),
    ...windowFlags(),
    readAll: readAllFlag(),
    ...selectionFlags(),
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
  const { corpus } = flags;
  await using opened = await openModel(run);
  const { backend, model, layers, context } = opened;
  const shown = { seed: flags.seed, layer: middleOf(layers) };

  const followOrder = async (seed: number): Promise<{ rows: PairRow[]; panels: Panel[] }> => {
    const plan = {
      ...{ backend, model, layers, seed },
      texts: await Array.fromAsync(readTexts(run, corpus, { where: { split: flags.split } })),
      corpus: `${corpus}, split ${flags.split}`,
      files: [corpus],
      reading: { context, batchPrompts: flags.batch, ...windowsBy(flags), ...selectedBy(flags) },
      label: flags.seeds > 1 ? `${seed}: ` : "",
    };
    using grown = await grow(run, { ...plan, calibrations: await calibrated(run, plan, flags) });
    const [rows, panels]: [PairRow[], Panel[]] = [[], []];
    for (const layer of layers) {
      const ofLayer = grown.growths.filter((growth) => growth.layer === layer);
      const pairs = await run.kept(
        `pairs of layer ${layer}, order ${seed}`,
        () => manifest.time("follow", () => followPairs(backend, ofLayer, flags)),
      );
      const followed = pairs.map((pair) => ({ seed, layer, ...pair }));
      append(rows, followed);
      if (seed !== shown.seed || layer !== shown.layer) continue;
      for (const row of typicalPair(followed)) {
        const { dictionary } = ofLayer.find(({ percentile }) => percentile === row.percentile)!;
        const regions = [row.a, row.b, ...row.lune.slice(0, SHOWN).map(({ region }) => region)];
        panels.push({ ...row, lens: await lensOfRegions(model, dictionary, regions, 3) });
      }
    }
    return { rows, panels };
  };
  const orders: Awaited<ReturnType<typeof followOrder>>[] = [];
  for (const seed of run.seeds) orders.push(await run.kept(`order ${seed}`, () => followOrder(seed)));
  return neighbourhoodOutcome(
    flags,
    orders.flatMap(({ rows }) => rows),
    orders.flatMap(({ panels }) => panels),
  );
});
