#!/usr/bin/env -S deno run --allow-read --allow-write --allow-env --allow-sys --allow-ffi --allow-net=huggingface.co,*.huggingface.co,*.hf.co
/**
 * How many regions do math, code and chat need at each layer, and does each stream stop producing them?
 *
 * Cuts the three corpora into windows of `--context` tokens and takes as many of each, so that all have the same number of
 * activations. One calibration a layer, on a mix of the three, gives the thresholds of all. Every stream grows its
 * dictionaries in several orders of the same windows; an even mix of the three, of the same length, is the reference.
 *
 *     deno task run experiments/saturation.ts
 *
 * Leaves in `--out`: `curves.arrow` (a row for every stream, order, layer, percentile and batch: activations seen, regions,
 * regions founded by the batch); `regions.arrow` (a row for every stream, order, layer and percentile: regions at the
 * end, share of the last quarter's activations that founded one, activations until saturation); the charts `curves` and
 * `depth`; `report.html`; `run.json`.
 *
 * About two minutes on the embedded model and two cores. On Gemma-2-2B with `--max-tokens 2M` and three layers: twelve
 * passes of 2 M tokens, about an hour on a GPU.
 */
import { readCorpus, shuffled, tokenWindows } from "../src/activations/mod.ts";
import { usableSettings } from "../src/partition/mod.ts";
import { calibrationsFor, contextOf, experiment, growOrders, openModel } from "../src/run/mod.ts";
import { curvesOf, type Stream, type StreamCurve } from "./lib/saturation/curves.ts";
import { reportSaturation } from "./lib/saturation/report.ts";

await experiment({
  name: "saturation",
  question: "How many regions do math, code and chat need at each layer, at equal budgets of tokens?",
  description:
    "Grows dictionaries of three domains, and of their mix, under one calibration, in several stream orders. The " +
    "embedded model takes about two minutes; Gemma-2-2B at three layers on 2M tokens about an hour on a GPU.",
  defaults: { percentiles: [4, 8, 16], maxTokens: 40_000 },
  flags: {
    math: { type: "string", default: "fixtures/corpora/math.jsonl", help: "file of the math texts" },
    code: { type: "string", default: "fixtures/corpora/code.jsonl", help: "file of the code" },
    chat: { type: "string", default: "fixtures/corpora/chat.jsonl", help: "file of the chats" },
    seeds: { type: "integer", default: 3, min: 1, help: "stream orders, seeds from --seed on" },
    calibration: { type: "integer", default: 20_000, min: 2, help: "activations of the mix to calibrate on" },
    context: { type: "integer", default: 128, min: 2, help: "tokens of every window, <bos> included" },
    batch: { type: "integer", default: 16, min: 1, help: "windows of a batch: a point of the curves; sets thresholds" },
  },
  examples: [
    ["", "the embedded model, all layers, 40k tokens of each domain"],
    ["--max-tokens 60000 --layers 3,5,7 --percentiles 8", "fewer settings, a larger budget"],
  ],
}, async (run) => {
  const { flags, manifest } = run;
  const { percentiles } = flags;
  const seeds = Array.from({ length: flags.seeds }, (_, i) => flags.seed + i);
  const { backend, model } = await openModel(run);
  const context = contextOf(run, model, "context");
  const layers = run.layers(model.layers);

  // As many windows of each domain as the budget and the smallest corpus allow.
  const domains = ["math", "code", "chat"] as const;
  const all = await Promise.all(domains.map(async (domain) => {
    const windows = tokenWindows(model, await Array.fromAsync(readCorpus(flags[domain])), context);
    return await Array.fromAsync(shuffled(windows, flags.seed));
  }));
  const count = Math.min(Math.floor(flags.maxTokens / context), ...all.map((windows) => windows.length));
  if (count < domains.length) {
    throw new Error(
      `Expected at least ${domains.length} windows of ${context} tokens in each domain but found ${
        all.map(({ length }, i) => `${length} (${domains[i]})`).join(", ")
      } and a budget of ${flags.maxTokens} tokens: take longer texts, shorter windows or a larger budget`,
    );
  }
  const [math, code, chat] = all.map((windows) => windows.slice(0, count));
  // As long as one domain, and no window of it twice.
  const mix = Array.from({ length: count }, (_, i) => [math, code, chat][i % 3][Math.floor(i / 3)]);

  const name = (stream: Stream) => `${stream}: ${count} windows of ${flags.math}, ${flags.code}, ${flags.chat}`;
  const plan = {
    backend,
    model,
    layers,
    files: domains.map((domain) => flags[domain]),
    reading: { context, batchPrompts: flags.batch },
    // No stream stops early: all are compared at the same number of activations.
    growing: { saturationWindow: Infinity, signal: run.signal },
  };
  const measured = await manifest.time("calibrate", async () => {
    const texts = await Array.fromAsync(shuffled([...math, ...code, ...chat], flags.seed));
    return await calibrationsFor(run, {
      ...plan,
      percentiles,
      texts,
      corpus: `all of ${name("mix")}`,
      seed: flags.seed,
      calibration: flags.calibration,
    });
  });
  const { calibrations, failed } = await usableSettings(measured, backend);

  const curves: StreamCurve[] = [];
  for (const [stream, texts] of Object.entries({ math, code, chat, mix }) as [Stream, typeof mix][]) {
    const { bySeed } = await growOrders(
      run,
      { ...plan, texts, corpus: name(stream), calibration: calibrations, label: `${stream}: ` },
      seeds,
      (growths, seed) => curvesOf(growths, stream, seed),
    );
    curves.push(...[...bySeed.values()].flat());
  }
  await model.dispose();
  await manifest.time("report", () => reportSaturation(run, { curves, failed, windows: count, context }));
});
