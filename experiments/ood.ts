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
import { readCorpus } from "../src/activations/corpus.ts";
import { extract, type Text, type TokenIds } from "../src/activations/extract.ts";
import { encodeBeginning } from "../src/activations/prompt.ts";
import { shuffledTokens, uniformTokens } from "../src/activations/random_tokens.ts";
import { shuffled } from "../src/activations/shuffled.ts";
import { batchAt, type StreamBatch } from "../src/activations/stream.ts";
import { Coreset } from "../src/analysis/coreset.ts";
import { type Distances, nearestDistances } from "../src/analysis/distances.ts";
import { directionsOf } from "../src/partition/directions.ts";
import { experiment } from "../src/run/experiment.ts";
import { calibrationsFor, grow, type GrowPlan } from "../src/run/steps/grow.ts";
import { contextOf, openModel } from "../src/run/steps/open_model.ts";
import { type Measured, measureSets, PROMPT_SETS, type PromptSet } from "./lib/ood/measure.ts";
import { reportOod } from "./lib/ood/report.ts";

/** Random activations kept a layer: a dictionary of more regions is compared with this many. */
const LARGEST_CORESET = 20_000;

await experiment({
  name: "ood",
  question: "Does the distance to the nearest exemplar tell what the dictionary's corpus did not have?",
  description:
    "Compares held-out text, shuffled text, Bulgarian and random token ids by their distance to the nearest " +
    "exemplar, and as many random activations in the exemplars' place. The embedded model takes one to two minutes; " +
    "Gemma-2-2B-it at one layer on 5 million tokens hours on a CPU, minutes on a GPU.",
  flags: {
    seeds: { type: "integer", default: 2, min: 1, help: "runs, from --seed on: stream order, prompts, random ids" },
    split: { type: "string", default: "train", help: "rows of --corpus to build on, by their field `split`" },
    heldout: { type: "string", default: "heldout", help: "rows of --corpus to score, by their field `split`" },
    bulgarian: { type: "string", default: "fixtures/corpora/bulgarian.jsonl", help: "file of the Bulgarian texts" },
    prompts: { type: "integer", default: 100, min: 2, help: "prompts of each scored set at most" },
    calibration: { type: "integer", default: 40_000, min: 2, help: "activations to calibrate on" },
    context: { type: "integer", default: 128, min: 2, help: "tokens that a prompt is cut to, <bos> included" },
    batch: { type: "integer", default: 128, min: 1, help: "prompts of a batch; thresholds depend on it" },
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
  const { backend, model } = await openModel(run);
  const context = contextOf(run, model, "context");
  const layers = run.layers(model.layers);
  const reading = { context, batchPrompts: flags.batch };

  const measureSeed = async (seed: number): Promise<Measured[]> => {
    const label = flags.seeds > 1 ? `${seed}: ` : "";
    const texts = (file: string, where = {}) => Array.fromAsync(shuffled(readCorpus(file, { where }), seed));
    const plan: GrowPlan = {
      backend,
      model,
      layers,
      percentiles: flags.percentiles,
      texts: await texts(corpus, { split: flags.split }),
      corpus: `${corpus}, split ${flags.split}`,
      files: [corpus],
      seed,
      calibration: flags.calibration,
      reading,
      growing: { maxTokens: flags.maxTokens },
      label,
    };
    const calibration = await manifest.time("calibrate", () => calibrationsFor(run, plan));
    const coresets = new Map(layers.map((layer) => [layer, new Coreset(backend, model.dim, LARGEST_CORESET, seed)]));
    const watch = async (batch: StreamBatch) => {
      for (const [layer, coreset] of coresets) {
        const directions = await directionsOf(backend, batchAt(batch, layer), calibration.get(layer)!.center);
        coreset.offer(directions, batch.start);
        directions.dispose();
      }
    };
    const { growths } = await grow(run, { ...plan, calibration, watch });
    const pairs = await Promise.all(growths.map(async ({ layer, percentile, dictionary }) => {
      const { size, center, threshold } = dictionary;
      const coreset = coresets.get(layer)!;
      const common = { layer, percentile, center, threshold };
      return [
        { ...common, kind: "regions" as const, exemplars: await dictionary.exemplarMatrix() },
        { ...common, kind: "coreset" as const, exemplars: coreset.take(Math.min(size, coreset.size)) },
      ];
    }));
    const exemplarSets = pairs.flat();

    const heldout = (await texts(corpus, { split: flags.heldout })).slice(0, flags.prompts);
    const tokens = heldout.map(({ id, text }) => ({ id, tokens: encodeBeginning(model, text, context) }));
    const prompts: Record<PromptSet, readonly (Text | TokenIds)[]> = {
      "held-out": tokens,
      "shuffled": shuffledTokens(tokens, seed),
      "Bulgarian": (await texts(flags.bulgarian)).slice(0, flags.prompts),
      "random tokens": uniformTokens(tokens, model.vocab, seed),
    };
    const stage = progress.stage(`${label}score`, PROMPT_SETS.length, "sets of prompts");
    const distances = new Map<PromptSet, Distances[]>();
    for (const set of PROMPT_SETS) {
      const stream = () => extract(model, prompts[set], { ...reading, layers, backend });
      const score = () => manifest.time("score", () => nearestDistances(backend, stream(), exemplarSets));
      distances.set(set, await run.kept(`seed ${seed}: ${set}`, score));
      stage.advance();
    }
    stage.end();
    const rows = measureSets(seed, exemplarSets, distances);
    for (const { exemplars } of exemplarSets) exemplars.dispose();
    for (const coreset of coresets.values()) coreset.dispose();
    for (const { dictionary } of growths) dictionary.dispose();
    return rows;
  };
  const measured: Measured[] = [];
  for (let seed = flags.seed; seed < flags.seed + flags.seeds; seed++) {
    measured.push(...await run.kept(`seed ${seed}`, () => measureSeed(seed)));
  }
  await model.dispose();
  await manifest.time("report", () => reportOod(run, measured));
});
