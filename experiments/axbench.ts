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
import { AxBenchReader, type ExtractProgress, readAxBench } from "../src/activations/mod.ts";
import { AxBenchDetector, ConceptScorer, describeRegions } from "../src/analysis/mod.ts";
import { append } from "../src/compute/mod.ts";
import { checksumOf } from "../src/files/mod.ts";
import {
  assertWritesDate,
  atTheirHook,
  contextOf,
  decidingFlags,
  DICTIONARY_HELP,
  experiment,
  fingerprint,
  givenDictionaries,
  growToBudgets,
  loadDictionary,
  openModel,
  readAllFlag,
  readingFlags,
  readTexts,
  RowStore,
  seedsFlag,
  streamOf,
  usable,
  UsageError,
  windowFlags,
  windowsBy,
} from "../src/run/mod.ts";
import { conceptChoices, drawCoresets } from "./lib/axbench/choices.ts";
import { axBenchOutcome, headlineRows, shownSetting } from "./lib/axbench/outcome.ts";
import { type ConceptChoice, type DetectionRow, detectionRow, exampleRow } from "./lib/axbench/rows.ts";

await experiment({
  name: "axbench",
  keepsState: true,
  question: "Does a region, chosen by a few labelled texts, detect a concept in held-out texts?",
  description:
    "AxBench's concept detection with regions of dictionaries, random directions, a coreset, difference in means and a " +
    "linear probe. The embedded model and ten concepts take four to five minutes; Gemma-2-2B-it and 500 concepts hours on " +
    "a GPU: stop it whenever you like and go on with --resume.",
  // The embedded model's layer at the depth of layer 20 of Gemma-2-2B's 26.
  defaults: { model: "fixtures/gemma-2-toy-it", layers: [6] },
  flags: {
    data: {
      type: "string",
      names: "file",
      default: "fixtures/corpora/axbench",
      help: "folder of AxBench's files: flat, with generate/ and inference/, or with train/ and test/",
    },
    concepts: { type: "integers", min: 0, sorted: true, help: "ids of the concepts: 0-9; default all" },
    dictionaries: {
      type: "string",
      names: "dictionaries",
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
      sorted: true,
      help: "token budgets at which dictionaries are kept, besides --max-tokens",
    },
    seeds: seedsFlag(2, "stream orders"),
    sets: seedsFlag(2, "random sets of each kind"),
    ...readingFlags({ calibration: 40_000, context: 128, batch: 128 }, "corpus prompt"),
    ...windowFlags(),
    readAll: readAllFlag(),
    l2: {
      type: "numbers",
      default: [0.01],
      min: 0,
      help: "strengths of the probe's penalty; of several the best on a fifth of the train texts",
    },
    resamples: { type: "integer", default: 10_000, min: 100, max: 1e6, help: "bootstrap samples of each interval" },
  },
  idle: [{
    flags: ["layers", "percentiles", "budgets", "maxTokens", "readAll", "seeds"],
    beside: "dictionaries",
    why: "which are grown already",
  }, { flags: ["templateDate"], beside: "reading", value: "plain", why: "which takes no chat template" }],
  assertFlags({ budgets, maxTokens }, isGiven) {
    const larger = budgets.find((budget) => budget >= maxTokens);
    if (larger === undefined || !isGiven("budgets")) return;
    throw new UsageError(
      `Expected --budgets to be less than --max-tokens ${maxTokens}, the last of them, but got ${larger}.`,
    );
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
  const { flags, manifest, progress, signal } = run;
  const smaller = flags.budgets.filter((budget) => budget < flags.maxTokens);
  const budgets = [...smaller, flags.maxTokens];
  const { concepts, negatives } = await readAxBench(flags.data, flags.concepts);
  await using opened = await openModel(run);
  const { backend } = opened;
  if (flags.reading === "chat") assertWritesDate(run, opened.model);

  const names = flags.dictionaries?.split(",");
  const files = await Promise.all([flags.data, flags.corpus, flags.model, ...names ?? []].map(fingerprint));
  const store = await RowStore.open<DetectionRow>(flags.out, {
    flags: decidingFlags(flags, ["concepts", "resamples"]),
    facts: {
      backend: backend.name,
      commit: opened.model.commit,
      "files of --corpus, --data, --model and --dictionaries": checksumOf(files.join()),
    },
    resume: flags.resume,
  });

  const given = names &&
    await givenDictionaries(names, opened.model, backend, { seed: flags.seed });
  const model = given ? await atTheirHook(opened.model, given.hook, flags.hook) : opened.model;
  run.save.hook = model.hook;
  const reader = new AxBenchReader(model, flags.reading, contextOf(run, model, "textContext"));
  const plan = {
    ...{ backend, model, layers: opened.layers, seed: flags.seed },
    texts: await Array.fromAsync(
      readTexts(run, flags.corpus, { where: flags.split === "all" ? undefined : { split: flags.split } }),
    ),
    corpus: `${flags.corpus}, split ${flags.split}`,
    files: [flags.corpus],
    reading: { context: opened.context, batchPrompts: flags.batch, ...windowsBy(flags) },
  };
  const grownHere = async () => {
    const { calibrations, failed } = await usable(run, plan, flags);
    const kept = { seeds: run.seeds, budgets, folder: `${store.folder}/grown` };
    return { dictionaries: await growToBudgets(run, { ...plan, calibrations }, kept), centers: calibrations, failed };
  };
  const { dictionaries, centers, failed } = given ? { ...given, failed: [] } : await grownHere();

  using owner = new DisposableStack();
  const onProgress = ({ activations }: ExtractProgress) => progress.note(`${activations} activations`);
  const reading = { ...plan.reading, maxActivations: flags.calibration, onProgress };
  const stream = streamOf({ ...plan, layers: [...centers.keys()], reading });
  const sets = Array.from({ length: flags.sets }, (_, i) => flags.seed + i);
  const drawn = { sets, size: Math.max(...dictionaries.map(({ regions }) => regions)), activations: flags.calibration };
  const coresets = await manifest.time("coreset", () => drawCoresets(backend, stream, centers, drawn, owner));
  const scorers = new Map<number, ConceptScorer<ConceptChoice>>();
  for (const [layer, { center }] of centers) {
    const here = dictionaries.filter((one) => one.layer === layer);
    const choices = await conceptChoices(backend, here, coresets.get(layer)!, owner);
    scorers.set(layer, new ConceptScorer({ backend, center: Float32Array.from(center), choices, l2: flags.l2 }));
  }

  const detector = new AxBenchDetector(reader, negatives, scorers);
  const detections: DetectionRow[] = [];
  const stage = progress.stage("concepts", concepts.length, "concepts");
  for (const concept of concepts) {
    signal.throwIfAborted();
    const detect = async () => {
      const byLayer = await manifest.time("detect", () => detector.detect(concept));
      return [...byLayer].flatMap(([layer, detected]) => detected.map((one) => detectionRow(concept, layer, one)));
    };
    append(detections, await store.kept(`concepts/${concept.id}`, detect, run.note));
    stage.advance();
  }
  stage.end();
  const { rows, truncated } = reader.counts;
  if (truncated > 0) {
    run.note(
      `${truncated} of the ${rows} texts of ${flags.data} that this run read are longer than ${reader.context} tokens: ` +
        "their ends are left out.",
    );
  }

  const chosen = headlineRows(detections, flags.seed);
  const { layer, percentile, budget } = shownSetting(detections);
  const { file } = dictionaries.find((one) =>
    one.layer === layer && one.percentile === percentile && one.budget === budget && one.seed === flags.seed
  )!;
  using dictionary = await loadDictionary(file, backend);
  const regions = await describeRegions(dictionary, model, { regions: chosen.map(({ region }) => region) });
  const examples = chosen.map((row, i) => exampleRow(row, regions[i]));
  return axBenchOutcome(flags, { detections, examples, failed, hook: model.hook });
});
