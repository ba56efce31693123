#!/usr/bin/env -S deno run --allow-read --allow-write --allow-env --allow-sys --allow-ffi --allow-net=huggingface.co,*.huggingface.co,*.hf.co
/**
 * How much of what a linear probe reads from raw activations survives in one-hot regions?
 *
 * Grows dictionaries on one split of the corpus. On the other split, and on harmful and harmless instructions, logistic
 * probes tell the text's domain, the token's class, the next token's class, the position and whether an instruction is
 * harmful: from raw activations, from the nearest region alone (one-hot), from the `k` largest features, and from an
 * SAE's features. Documents are parted into those to train and to test on; classes are drawn equally often. Controls:
 * as many random activations in the exemplars' place, the token's id alone, and labels that were shuffled.
 *
 *     deno task run experiments/probe.ts
 *
 * Leaves in `--out`: `accuracies.arrow` (a row for every seed, label, source of features, percentile, k and whether
 * labels were shuffled: number of features, mean number that are not zero, accuracy, chance, penalty), `kept.arrow` (a
 * row for every label and read-out: mean accuracy and share of raw kept over seeds, with intervals over documents),
 * `recalls.arrow` (a row for every seed, label, read-out and class); the charts `kept`, `sparsity` and `accuracies`;
 * `report.html`; `run.json`.
 *
 * Three to four minutes on the embedded model and two cores. Probes run on the host: at the 2,304 dimensions of
 * Gemma-2-2B and 4,000 rows one evaluation of the loss takes 0.1 s, a raw probe 2 to 10 s a penalty, regions hardly
 * longer than here. Its corpus needs the fields `split` and `source`; without an SAE that was trained on the layer,
 * `--sae none`.
 */
import { type ExtractProgress, shuffled } from "../src/activations/mod.ts";
import {
  Coresets,
  encodeByDirections,
  encodeRows,
  keepStrongest,
  kindLabel,
  type Label,
  meanActive,
  oneHotRows,
  onlyOf,
  positionLabel,
  probeTasks,
  readLabelled,
  readShuffled,
  readTask,
  tokenClassLabel,
} from "../src/analysis/mod.ts";
import { append } from "../src/compute/mod.ts";
import { isSameHookPoint } from "../src/model/mod.ts";
import { middleOf } from "../src/report/mod.ts";
import {
  experiment,
  grow,
  noteCut,
  openModel,
  openSae,
  PERCENTILE_LIMITS,
  readAllFlag,
  readingFlags,
  readTexts,
  seedsFlag,
  usable,
  UsageError,
  windowFlags,
  windowsBy,
  WITHOUT_TEMPLATE,
} from "../src/run/mod.ts";
import { probeOutcome } from "./lib/probe/outcome.ts";
import type { Encoding, Reading } from "./lib/probe/rows.ts";

/** Random activations kept: a dictionary of more regions is compared with this many. */
const LARGEST_CORESET = 20_000;

