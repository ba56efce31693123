#!/usr/bin/env -S deno run --allow-read --allow-write --allow-env --allow-sys --allow-ffi --allow-net=huggingface.co,*.huggingface.co,*.hf.co
/**
 * Does a region, chosen by a few labelled texts, detect a concept in held-out texts?
 *
 * AxBench's concept detection: for each concept one direction is chosen on train texts, and the largest projection of a
 * held-out text's activations on it is the text's score. Two rules choose (contrast of mean cosines; AUROC of largest
 * cosines) among the regions of dictionaries that were grown on plain text: exemplars or means, several percentiles, several
 * token budgets, several stream orders. Beside them: as many random directions and as many random activations (coreset)
 * under the same rules, and the two supervised ceilings, difference in means and a linear probe.
 *
 *     deno task run experiments/axbench.ts
 *
 * Leaves in `--out`: `concepts.arrow` (a row for every concept, method, rule, basis, percentile, budget, order and random set:
 * train and held-out AUROC, the region that was chosen), `methods.arrow` (their means over concepts with bootstrap intervals:
 * the curves over p and over tokens), `paired.arrow` (differences between regions and each of the others, concept by
 * concept), `examples.arrow` (the chosen region of each concept, its nearest members and tokens); the charts `methods`,
 * `percentiles`, `tokens` and `differences`; `report.html`; `run.json`; and `state/`, from which `--resume` goes on.
 *
 * One concept is in memory at a time, and finished concepts are kept: a run that was stopped goes on with `--resume`, also
 * with more `--concepts`, and ends with the same tables to the byte.
 */
import { readAxBench, readCorpus, shuffled } from "../src/activations/mod.ts";
import { checksumOf } from "../src/files/mod.ts";
import {
  atTheirHook,
  contextOf,
  DICTIONARY_HELP,
  experiment,
  fingerprint,
  type GrowPlan,
  loadModelOf,
  openDevice,
  streamOf,
} from "../src/run/mod.ts";
import { candidatesOf, Coresets } from "./lib/axbench/candidates.ts";
import { detectConcepts } from "./lib/axbench/detect.ts";
import { grownDictionaries } from "./lib/axbench/dictionaries.ts";
import { givenDictionaries } from "./lib/axbench/given.ts";
import { reportAxBench } from "./lib/axbench/report.ts";
import { ConceptScorer } from "./lib/axbench/score.ts";
import { ConceptStore } from "./lib/axbench/store.ts";
import { type Reading, RowReader } from "./lib/axbench/texts.ts";

