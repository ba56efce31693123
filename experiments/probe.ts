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
 * About a minute and a half on the embedded model and two cores. Probes run on the host: at the 2,304 dimensions of
 * Gemma-2-2B and 4,000 rows one evaluation of the loss takes 0.1 s, a raw probe 2 to 10 s a penalty, regions hardly
 * longer than here. Its corpus needs the fields `split` and `source`; without an SAE that was trained on the layer,
 * `--sae none`.
 */
import { readCorpus, shuffled } from "../src/activations/mod.ts";
import { isSameHookPoint } from "../src/model/mod.ts";
import { usableSettings } from "../src/partition/mod.ts";
import { middleSetting } from "../src/report/mod.ts";
import { calibrationsFor, contextOf, experiment, openModel, type Stage, UsageError } from "../src/run/mod.ts";
import { readSae } from "../src/sae/mod.ts";
import { readProbeData } from "./lib/probe/data.ts";
import { dictionaryEncodings } from "./lib/probe/dictionaries.ts";
import { denseAndToken, encodeRows, type Encoding, meanActive, sparseEncodings } from "./lib/probe/encodings.ts";
import { measureEncoding, type Reading, tasksOf } from "./lib/probe/measure.ts";
import { reportProbe } from "./lib/probe/report.ts";

await experiment({
  name: "probe",
  question: "How much of what a linear probe reads from raw activations survives in one-hot regions?",
  description:
    "Trains logistic probes on raw activations, on regions and on SAE features, and tests them on other documents. " +
    "The embedded model takes about a minute and a half; for Gemma-2-2B give --max-tokens, a corpus with domains and " +
    "--sae none.",
  defaults: { layers: [4], percentiles: [1, 2, 4, 8, 16] },
  flags: {
    split: {
      type: "string",
      default: "train",
      help: "rows of --corpus to grow dictionaries on, by their field `split`",
    },
    probed: { type: "string", default: "heldout", help: "rows of --corpus to probe, by their field `split`" },
    domain: { type: "string", default: "source", help: "field of the corpus that names a text's domain" },
    harmful: { type: "string", default: "fixtures/corpora/harmful.jsonl", help: "file of the harmful instructions" },
    harmless: { type: "string", default: "fixtures/corpora/harmless.jsonl", help: "file of the harmless ones" },
    sae: {
      type: "string",
      default: "fixtures/sae",
      help: "SAE to compare with, file or folder, here or hf://; none for none",
    },
    saeLayer: { type: "integer", default: 4, min: 0, help: "layer that it reads; at others there is no SAE" },
    saeHook: { type: "string", default: "resid_post", help: "hook that it reads; at others there is no SAE" },
    documents: { type: "integer", default: 50, min: 2, help: "texts of each domain to probe at most" },
    instructions: { type: "integer", default: 200, min: 2, help: "instructions of each kind to probe at most" },
    train: { type: "integer", default: 4000, min: 10, help: "activations to train a probe on at most" },
    test: { type: "integer", default: 3000, min: 10, help: "activations to test it on at most" },
    share: { type: "number", default: 0.3, min: 0, help: "share of the documents that test" },
    k: {
      type: "integers",
      default: [1, 4],
      min: 1,
      help: "largest features to read; 1 and the SAE's mean l0 are added",
    },
    kPercentiles: {
      type: "numbers",
      min: 0,
      help: "percentiles at which more than one is read; default the middle one",
    },
    strengths: { type: "numbers", default: [1e-4, 1e-3, 1e-2, 1e-1], min: 0, help: "l2 penalties to choose from" },
    iterations: { type: "integer", default: 30, min: 1, help: "steps of the probes' optimiser at most" },
    seeds: {
      type: "integer",
      default: 2,
      min: 1,
      help: "runs, from --seed on: stream order, split, rows, random draws",
    },
    shuffles: { type: "integer", default: 3, min: 1, help: "shufflings of the labels a seed, for the control" },
    calibration: { type: "integer", default: 40_000, min: 2, help: "activations to calibrate on" },
    context: { type: "integer", default: 128, min: 8, help: "tokens that a prompt is cut to, <bos> included" },
    batch: { type: "integer", default: 128, min: 1, help: "prompts of a batch; thresholds depend on it" },
  },
  examples: [["", "the embedded model, layer 4"], [
    "--layers 6 --percentiles 2,8 --seeds 4",
    "another layer, more seeds",
  ]],
}, async (run) => {
  const { flags, manifest, progress } = run;
  const { corpus } = flags;
  const seeds = Array.from({ length: flags.seeds }, (_, i) => flags.seed + i);
  const { backend, model } = await openModel(run);
  const context = contextOf(run, model, "context");
  const [layer, ...others] = run.layers(model.layers);
  if (others.length > 0) throw new UsageError("Expected one layer of --layers but got several: run once for each.");

  const texts = (file: string, seed: number, where = {}) =>
    Array.fromAsync(shuffled(readCorpus(file, { where }), seed));
  const byDomain = Map.groupBy(
    await texts(corpus, flags.seed, { split: flags.probed }),
    ({ fields }) => String(fields[flags.domain]),
  );
  const probed = {
    texts: [...byDomain.values()].flatMap((own) => own.slice(0, flags.documents)),
    field: flags.domain,
    harmful: (await texts(flags.harmful, flags.seed)).slice(0, flags.instructions),
    harmless: (await texts(flags.harmless, flags.seed)).slice(0, flags.instructions),
  };
  const reading = { context, batchPrompts: flags.batch };
  const data = await manifest.time("extract probed", () => readProbeData(model, probed, { ...reading, layer }));

  const fixed: Encoding[] = denseAndToken(data, model.vocab);
  const ks = new Set([1, ...flags.k]);
  const saePoint = { layer: flags.saeLayer, at: flags.saeHook };
  if (flags.sae !== "none" && isSameHookPoint(saePoint, { layer, at: model.hook })) {
    const sae = await readSae(flags.sae, { backend });
    const features = await manifest.time("encode", () => encodeRows(data, sae.size, (batch) => sae.encode(batch)));
    ks.add(Math.max(1, Math.round(meanActive(features))));
    fixed.push(...sparseEncodings({ source: "SAE", percentile: NaN }, features, [...ks, Infinity]));
    sae.dispose();
  }

  const planOf = async (seed: number) => ({
    backend,
    model,
    layers: [layer],
    percentiles: flags.percentiles,
    texts: await texts(corpus, seed, { split: flags.split }),
    corpus: `${corpus}, split ${flags.split}`,
    files: [corpus],
    seed,
    calibration: flags.calibration,
    reading,
    growing: { maxTokens: flags.maxTokens, signal: run.signal },
    label: `${seed}: `,
  });
  const measured = await manifest.time("calibrate", async () => calibrationsFor(run, await planOf(seeds[0])));
  const { calibrations, failed } = await usableSettings(measured, backend);
  if (calibrations.size === 0) throw new Error(`Expected a dictionary but none could be made: ${failed[0].reason}`);
  const { percentiles } = calibrations.get(layer)!;
  const swept = flags.kPercentiles ??
    [middleSetting(percentiles.map((percentile) => ({ layer, percentile }))).percentile];

  const readings: Reading[] = [];
  for (const seed of seeds) {
    const tasks = tasksOf(data, seed, flags);
    const measure = (encodings: readonly Encoding[], stage: Stage) =>
      manifest.time("probe", async () => {
        for (const encoding of encodings) {
          const { source, percentile, k } = encoding;
          const isControl = source === "raw activations" || (source === "EP, exemplars" && k === 1);
          const measured = () => measureEncoding(encoding, tasks, data, { ...flags, seed, isControl });
          readings.push(...await run.kept(`seed ${seed}: ${source}, p ${percentile}, k ${k}`, measured));
          stage.advance(tasks.length);
        }
      });
    await measure(fixed, progress.stage(`${seed}: probe all`, fixed.length * tasks.length, "probes"));
    const plan = { ...await planOf(seed), calibration: calibrations };
    const ksOf = (percentile: number) => swept.includes(percentile) ? [...ks] : [1];
    let stage: Stage | undefined;
    for await (const encodings of dictionaryEncodings(run, plan, data, ksOf)) {
      stage ??= progress.stage(`${seed}: probe regions`, undefined, "probes");
      await measure(encodings, stage);
    }
  }
  await model.dispose();
  await manifest.time("report", () => reportProbe(run, { layer, data, readings, strengths: flags.strengths, failed }));
});
