#!/usr/bin/env -S deno run --allow-read --allow-write --allow-env --allow-sys --allow-ffi --allow-net=huggingface.co,*.huggingface.co,*.hf.co
/**
 * Which way does a prompt take through the dictionaries of every layer?
 *
 * Grows dictionaries of every layer and assigns each token of held-out prompts to its region at each of them: a discrete
 * path. The control: the same prompts with their tokens shuffled, so that every token keeps its identity but loses its
 * context. Asks how much of the path is decided by the token alone, and whether tokens that share a region go on together.
 *
 *     deno task run experiments/paths.ts --percentiles 8 --prompt "The capital of France is Paris."
 *
 * Leaves in `--out`: `path.arrow` (a row for every token of the shown prompt, in order and shuffled, and layer: region,
 * distance, logit lens of the region), `layers.arrow` (a row for every seed, percentile and layer: share of tokens in the
 * same region when shuffled, and of pairs of tokens in one region), `steps.arrow` (for every seed, percentile and step
 * between layers: share of pairs that stay together); the charts `path`, `context` and `together`; `report.html`;
 * `run.json`.
 */
import {
  encodeBeginning,
  extract,
  type ExtractProgress,
  shuffledTokens,
  type TokenIds,
} from "../src/activations/mod.ts";
import { lensOfRegions, samePlaces, tracePaths } from "../src/analysis/mod.ts";
import type { Growth } from "../src/partition/mod.ts";
import { middleOf } from "../src/report/mod.ts";
import {
  calibrated,
  experiment,
  grow,
  noteCut,
  openModel,
  readAllFlag,
  readingFlags,
  readTexts,
  seedsFlag,
  windowFlags,
  windowsBy,
  WITHOUT_TEMPLATE,
} from "../src/run/mod.ts";
import { pathsOutcome } from "./lib/paths/outcome.ts";
import { joined, type PathRows, pathRows, type ShownPath, type ShownTokens } from "./lib/paths/rows.ts";

/** Tokens that are read off a region. */
const LENS_TOKENS = 5;

await experiment({
  name: "paths",
  question: "Which way does a prompt take through the dictionaries of every layer?",
  description:
    "Follows each token of held-out prompts through the regions of every layer, beside the same prompts with their " +
    "tokens shuffled. The embedded model takes four to five minutes; Gemma-2-2B with all 26 layers on 400k tokens hours on " +
    "a CPU, minutes on a GPU.",
  defaults: { percentiles: [2, 4, 8, 16] },
  without: WITHOUT_TEMPLATE,
  flags: {
    seeds: seedsFlag(2, "runs (stream order, order of shuffled tokens)"),
    prompt: { type: "string", help: "text whose path is shown; the first held-out one if not given" },
    shown: { type: "integer", default: 32, min: 3, help: "tokens of the shown prompt, <bos> included" },
    prompts: { type: "integer", default: 100, min: 1, help: "held-out prompts that are measured at most" },
    split: { type: "string", default: "train", help: "rows of --corpus to build on, by their field `split`" },
    heldout: { type: "string", default: "heldout", help: "rows of --corpus to follow, by their field `split`" },
    ...readingFlags({ calibration: 40_000, context: 128, batch: 128 }),
    ...windowFlags(),
    readAll: readAllFlag(),
  },
  examples: [
    ["", "the embedded model, all layers"],
    ["--model onnx-community/Qwen3-0.6B-ONNX --dtype fp16 --percentiles 4,8 --corpus pile.jsonl", "a model of the hub"],
  ],
}, async (run) => {
  const { flags, manifest, progress } = run;
  const { corpus, percentiles } = flags;
  await using opened = await openModel(run);
  const { backend, model, layers, context } = opened;
  const heldout = await Array.fromAsync(readTexts(run, corpus, { where: { split: flags.heldout } }));
  const followed = heldout.slice(0, flags.prompts);
  noteCut(run, opened, followed, "held-out prompts");
  const prompts = followed.map(({ id, text }) => ({ id, tokens: encodeBeginning(model, text, context) }));
  const shownText = flags.prompt ?? heldout[0].text;
  const shownPrompt = { id: "shown", tokens: encodeBeginning(model, shownText, Math.min(flags.shown, context)) };
  const onProgress = ({ texts }: ExtractProgress) => progress.note(`${texts} prompts`);
  const trace = (growths: readonly Growth[], prompts: readonly TokenIds[]) =>
    tracePaths(extract(model, prompts, { layers, backend, context, onProgress }), growths);

  const showTokens = async (growths: readonly Growth[], prompt: TokenIds): Promise<ShownTokens> => {
    const ids = Array.from(prompt.tokens).slice(1);
    const texts = ids.map((token) => model.decode([token], { skipSpecial: false }));
    return { ids, texts, traces: await trace(growths, [prompt]) };
  };
  const showPath = async (growths: readonly Growth[], percentile: number, seed: number): Promise<ShownPath> => {
    const own = growths.filter((growth) => growth.percentile === percentile);
    const inOrder = await showTokens(own, shownPrompt);
    const outOfOrder = await showTokens(own, shuffledTokens([shownPrompt], seed)[0]);
    const lens: Map<number, readonly string[]>[] = [];
    for (const [i, { dictionary }] of own.entries()) {
      const passed = [inOrder, outOfOrder].flatMap(({ traces }) => traces[i].regions);
      lens.push(await lensOfRegions(model, dictionary, passed, LENS_TOKENS));
    }
    return { percentile, layers: own.map(({ layer }) => layer), inOrder, shuffled: outOfOrder, lens };
  };

  const followOrder = async (seed: number): Promise<{ rows: PathRows; shown?: ShownPath }> => {
    const plan = {
      ...{ backend, model, layers, seed },
      texts: await Array.fromAsync(readTexts(run, corpus, { where: { split: flags.split } })),
      corpus: `${corpus}, split ${flags.split}`,
      files: [corpus],
      reading: { context, batchPrompts: flags.batch, ...windowsBy(flags) },
      label: flags.seeds > 1 ? `${seed}: ` : "",
    };
    using grown = await grow(run, { ...plan, calibrations: await calibrated(run, plan, flags) });
    const { growths } = grown;
    const shuffledPrompts = shuffledTokens(prompts, seed);
    const compare = async () => {
      const [inOrder, outOfOrder] = [await trace(growths, prompts), await trace(growths, shuffledPrompts)];
      return pathRows(seed, growths, inOrder, outOfOrder, samePlaces(prompts, shuffledPrompts));
    };
    const rows = await run.kept(`paths in order ${seed}`, () => manifest.time("trace", compare));
    const middle = middleOf(percentiles);
    const show = () => manifest.time("show", () => showPath(growths, middle, seed));
    return { rows, shown: seed === flags.seed ? await show() : undefined };
  };
  const orders: Awaited<ReturnType<typeof followOrder>>[] = [];
  for (const seed of run.seeds) orders.push(await run.kept(`order ${seed}`, () => followOrder(seed)));
  return pathsOutcome(flags, joined(orders.map(({ rows }) => rows)), orders[0].shown!);
});