await experiment({
  name: "probe",
  question: "How much of what a linear probe reads from raw activations survives in one-hot regions?",
  description:
    "Trains logistic probes on raw activations, on regions and on SAE features, and tests them on other documents. " +
    "The embedded model takes three to four minutes; for Gemma-2-2B give --max-tokens, a corpus with domains and " +
    "--sae none.",
  defaults: { layers: [4], percentiles: [1, 2, 4, 8, 16] },
  oneLayer: true,
  without: WITHOUT_TEMPLATE,
  flags: {
    split: {
      type: "string",
      default: "train",
      help: "rows of --corpus to grow dictionaries on, by their field `split`",
    },
    probed: { type: "string", default: "heldout", help: "rows of --corpus to probe, by their field `split`" },
    domain: { type: "string", default: "source", help: "field of the corpus that names a text's domain" },
    harmful: {
      type: "string",
      names: "corpus",
      default: "fixtures/corpora/harmful.jsonl",
      help: "file of the harmful instructions",
    },
    harmless: {
      type: "string",
      names: "corpus",
      default: "fixtures/corpora/harmless.jsonl",
      help: "file of the harmless ones",
    },
    sae: {
      type: "string",
      names: "file or none",
      default: "fixtures/sae",
      help: "SAE to compare with, file or folder, here or hf://; none for none",
    },
    saeLayer: { type: "integer", default: 4, min: 0, help: "layer that it reads; at others there is no SAE" },
    saeHook: { type: "string", default: "resid_post", help: "hook that it reads; at others there is no SAE" },
    documents: { type: "integer", default: 50, min: 2, help: "texts of each domain to probe at most" },
    instructions: { type: "integer", default: 200, min: 2, help: "instructions of each kind to probe at most" },
    train: { type: "integer", default: 4000, min: 10, help: "activations to train a probe on at most" },
    test: { type: "integer", default: 3000, min: 10, help: "activations to test it on at most" },
    share: { type: "number", default: 0.3, min: 0.01, max: 0.99, help: "share of the documents that test" },
    k: {
      type: "integers",
      default: [1, 4],
      min: 1,
      sorted: true,
      help: "largest features to read; 1 and the SAE's mean l0 are added",
    },
    kPercentiles: {
      type: "numbers",
      ...PERCENTILE_LIMITS,
      sorted: true,
      help: "percentiles at which more than one is read; default the middle one",
    },
    strengths: { type: "numbers", default: [1e-4, 1e-3, 1e-2, 1e-1], min: 0, help: "l2 penalties to choose from" },
    iterations: { type: "integer", default: 30, min: 1, help: "steps of the probes' optimiser at most" },
    seeds: seedsFlag(2, "runs (stream order, split, rows, random draws)"),
    shuffles: {
      type: "integer",
      default: 3,
      min: 1,
      max: 10_000,
      help: "shufflings of the labels a seed, for the control",
    },
    ...readingFlags({ calibration: 40_000, context: 128, batch: 128 }),
    ...windowFlags(),
    readAll: readAllFlag(),
  },
  idle: [{ flags: ["saeLayer", "saeHook"], beside: "sae", value: "none", why: "which reads none" }],
  assertFlags({ sae, saeLayer, saeHook, hook, layers, percentiles, kPercentiles }, isGiven) {
    const other = kPercentiles?.find((percentile) => !percentiles.includes(percentile));
    if (other !== undefined) {
      throw new UsageError(`Expected --k-percentiles to be among --percentiles ${percentiles} but got ${other}.`);
    }
    const isRead = layers !== "all" && layers.includes(saeLayer) &&
      isSameHookPoint({ layer: saeLayer, at: saeHook }, { layer: saeLayer, at: hook });
    if (sae === "none" || isRead || !(isGiven("sae") || isGiven("saeLayer") || isGiven("saeHook"))) return;
    throw new UsageError(
      `Expected the SAE to read what is probed, --layers ${layers} --hook ${hook}, but it reads --sae-layer ${saeLayer} ` +
        `--sae-hook ${saeHook}: give what it really reads, or --sae none.`,
    );
  },
  examples: [["", "the embedded model, layer 4"], [
    "--layers 6 --percentiles 2,8 --seeds 4",
    "another layer, more seeds",
  ]],
}, async (run) => {
  const { flags, manifest, progress } = run;
  const { corpus } = flags;
  await using opened = await openModel(run);
  const { backend, model, context, layers: [layer] } = opened;
  const reading = { context, batchPrompts: flags.batch, ...windowsBy(flags) };
  const textsOf = (file: string, where = {}) => Array.fromAsync(shuffled(readTexts(run, file, { where }), flags.seed));

  // Instructions are read as plain text, as the dictionaries' corpus is: in a chat template their last positions are the
  // same tokens for all, which no dictionary of plain text has seen.
  const byKind = Map.groupBy(await textsOf(corpus, { split: flags.probed }), (text) => `${text.fields[flags.domain]}`);
  const domains = [...byKind.keys()].sort();
  const probed = [...byKind].flatMap(([kind, own]) => own.slice(0, flags.documents).map((text) => ({ text, kind })));
  for (const kind of ["harmful", "harmless"] as const) {
    append(probed, (await textsOf(flags[kind])).slice(0, flags.instructions).map((text) => ({ text, kind })));
  }
  noteCut(run, opened, probed.map(({ text }) => text), "probed documents");
  const labels = [
    kindLabel("domain", domains),
    ...onlyOf(domains, [
      tokenClassLabel("token class", model),
      tokenClassLabel("next token's class", model, { ahead: 1 }),
      positionLabel("position", context, [1, 2, 3, 4].map((quarter) => `quarter ${quarter}`)),
    ]),
    kindLabel("harmful", ["harmless", "harmful"]),
  ];
  const ks = new Set([1, ...flags.k]);
  // What is read whatever the dictionaries. The SAE is opened first, so that one of another place is refused before any
  // work, and given back before dictionaries grow.
  const readFixed = async () => {
    const isRead = isSameHookPoint({ layer: flags.saeLayer, at: flags.saeHook }, { layer, at: model.hook });
    using sae = flags.sae !== "none" && isRead
      ? await openSae(flags.sae, backend, model, layer, {
        onNote: run.note,
        isDeclared: run.isGiven("saeLayer") || !run.isGiven("sae"),
      })
      : undefined;
    const stage = progress.stage("read probed", probed.length, "documents");
    const onProgress = ({ texts }: ExtractProgress) => stage.set(texts);
    const data = await manifest.time(
      "extract probed",
      () => readLabelled(model, probed, labels, { context, batchPrompts: flags.batch, layer, onProgress }),
    );
    stage.end();
    const fixed: Encoding[] = [
      { source: "raw activations", percentile: null, k: null, features: data },
      { source: "token id", percentile: null, k: 1, features: oneHotRows(data.tokens, model.vocab) },
    ];
    if (sae) {
      const features = await manifest.time("encode", () => encodeRows(data, sae.size, (rows) => sae.encode(rows)));
      ks.add(Math.max(1, Math.round(meanActive(features))));
      const source = { source: "SAE", percentile: null } as const;
      append(fixed, [...ks].map((k) => ({ ...source, k, features: keepStrongest(features, k) })));
      fixed.push({ ...source, k: null, features });
    }
    return { data, fixed };
  };
  const { data: read, fixed } = await readFixed();
  // Before dictionaries grow: a label that the texts cannot tell is left out, and said.
  const isTold = (label: Label): boolean => {
    try {
      for (const seed of run.seeds) probeTasks({ ...read, labels: [label] }, { ...flags, shuffles: 0, seed });
      return true;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      const why = label.name === "position" ? `: only texts of --context ${context} tokens or more tell it` : "";
      run.note(`${error.message}${why}. The label is left out.`);
      return false;
    }
  };
  const data = { ...read, labels: read.labels.filter(isTold) };
  if (data.labels.length === 0) {
    throw new Error("Expected a label that the probed texts tell but there is none: give more texts");
  }

  const first = {
    ...{ backend, model, layers: [layer], seed: flags.seed, reading, label: `${flags.seed}: ` },
    texts: await Array.fromAsync(readTexts(run, corpus, { where: { split: flags.split } })),
    corpus: `${corpus}, split ${flags.split}`,
    files: [corpus],
    growing: { signal: run.signal },
  };
  const { calibrations, failed } = await usable(run, first, flags);
  const { center, percentiles } = calibrations.get(layer)!;
  const swept = flags.kPercentiles ?? [middleOf(percentiles)];

  const encodingsOf = async (seed: number): Promise<Encoding[]> => {
    using coresets = new Coresets(backend, calibrations, LARGEST_CORESET, seed);
    const plan = { ...first, seed, label: `${seed}: `, calibrations };
    using grown = await grow(run, { ...plan, watch: (batch) => coresets.offer(batch) });
    const encodings: Encoding[] = [];
    for (const { percentile, dictionary } of grown.growths) {
      using random = coresets.take(layer, dictionary.size);
      const own = swept.includes(percentile) ? [...ks] : [1];
      for (
        const [source, directions] of [
          ["EP, exemplars", dictionary.exemplars],
          ["EP, means", dictionary.means],
          ["random exemplars", await backend.download(random)],
        ] as const
      ) {
        const encode = () => encodeByDirections(backend, { center, directions }, data, Math.max(...own));
        const features = await manifest.time("encode", encode);
        append(encodings, own.map((k) => ({ source, percentile, k, features: keepStrongest(features, k) })));
      }
    }
    return encodings;
  };

  const readings: Reading[] = [];
  for (const seed of run.seeds) {
    const encodings = [...fixed, ...await encodingsOf(seed)];
    const tasks = probeTasks(data, { ...flags, seed });
    const training = { ...flags, documents: data.documents, seed };
    const stage = progress.stage(`${seed}: probe`, encodings.length * tasks.length, "probes");
    for (const { features, ...encoding } of encodings) {
      const { source, percentile, k } = encoding;
      const isControlled = source === "raw activations" || (source === "EP, exemplars" && k === 1);
      const measure = () =>
        tasks.flatMap((task): Reading[] => {
          const own = readTask(features, task, training);
          const controls = isControlled ? readShuffled(features, task, own, training) : [];
          return [own, ...controls].map((found) => ({ seed, label: task.label.name, ...encoding, ...found }));
        });
      const name = `seed ${seed}: ${source}, p ${percentile}, k ${k}`;
      append(readings, await manifest.time("probe", () => run.kept(name, measure)));
      stage.advance(tasks.length);
    }
    stage.end();
  }
  return probeOutcome(flags, { layer, data, readings, failed });
});