await experiment({
  name: "axbench",
  keepsState: true,
  question: "Does a region, chosen by a few labelled texts, detect a concept in held-out texts?",
  description:
    "AxBench's concept detection with regions of dictionaries, random directions, a coreset, difference in means and a " +
    "linear probe. The embedded model and ten concepts take about two minutes; Gemma-2-2B-it and 500 concepts hours on " +
    "a GPU: stop it whenever you like and go on with --resume.",
  // The embedded model's block at the depth of block 20 of Gemma-2-2B's 26.
  defaults: { model: "fixtures/gemma-2-toy-it", layers: [6] },
  flags: {
    data: {
      type: "string",
      default: "fixtures/corpora/axbench",
      help: "folder of AxBench's files: flat, with generate/ and inference/, or with train/ and test/",
    },
    concepts: { type: "integers", min: 0, help: "ids of the concepts: 0-9; default all" },
    dictionaries: {
      type: "string",
      help:
        `dictionaries to choose from instead of growing them, read at their own hook, commas between; each ${DICTIONARY_HELP}`,
    },
    reading: {
      type: "string",
      default: "chat",
      choices: ["chat", "plain"],
      help: "a row as a user's and the model's turn, or (base models) as one text",
    },
    textContext: {
      type: "integer",
      default: 256,
      min: 8,
      help: "tokens that AxBench's texts are cut to; AxBench has 1024, the embedded model was trained on 256",
    },
    split: { type: "string", default: "train", help: "rows of --corpus to build on, by their field `split`, or all" },
    budgets: {
      type: "integers",
      default: [15_000, 45_000],
      min: 1,
      help: "token budgets at which dictionaries are kept, besides --max-tokens",
    },
    seeds: { type: "integer", default: 2, min: 1, help: "stream orders, seeds from --seed on" },
    sets: { type: "integer", default: 2, min: 1, help: "random sets of each kind, seeds from --seed on" },
    calibration: { type: "integer", default: 40_000, min: 2, help: "activations to calibrate on, and of the coresets" },
    context: { type: "integer", default: 128, min: 2, help: "tokens that prompts of --corpus are cut to" },
    batch: { type: "integer", default: 128, min: 1, help: "prompts of a batch; thresholds depend on it" },
    l2: {
      type: "numbers",
      default: [0.01],
      min: 0,
      help: "strengths of the probe's penalty; of several the best on a fifth of the train texts",
    },
    resamples: { type: "integer", default: 10_000, min: 100, help: "bootstrap samples of each interval" },
  },
  examples: [
    ["", "the embedded model, ten concepts"],
    [
      "--model google/gemma-2-2b-it --layers 20 --data concept500/prod_2b_l20_v1 " +
      "--corpus pile.jsonl --split all --calibration 200k --max-tokens 16M --budgets 250k,1M,4M --text-context 1024 --resume",
      "the published setting",
    ],
    [
      "--model google/gemma-2-2b-it --dictionaries hub:gemma-2-2b-it/20/10,hub:gemma-2-2b-it/20/4 " +
      "--data concept500/prod_2b_l20_v1 --corpus pile.jsonl --split all --text-context 1024 --resume",
      "published dictionaries; the corpus is for the random activations beside them",
    ],
  ],
}, async (run) => {
  const { flags, manifest } = run;
  const range = (count: number) => Array.from({ length: count }, (_, i) => flags.seed + i);
  const [seeds, sets] = [range(flags.seeds), range(flags.sets)];
  const budgets = [
    ...flags.budgets.filter((budget) => budget < flags.maxTokens).toSorted((a, b) => a - b),
    flags.maxTokens,
  ];
  const data = await readAxBench(flags.data, flags.concepts);
  const backend = await openDevice(run);
  const loaded = await loadModelOf(run, backend);
  const {
    quiet: _,
    out,
    resume,
    resamples: __,
    concepts: ___,
    cache: _c,
    tokenFor: _t,
    offline: _o,
    refresh: _r,
    maxUnpacked: _m,
    ...settings
  } = flags;
  const named = [flags.data, flags.corpus, flags.model, ...flags.dictionaries?.split(",") ?? []];
  const files = await Promise.all(named.map(fingerprint));
  const made = { ...settings, backend: backend.name, commit: loaded.commit, files: checksumOf(files.join()) };
  const store = await ConceptStore.open(out, made, resume);
  const given = flags.dictionaries === undefined ? undefined : await givenDictionaries(flags.dictionaries.split(","), {
    model: loaded,
    backend,
    seed: flags.seed,
    budget: budgets.at(-1)!,
  });
  const model = given ? await atTheirHook(loaded, given.hook, flags.hook) : loaded;
  run.save.hook = model.hook;
  const reader = new RowReader(model, flags.reading as Reading, contextOf(run, model, "textContext"));

  const where = flags.split === "all" ? undefined : { split: flags.split };
  const texts = await Array.fromAsync(readCorpus(flags.corpus, { where }));
  const first: GrowPlan = {
    backend,
    model,
    layers: run.layers(model.layers),
    percentiles: flags.percentiles,
    texts: await Array.fromAsync(shuffled(texts, flags.seed)),
    corpus: `${flags.corpus}, split ${flags.split}`,
    files: [flags.corpus],
    seed: flags.seed,
    calibration: flags.calibration,
    reading: { context: contextOf(run, model, "context"), batchPrompts: flags.batch },
  };
  const { grown, centers, failed } = given ??
    await grownDictionaries(run, first, { texts, seeds, budgets, folder: `${store.folder}/grown` });
  const layers = [...centers.keys()];

  const largest = Math.max(...grown.map(({ regions }) => regions));
  const coresets = new Coresets(backend, centers, largest, sets);
  await manifest.time("coreset", () => coresets.draw(streamOf({ ...first, layers }), flags.calibration));
  const scorers = new Map<number, ConceptScorer>();
  for (const layer of layers) {
    const here = grown.filter((one) => one.layer === layer);
    const candidates = await candidatesOf(backend, here, sets, await coresets.take(layer));
    scorers.set(layer, new ConceptScorer(backend, candidates, flags.l2));
  }

  const detections = await detectConcepts(run, data, reader, scorers, store);
  await manifest.time(
    "report",
    () => reportAxBench(run, { concepts: data.concepts, detections, grown, failed, backend, model }),
  );
  await model.dispose();
});
