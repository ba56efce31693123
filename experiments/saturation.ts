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
 * About three minutes on the embedded model and two cores. On Gemma-2-2B with `--max-tokens 2M` and three layers: twelve
 * passes of 2 M tokens, about an hour on a GPU.
 */
import { shuffled, tokenWindows } from "../src/activations/mod.ts";
import { append } from "../src/compute/mod.ts";
import {
  experiment,
  growOrders,
  maxNormFlag,
  openModel,
  readingFlags,
  readTexts,
  seedsFlag,
  selectedBy,
  selectionFlags,
  usable,
  UsageError,
  WITHOUT_TEMPLATE,
} from "../src/run/mod.ts";
import { saturationOutcome } from "./lib/saturation/outcome.ts";
import { curvesOf, DOMAINS, type Stream, type StreamCurve, STREAMS } from "./lib/saturation/rows.ts";

await experiment({
  name: "saturation",
  question: "How many regions do math, code and chat need at each layer, at equal budgets of tokens?",
  description:
    "Grows dictionaries of three domains, and of their mix, under one calibration, in several stream orders. The " +
    "embedded model takes about three minutes; Gemma-2-2B at three layers on 2M tokens about an hour on a GPU.",
  defaults: { percentiles: [4, 8, 16], maxTokens: 40_000 },
  without: { ...WITHOUT_TEMPLATE, corpus: "its texts are those of --math, --code and --chat" },
  flags: {
    math: { type: "string", names: "corpus", default: "fixtures/corpora/math.jsonl", help: "file of the math texts" },
    code: { type: "string", names: "corpus", default: "fixtures/corpora/code.jsonl", help: "file of the code" },
    chat: { type: "string", names: "corpus", default: "fixtures/corpora/chat.jsonl", help: "file of the chats" },
    seeds: seedsFlag(3, "stream orders"),
    ...readingFlags({ calibration: 20_000, context: 128, batch: 16 }, "window"),
    ...selectionFlags(),
    maxNorm: maxNormFlag(),
  },
  assertFlags({ maxTokens, context }) {
    if (maxTokens >= DOMAINS.length * context) return;
    throw new UsageError(
      `Expected --max-tokens to be at least ${
        DOMAINS.length * context
      }, ${DOMAINS.length} windows of --context ${context} ` +
        `tokens, but got ${maxTokens}: the mix takes one of each domain.`,
    );
  },
  examples: [
    ["", "the embedded model, all layers, 40k tokens of each domain"],
    ["--max-tokens 60000 --layers 3,5,7 --percentiles 8", "fewer settings, a larger budget"],
  ],
}, async (run) => {
  const { flags } = run;
  await using opened = await openModel(run);
  const { backend, model, layers, context } = opened;

  // As many windows of each domain as the budget and the smallest corpus allow.
  const all = await Promise.all(DOMAINS.map(async (domain) => {
    const windows = tokenWindows(model, await Array.fromAsync(readTexts(run, flags[domain])), context);
    return await Array.fromAsync(shuffled(windows, flags.seed));
  }));
  const count = Math.min(Math.floor(flags.maxTokens / context), ...all.map((windows) => windows.length));
  if (count < DOMAINS.length) {
    throw new Error(
      `Expected at least ${DOMAINS.length} windows of ${context} tokens in each domain but found ${
        all.map(({ length }, i) => `${length} (${DOMAINS[i]})`).join(", ")
      } and a budget of ${flags.maxTokens} tokens: take longer texts, shorter windows or a larger budget`,
    );
  }
  const [math, code, chat] = all.map((windows) => windows.slice(0, count));
  // As long as one domain, and no window of it twice.
  const mix = Array.from({ length: count }, (_, i) => [math, code, chat][i % 3][Math.floor(i / 3)]);
  const windows = { math, code, chat, mix };

  const name = (stream: Stream) => `${stream}: ${count} windows of ${flags.math}, ${flags.code}, ${flags.chat}`;
  const plan = {
    ...{ backend, model, layers },
    files: DOMAINS.map((domain) => flags[domain]),
    reading: { context, batchPrompts: flags.batch, ...selectedBy(flags) },
    // No stream stops early: all are compared at the same number of activations.
    growing: { saturationWindow: Infinity, signal: run.signal },
  };
  const everything = { ...plan, texts: [...math, ...code, ...chat], corpus: `all of ${name("mix")}`, seed: flags.seed };
  const { calibrations, failed } = await usable(run, everything, flags);

  const curves: StreamCurve[] = [];
  for (const stream of STREAMS) {
    const bySeed = await growOrders(
      run,
      { ...plan, calibrations, texts: windows[stream], corpus: name(stream), label: `${stream}: ` },
      run.seeds,
      (growths, seed) => curvesOf(growths, stream, seed),
    );
    append(curves, [...bySeed.values()].flat());
  }
  return saturationOutcome(flags, { curves, failed, windows: count, context });
});
