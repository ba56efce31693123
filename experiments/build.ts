#!/usr/bin/env -S deno run --allow-read --allow-write --allow-env --allow-sys --allow-ffi --allow-net=huggingface.co,*.huggingface.co,*.hf.co
/**
 * What structure do a model's activations have at several depths and resolutions?
 *
 * Calibrates on the corpus, then grows one dictionary for every layer and percentile in one pass over it, until all are
 * saturated (with `--read-all` also then), the budget is spent or the corpus ends. A dictionary that is saturated before
 * founds no more regions but goes on counting their members. How much lies within θ is measured on held-out texts: with
 * `--split` on entries whose field `split` is `heldout`, if there are any (with `--in-order` there are none), else on texts that were left unread.
 *
 *     deno task run experiments/build.ts --layers 3 --percentiles 4,10
 *
 * Leaves in `--out`: `dictionaries/L<layer>-p<percentile>.arrow` (beside each `.calibration.json`, and with `--members`
 * `.members.arrow`); `dictionaries.arrow` (a row a dictionary: size, threshold,
 * metrics), `regions.arrow` (a row a region: members, coherence, logit lens, nearest context), `growth.arrow` (a row a
 * batch), all with `--parquet` as `.parquet`, too; with `--dashboard` for every dictionary
 * `dashboards/L<layer>-p<percentile>/batch-<n>.json`; the charts `growth`, `sizes`, `coherence` and `partition`; `report.html`; `run.json`.
 */
import { describeRegions, measure } from "../src/analysis/mod.ts";
import { dictionaryFile } from "../src/partition/mod.ts";
import {
  assertWritesDate,
  calibrated,
  experiment,
  grow,
  maxNormFlag,
  openModel,
  readAllFlag,
  readingFlags,
  readTexts,
  selectedBy,
  selectionFlags,
  UsageError,
  windowFlags,
  windowsBy,
} from "../src/run/mod.ts";
import { saveDashboards } from "./lib/build/dashboards.ts";
import { measureCoverage } from "./lib/build/coverage.ts";
import { readInOrder } from "./lib/build/in_order.ts";
import { buildOutcome, type BuildResult } from "./lib/build/outcome.ts";

/** What the field `split` says of entries that nothing is built on. */
const HELD_OUT = "heldout";

await experiment({
  name: "build",
  question: "What structure do the model's activations have, at several depths and resolutions?",
  description: "Calibrates, grows dictionaries at several layers and percentiles in one pass, and shows their regions.",
  defaults: { layers: [2, 4, 6], maxTokens: 20e6 },
  flags: {
    ...readingFlags({ calibration: 200_000, context: 128, batch: 128 }),
    ...windowFlags(),
    ...selectionFlags({ chat: true }),
    maxNorm: maxNormFlag(),
    split: { type: "string", help: "read only entries whose field `split` has this value" },
    chat: { type: "boolean", help: "read every text as a user's turn in the model's chat template" },
    inOrder: {
      type: "boolean",
      help:
        "read the corpus in its own order, mixed nearby, as needed when it does not fit into memory; calibrates on a " +
        "sample of all of it, and reads to its end or the budget",
    },
    window: {
      type: "integer",
      default: 1,
      min: 0,
      help: "saturated after more than this many batches without a founder",
    },
    readAll: readAllFlag(),
    members: {
      type: "integer",
      default: 0,
      min: 0,
      help: "member directions to keep of each region, a uniform sample, in a file beside its dictionary",
    },
    dashboard: {
      type: "boolean",
      help: "write what feature browsers show of every region, too, as Neuronpedia imports it; reads the texts again",
    },
    checkpointEvery: { type: "integer", default: 10, min: 1, help: "batches between checkpoints" },
  },
  assertFlags({ excludePositions, chat }, isGiven) {
    if (!chat && isGiven("templateDate")) {
      throw new UsageError("Expected --chat beside --template-date: texts have no template without it.");
    }
    if (excludePositions !== "template" || chat) return;
    throw new UsageError("Expected --chat beside --exclude-positions template: texts have no template without it.");
  },
  idle: [
    { flags: ["windows", "stride"], beside: "chat", why: "whose turns are one prompt each" },
    { flags: ["window", "readAll"], beside: "inOrder", why: "which calls no dictionary saturated" },
  ],
  mayChange: ["maxTokens", "readAll", "checkpointEvery", "dashboard"],
  examples: [
    ["", "the embedded model, two to three minutes on two cores"],
    ["--model onnx-community/Qwen3-0.6B-ONNX --dtype fp16 --layers 14 --corpus pile.jsonl", "a model of the hub"],
    ["--resume", "go on after an interruption"],
  ],
}, async (run) => {
  const { flags, progress, manifest, save } = run;
  const { chat, corpus, split, inOrder } = flags;
  await using opened = await openModel(run);
  const { backend, model, layers, context } = opened;
  if (chat) assertWritesDate(run, model);
  const entries = () => readTexts(run, corpus, split === undefined ? {} : { where: { split } });
  const ordered = inOrder ? readInOrder(run, entries, flags) : undefined;
  const heldOut = async () => {
    if (split === undefined || split === HELD_OUT || inOrder) return [];
    return (await Array.fromAsync(readTexts(run, corpus))).filter(({ fields }) => fields.split === HELD_OUT);
  };
  const plan = {
    ...{ backend, model, layers, seed: flags.seed },
    texts: ordered?.stream ?? await Array.fromAsync(entries()),
    corpus: `${corpus}${split ? `, split ${split}` : ""}${inOrder ? ", in order" : ""}`,
    files: [corpus],
    reading: { context, chat, batchPrompts: flags.batch, ...windowsBy(flags), ...selectedBy(flags) },
    growing: {
      saturationWindow: inOrder ? Infinity : flags.window,
      members: flags.members,
      checkpoint: { ...await run.stages.checkpoint("discover"), every: flags.checkpointEvery, seconds: 0 },
      signal: run.signal,
    },
  };
  const calibrations = ordered
    ? await calibrated(run, { ...plan, texts: ordered.sample }, {
      ...flags,
      ...flags.thresholdPairs === undefined &&
        { thresholdPairs: "sample", because: "the corpus is read in its own order" } as const,
    })
    : await calibrated(run, plan, flags);
  const growPlan = { ...plan, calibrations, count: ordered?.count() };
  using discovery = await grow(run, growPlan);

  const reading = progress.stage("read regions", discovery.growths.length, "dictionaries");
  const results: BuildResult[] = [];
  for (const growth of discovery.growths) {
    const { dictionary } = growth;
    const file = `dictionaries/${dictionaryFile(growth)}`;
    await manifest.time("save", () => save.dictionary(file, dictionary, { members: flags.members > 0 }));
    const regions = await manifest.time("lens", () => describeRegions(dictionary, model));
    const calibration = calibrations.get(growth.layer)!;
    const metrics = await manifest.time("measure", () => measure(dictionary));
    results.push({ growth, calibration, regions, metrics });
    reading.advance();
  }
  reading.end();
  const coverage = await measureCoverage(run, growPlan, discovery, await heldOut());
  if (flags.dashboard) await saveDashboards(run, plan, discovery);
  return buildOutcome(flags, { discovery, results, coverage, stream: manifest.streams[0] });
});
