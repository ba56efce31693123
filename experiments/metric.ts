#!/usr/bin/env -S deno run --allow-read --allow-write --allow-env --allow-sys --allow-ffi --allow-net=huggingface.co,*.huggingface.co,*.hf.co
/**
 * Under which metric does leader clustering give even, stable, telling regions, at equal numbers of them?
 *
 * Clusters the same activations of math, code and chat under centred cosine (the method's own), raw cosine, Euclidean
 * distance, and both after whitening. Each threshold is bisected until there are as many regions as asked for. Then: how
 * even the regions are, how far the partitions of two orders agree, and how often a held-out activation's region tells the
 * domain of its text, beside shuffled labels.
 *
 *     deno task run experiments/metric.ts
 *
 * Leaves in `--out`: `metrics.arrow` (a row for every layer, metric, number of regions and order: regions, Gini
 * coefficient, largest region, singles, agreement, accuracy, accuracy with shuffled labels); the chart `metrics`;
 * `report.html`; `run.json`.
 *
 * About a minute and a half on the embedded model and two cores. The clustering runs on the host: on Gemma-2-2B one layer,
 * 10,000 activations and 200 regions take about a quarter of an hour.
 */
import {
  batchAt,
  type CorpusEntry,
  extract,
  type ExtractProgress,
  shuffled,
  type TokenWindow,
  tokenWindows,
} from "../src/activations/mod.ts";
import { type LabelledRows, leaderPartitions, metricMaps, METRICS } from "../src/analysis/mod.ts";
import { append } from "../src/compute/mod.ts";
import { calibrate } from "../src/partition/mod.ts";
import { experiment, openModel, readTexts, seedsFlag, UsageError, WITHOUT_TEMPLATE } from "../src/run/mod.ts";
import { metricOutcome } from "./lib/metric/outcome.ts";
import type { MetricRow } from "./lib/metric/rows.ts";

await experiment({
  name: "metric",
  question: "Under which metric does leader clustering give even, stable, telling regions, at equal numbers of them?",
  description:
    "Clusters the same activations under five metrics to the same numbers of regions. The embedded model takes about a " +
    "minute and a half; Gemma-2-2B at one layer about a quarter of an hour.",
  defaults: { layers: [1, 3, 5, 7] },
  without: {
    ...WITHOUT_TEMPLATE,
    corpus: "its texts are those of --math, --code and --chat",
    percentiles: "its thresholds are those that give the --regions asked for",
    maxTokens: "it reads --windows and --heldout windows of each domain",
  },
  flags: {
    regions: { type: "integers", default: [50, 200], min: 2, sorted: true, help: "numbers of regions to compare at" },
    math: { type: "string", names: "corpus", default: "fixtures/corpora/math.jsonl", help: "file of the math texts" },
    code: { type: "string", names: "corpus", default: "fixtures/corpora/code.jsonl", help: "file of the code" },
    chat: { type: "string", names: "corpus", default: "fixtures/corpora/chat.jsonl", help: "file of the chats" },
    windows: { type: "integer", default: 30, min: 1, help: "windows of each domain to cluster" },
    heldout: { type: "integer", default: 15, min: 1, help: "other windows of each domain to tell" },
    context: { type: "integer", default: 64, min: 2, help: "tokens of every window, <bos> included" },
    ridge: { type: "number", default: 1e-3, min: 0, help: "added in whitening, as a share of the mean variance" },
    seeds: seedsFlag(4, "orders of the activations", 2),
  },
  assertFlags({ regions, windows, context }) {
    const activations = 3 * windows * (context - 1);
    const most = Math.max(...regions);
    if (most <= activations) return;
    throw new UsageError(
      `Expected --regions to be at most ${activations}, the activations of --windows ${windows} of three domains with ` +
        `--context ${context}, but got ${most}.`,
    );
  },
  examples: [["", "the embedded model, four layers"], ["--layers all --regions 100", "all layers at 100 regions"]],
}, async (run) => {
  const { flags, manifest, progress } = run;
  await using opened = await openModel(run);
  const { backend, model, layers, context } = opened;

  const drawn = async (file: string, texts: readonly CorpusEntry[], count: number): Promise<TokenWindow[]> => {
    const windows = await Array.fromAsync(shuffled(tokenWindows(model, texts, context), flags.seed));
    if (windows.length >= count) return windows.slice(0, count);
    throw new Error(
      `Expected ${count} windows of ${context} tokens in half of ${file} but found ${windows.length}: take fewer or ` +
        "shorter windows",
    );
  };
  // Whole texts are either clustered or told, so that no window of a told text was seen.
  const [train, heldout]: TokenWindow[][][] = [[], []];
  for (const file of [flags.math, flags.code, flags.chat]) {
    const texts = await Array.fromAsync(shuffled(readTexts(run, file), flags.seed));
    const half = texts.length >> 1;
    train.push(await drawn(file, texts.slice(0, half), flags.windows));
    heldout.push(await drawn(file, texts.slice(half), flags.heldout));
  }
  const read = async (domains: readonly (readonly TokenWindow[])[]): Promise<Map<number, LabelledRows>> => {
    const windows = domains.flat();
    const stage = progress.stage("extract", windows.length, "windows");
    const onProgress = ({ texts }: ExtractProgress) => stage.set(texts);
    const reading = { layers, context, batchPrompts: windows.length, onProgress };
    const { value: batch } = await extract(model, windows, reading).next();
    stage.end();
    return new Map(layers.map((layer) => {
      const { data, provenance } = batchAt(batch!, layer);
      const labels = provenance!.prompt.map((prompt) => Math.floor(prompt / domains[0].length));
      return [layer, { rows: data, labels }];
    }));
  };
  const [clustered, told] = await manifest.time("extract", async () => [await read(train), await read(heldout)]);

  const perLayer = METRICS.length * flags.regions.length;
  const stage = progress.stage("cluster", layers.length * perLayer, "settings");
  const measureLayer = async (layer: number): Promise<MetricRow[]> => {
    const [inside, outside] = [clustered, told].map((set) => set.get(layer)!);
    const batch = { data: inside.rows, rows: inside.labels.length, dim: model.dim };
    const { center } = await calibrate([batch], { backend });
    const maps = await manifest.time("whiten", () => metricMaps(inside.rows, center, flags.ridge));
    const measured: MetricRow[] = [];
    for (const metric of METRICS) {
      const [a, b] = [inside, outside].map(({ rows, labels }) => ({ rows: maps[metric](rows), labels }));
      for (const wanted of flags.regions) {
        const partitions = await run.kept(
          `layer ${layer}, ${metric}, ${wanted} regions`,
          () => manifest.time("cluster", () => leaderPartitions(a, b, model.dim, wanted, run.seeds)),
        );
        append(measured, partitions.map((partition) => ({ layer, metric, wanted, ...partition })));
        stage.advance();
      }
    }
    return measured;
  };
  const rows: MetricRow[] = [];
  for (const [i, layer] of layers.entries()) {
    append(rows, await run.kept(`layer ${layer}`, () => measureLayer(layer)));
    stage.set((i + 1) * perLayer);
  }
  stage.end();
  return metricOutcome(flags, rows);
});
