#!/usr/bin/env -S deno run --allow-read --allow-write --allow-env --allow-sys --allow-ffi --allow-net=huggingface.co,*.huggingface.co,*.hf.co
/**
 * Does ablating one region of a chat model's prompts take its refusals away, and does steering with the region bring them?
 *
 * Grows dictionaries on every position of harmful and harmless prompts in the chat template, in several stream orders.
 * Labels each prompt by the model's own answer, and each region by the answers to the prompts that end in it. Then ablates,
 * while the model answers held-out harmful prompts: the first region of refusal of every dictionary, and at the layer where
 * that does most, the first K of them in three bases; beside each, an answered region of like size and coherence. Last,
 * steers held-out harmless prompts with the region of the best ablation.
 *
 *     deno task run experiments/refusal.ts --layers 6 --percentiles 1.5,2
 *
 * Leaves in `--out`: `ablations.arrow` (a row an ablation: seed, layer, percentile, basis, K, refusal rate, change, share
 * of loops, the same of the null), `dictionaries.arrow` (a row a dictionary, those that failed too), `references.arrow` (a
 * row a layer and direction that is no region), `steering.arrow` (a row a direction and strength: share of each kind of
 * answer), `answers.arrow` (answers before, under the best ablation, and under its null); the charts `ablation`, `bases`
 * and `steering`; `report.html`; `run.json`.
 */
import { batchAt, extract, type ExtractProgress } from "../src/activations/mod.ts";
import {
  bestAblation,
  isRefusal,
  REFERENCES,
  RefusalLab,
  type RefusalSetting,
  refusalSetting,
} from "../src/analysis/mod.ts";
import { reanchorAll } from "../src/partition/mod.ts";
import {
  answersTo,
  assertWritesDate,
  experiment,
  growOrders,
  keptAnswers,
  noteCut,
  openModel,
  readTexts,
  seedsFlag,
  usable,
} from "../src/run/mod.ts";
import { triedElsewhere } from "./lib/refusal/elsewhere.ts";
import { refusalOutcome } from "./lib/refusal/outcome.ts";
import { refusalPrompts } from "./lib/refusal/prompts.ts";

/** Activations to calibrate on, the published number. */
const CALIBRATION = 200_000;

