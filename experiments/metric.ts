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
import { batchAt, extract, readCorpus, shuffled, type TokenWindow, tokenWindows } from "../src/activations/mod.ts";
import { calibrate } from "../src/partition/mod.ts";
import { contextOf, experiment, openModel } from "../src/run/mod.ts";
import { type Labelled, measureMetric, type MetricRow } from "./lib/metric/measure.ts";
import { reportMetric } from "./lib/metric/report.ts";
import { metricMaps, METRICS } from "./lib/metric/spaces.ts";

await experiment({
  name: "metric",
  question: "Under which metric does leader clustering give even, stable, telling regions, at equal numbers of them?",
  description:
    "Clusters the same activations under five metrics to the same numbers of regions. The embedded model takes about a " +
    "minute and a half; Gemma-2-2B at one layer about a quarter of an hour.",
  defaults: { layers: [1, 3, 5, 7] },
  flags: {
    regions: { type: "integers", default: [50, 200], min: 2, help: "numbers of regions to compare at" },
    math: { type: "string", default: "fixtures/corpora/math.jsonl", help: "file of the math texts" },
    code: { type: "string", default: "fixtures/corpora/code.jsonl", help: "file of the code" },
    chat: { type: "string", default: "fixtures/corpora/chat.jsonl", help: "file of the chats" },
    windows: { type: "integer", default: 30, min: 1, help: "windows of each domain to cluster" },
    heldout: { type: "integer", default: 15, min: 1, help: "other windows of each domain to tell" },
    context: { type: "integer", default: 64, min: 2, help: "tokens of every window, <bos> included" },
    ridge: { type: "number", default: 1e-3, min: 0, help: "added in whitening, as a share of the mean variance" },
    seeds: { type: "integer", default: 4, min: 2, help: "orders of the activations, seeds from --seed on" },
  },
  examples: [["", "the embedded model, four layers"], ["--layers all --regions 100", "all layers at 100 regions"]],
}, async (run) => {
  const { flags, manifest, progress } = run;
  const seeds = Array.from({ length: flags.seeds }, (_, i) => flags.seed + i);
  const { backend, model } = await openModel(run);
  const context = contextOf(run, model, "context");
  const layers = run.layers(model.layers);

  // Whole texts are either clustered or told, so that no window of a told text was seen.
  const [train, heldout]: TokenWindow[][][] = [[], []];
  for (const domain of ["math", "code", "chat"] as const) {
    const texts = await Array.fromAsync(shuffled(readCorpus(flags[domain]), flags.seed));
    const half = texts.length >> 1;
    for (
      const [set, part, count] of [
        [train, texts.slice(0, half), flags.windows],
        [heldout, texts.slice(half), flags.heldout],
      ] as const
    ) {
      const windows = await Array.fromAsync(shuffled(tokenWindows(model, part, context), flags.seed));
      if (windows.length < count) {
        throw new Error(
          `Expected ${count} windows of ${context} tokens in half of ${flags[domain]} but found ` +
            `${windows.length}: take fewer or shorter windows`,
        );
      }
      set.push(windows.slice(0, count));
    }
  }
  const read = async (domains: readonly (readonly TokenWindow[])[]): Promise<Map<number, Labelled>> => {
    const windows = domains.flat();
    const batchPrompts = windows.length;
    const { value: batch } = await extract(model, windows, { layers, context, batchPrompts }).next();
    return new Map(layers.map((layer) => {
      const { data, provenance } = batchAt(batch!, layer);
      const labels = provenance!.prompt.map((prompt) => Math.floor(prompt / domains[0].length));
      return [layer, { rows: data!, labels }];
    }));
  };
  const [clustered, told] = await manifest.time("extract", async () => [await read(train), await read(heldout)]);
  await model.dispose();

  const rows: MetricRow[] = [];
  const perLayer = METRICS.length * flags.regions.length;
  const stage = progress.stage("cluster", layers.length * perLayer, "settings");
  const measureLayer = async (layer: number): Promise<MetricRow[]> => {
    const [inside, outside] = [clustered, told].map((set) => set.get(layer)!);
    const batch = { data: inside.rows as Float32Array<ArrayBuffer>, rows: inside.labels.length, dim: model.dim };
    const { center } = await calibrate([batch], { backend });
    const maps = await manifest.time("whiten", () => metricMaps(inside.rows, center, flags.ridge));
    const found: MetricRow[] = [];
    for (const metric of METRICS) {
      const [a, b] = [inside, outside].map(({ rows, labels }) => ({ rows: maps[metric](rows), labels }));
      for (const wanted of flags.regions) {
        const where = { layer, metric, wanted };
        const own = await run.kept(
          `layer ${layer}, ${metric}, ${wanted} regions`,
          () => manifest.time("cluster", () => measureMetric(where, a, b, model.dim, seeds)),
        );
        found.push(...own);
        stage.advance();
      }
    }
    return found;
  };
  for (const [i, layer] of layers.entries()) {
    rows.push(...await run.kept(`layer ${layer}`, () => measureLayer(layer)));
    stage.set((i + 1) * perLayer);
  }
  stage.end();
  await manifest.time("report", () => reportMetric(run, rows));
});
