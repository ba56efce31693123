#!/usr/bin/env -S deno run --allow-read --allow-write --allow-env --allow-sys --allow-ffi --allow-net=huggingface.co,*.huggingface.co,*.hf.co
/**
 * Does the distance to the nearest exemplar tell what the dictionary's corpus did not have?
 *
 * Grows dictionaries on one split of the corpus, then takes the distance to the nearest exemplar of every activation of
 * held-out text of the same corpus, of the same texts with their tokens shuffled, of Bulgarian, and of token ids drawn
 * uniformly, of the same lengths. The control: as many random activations of the corpus in the exemplars' place.
 *
 *     deno task run experiments/ood.ts --layers 3,7 --percentiles 2,10
 *
 * Leaves in `--out`: `distances.arrow` (a row for every seed, layer, percentile, kind of exemplars and set of prompts:
 * mean, median, p90 and p99 of the distance, share within θ, AUROC and true positive rate at 1 % false positives
 * against held-out text, by activation and by prompt); the charts `distances`, `auroc` and `distribution`;
 * `report.html`; `run.json`.
 */
import { extract, type ExtractProgress, promptSets, shuffled } from "../src/activations/mod.ts";
import { Coresets, type Distances, nearestDistances } from "../src/analysis/mod.ts";
import { append } from "../src/compute/mod.ts";
import {
  calibrated,
  experiment,
  grow,
  noteCut,
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
import { oodOutcome } from "./lib/ood/outcome.ts";
import { type DistanceRow, distanceRows, PROMPT_SETS, type PromptSet } from "./lib/ood/rows.ts";

/** Random activations kept a layer: a dictionary of more regions is compared with this many. */
const LARGEST_CORESET = 20_000;

await experiment({
  name: "ood",
  question: "Does the distance to the nearest exemplar tell what the dictionary's corpus did not have?",
  description:
    "Compares held-out text, shuffled text, Bulgarian and random token ids by their distance to the nearest " +
    "exemplar, and as many random activations in the exemplars' place. The embedded model takes five to six minutes; " +
    "Gemma-2-2B-it at one layer on 5 million tokens hours on a CPU, minutes on a GPU.",
  without: WITHOUT_TEMPLATE,
  flags: {
    seeds: seedsFlag(2, "runs (stream order, prompts, random ids)"),
    split: { type: "string", default: "train", help: "rows of --corpus to build on, by their field `split`" },
    heldout: { type: "string", default: "heldout", help: "rows of --corpus to score, by their field `split`" },
    bulgarian: {
      type: "string",
      names: "corpus",
      default: "fixtures/corpora/bulgarian.jsonl",
      help: "file of the Bulgarian texts",
    },
    prompts: { type: "integer", default: 100, min: 2, help: "prompts of each scored set at most" },
    ...readingFlags({ calibration: 40_000, context: 128, batch: 128 }),
    ...windowFlags(),
    readAll: readAllFlag(),
    ...selectionFlags(),
  },
  examples: [
    ["", "the embedded model, all layers"],
    [
      "--model google/gemma-2-2b-it --layers 20 --corpus pile.jsonl --calibration 200k",
      "the published setting, with a corpus that has a field `split`",
    ],
  ],
}, async (run) => {
  const { flags, manifest, progress } = run;
  const { corpus } = flags;
  await using opened = await openModel(run);
  const { backend, model, layers, context } = opened;
  const reading = { context, batchPrompts: flags.batch, ...windowsBy(flags), ...selectedBy(flags) };
  // A scored text is one prompt.
  const scored = { context, batchPrompts: flags.batch, ...selectedBy(flags), windows: "first" as const };
  const drawn = async (file: string, seed: number, where = {}) =>
    (await Array.fromAsync(shuffled(readTexts(run, file, { where }), seed))).slice(0, flags.prompts);

  const measureSeed = async (seed: number): Promise<DistanceRow[]> => {
    const label = flags.seeds > 1 ? `${seed}: ` : "";
    const plan = {
      ...{ backend, model, layers, seed, reading, label },
      texts: await Array.fromAsync(readTexts(run, corpus, { where: { split: flags.split } })),
      corpus: `${corpus}, split ${flags.split}`,
      files: [corpus],
    };
    const calibrations = await calibrated(run, plan, flags);
    using coresets = new Coresets(backend, calibrations, LARGEST_CORESET, seed);
    using grown = await grow(run, { ...plan, calibrations, watch: (batch) => coresets.offer(batch) });
    const sets = coresets.besides(grown.growths);

    const heldout = await drawn(corpus, seed, { split: flags.heldout });
    const bulgarian = await drawn(flags.bulgarian, seed);
    noteCut(run, opened, heldout, "held-out prompts", label);
    noteCut(run, opened, bulgarian, "Bulgarian prompts", label);
    const prompts = { ...promptSets(model, heldout, { context, seed }), "Bulgarian": bulgarian };
    const stage = progress.stage(`${label}score`, PROMPT_SETS.length, "sets of prompts");
    const distances = new Map<PromptSet, Distances[]>();
    for (const set of PROMPT_SETS) {
      const onProgress = ({ texts }: ExtractProgress) => stage.note(`${texts} prompts`);
      const stream = () => extract(model, prompts[set], { ...scored, layers, backend, onProgress });
      const score = () => manifest.time("score", () => nearestDistances(backend, stream(), sets));
      distances.set(set, await run.kept(`seed ${seed}: ${set}`, score));
      stage.advance();
    }
    stage.end();
    return distanceRows(seed, sets, distances);
  };
  const rows: DistanceRow[] = [];
  for (const seed of run.seeds) append(rows, await run.kept(`seed ${seed}`, () => measureSeed(seed)));
  return oodOutcome(flags, rows);
});