await experiment({
  name: "refusal",
  question: "Does ablating one region of a chat model's prompts take its refusals away, and does steering bring them?",
  description: "Finds the regions in which the prompts end that the model refuses, ablates them on held-out harmful " +
    "prompts (--corpus) and steers held-out harmless ones with them, beside matched null regions. The embedded model " +
    "takes two to three minutes; Gemma-2-2B-it at one layer hours on a CPU: it writes some 40,000 tokens a setting.",
  defaults: {
    model: "fixtures/gemma-2-toy-it",
    layers: [5, 6, 7],
    percentiles: [1, 2, 12],
    corpus: "fixtures/corpora/harmful.jsonl",
  },
  without: { maxTokens: "it reads all of --prompts" },
  flags: {
    seeds: seedsFlag(3, "stream orders"),
    harmless: {
      type: "string",
      names: "corpus",
      default: "fixtures/corpora/harmless.jsonl",
      help: "file of the harmless prompts",
    },
    other: {
      type: "string",
      names: "corpus",
      default: "fixtures/corpora/harmful_other.jsonl",
      help: "file of harmful prompts on which the best ablation is tried again: it was chosen on those of --corpus",
    },
    prompts: { type: "integer", default: 300, min: 1, help: "prompts of each kind to build on, of split train" },
    heldout: { type: "integer", default: 50, min: 1, help: "prompts of each kind to try on, of split heldout" },
    tokens: { type: "integer", default: 60, min: 1, help: "tokens of an answer" },
    topK: { type: "integers", default: [1, 2, 3], min: 1, sorted: true, help: "numbers of regions to ablate together" },
    alphas: {
      type: "numbers",
      default: [0.1, 0.2, 0.3, 0.5, 0.7],
      min: -1000,
      max: 1000,
      help: "strengths, in mean distances to the center",
    },
    batch: { type: "integer", default: 16, min: 1, help: "prompts of a batch to grow on; thresholds depend on it" },
    nullTolerance: { type: "number", default: 0.1, min: 0, max: 1, help: "change of refusal up to which a null holds" },
    matchDistance: { type: "number", default: 0.3, min: 0, help: "log10 members, coherence: how near a null must be" },
  },
  examples: [
    ["", "the embedded chat model, two to three minutes on two cores"],
    [
      "--model google/gemma-2-2b-it --layers 20 --percentiles 8,10,12,20 --top-k 1-5 --seeds 4",
      "the published setting",
    ],
  ],
}, async (run) => {
  const { flags, manifest, progress } = run;
  await using opened = await openModel(run);
  const { backend, model, layers } = opened;
  assertWritesDate(run, model);
  const { build, isHarmful, tried } = await refusalPrompts(flags, (file, where) => readTexts(run, file, { where }));

  // What the model does by itself.
  const refused = (await keptAnswers(run, "label", model, build, flags.tokens)).map(isRefusal);
  const cut = { model, context: model.maxContext, chat: true };
  for (const [set, own] of Object.entries(tried)) noteCut(run, cut, own, `${set} prompts that are tried`);
  const lab = await RefusalLab.create((set, name, intervention) => {
    const onProgress = (done: number) => progress.note(`${done} of ${tried[set].length} answers`);
    const options = { tokens: flags.tokens, interventions: intervention ? [intervention] : [], onProgress };
    return manifest.time("answer", () => run.kept(`${name}: ${set}`, () => answersTo(model, tried[set], options)));
  });

  // Dictionaries of every position, and the regions in which the prompts end.
  const ends = progress.stage("final positions", build.length, "prompts");
  const onProgress = ({ texts }: ExtractProgress) => ends.set(texts);
  const reading = { extractor: "final-position", chat: true, batchPrompts: build.length, onProgress } as const;
  const [finals] = await Array.fromAsync(extract(model, build, { layers, ...reading }));
  ends.end();
  const plan = {
    ...{ backend, model, layers, texts: build },
    corpus: `${flags.prompts} train prompts of ${flags.corpus} and of ${flags.harmless}`,
    files: [flags.corpus, flags.harmless],
    // A region of refusal holds the final positions, which every prompt has in the template.
    reading: { chat: true, repeats: "each" as const, batchPrompts: flags.batch },
    growing: { saturationWindow: Infinity },
  };
  const levels = { percentiles: flags.percentiles, calibration: CALIBRATION };
  const { calibrations, failed } = await usable(run, { ...plan, seed: flags.seed }, levels, { required: false });
  const orders = await growOrders(run, { ...plan, calibrations }, run.seeds, async (growths, seed, stream) => {
    const read: RefusalSetting[] = [];
    for (const [i, dictionary] of (await reanchorAll(growths, stream())).entries()) {
      using reanchored = dictionary;
      const final = batchAt(finals, growths[i].layer);
      read.push(await refusalSetting({ seed, ...growths[i] }, reanchored, final, refused, Math.max(...flags.topK)));
    }
    return read;
  });
  const settings = [...orders.values()].flat();

  // Every dictionary's first region of refusal, then at the layer where that does most all numbers of them in all bases.
  const stage = progress.stage("ablate", undefined, "ablations");
  const ablations = await lab.sweep(settings, flags.topK, (count) => stage.set(count));
  stage.end();

  // Directions that are no region's; the best ablation on other prompts; its region added instead of removed.
  const finalsAt = (layer: number) => ({ finals: batchAt(finals, layer), isHarmful });
  const references = [];
  const tries = progress.stage("references", calibrations.size * REFERENCES.length, "ablations");
  for (const [layer, { center }] of calibrations) {
    references.push(...await lab.references(layer, center, finalsAt(layer), flags.seed, () => tries.advance()));
  }
  tries.end();
  const ablation = bestAblation(ablations, flags);
  const setting = settings.find(({ seed, layer, percentile }) =>
    seed === ablation?.seed && layer === ablation.layer && percentile === ablation.percentile
  );
  const best = ablation && setting && await triedElsewhere(run, lab, ablation, setting, finalsAt, flags.alphas);
  const measured = { settings, failed, ablations, references, best };
  const prompts = tried.harmful.map(({ text }) => text);
  return refusalOutcome(flags, { lab, prompts, standard: flags, refused, isHarmful, ...measured });
});
