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
import { encodeBeginning, readCorpus, shuffled, shuffledTokens } from "../src/activations/mod.ts";
import { contextOf, experiment, grow, openModel } from "../src/run/mod.ts";
import { measurePaths, type PathsMeasured, type ShownPath, showPath } from "./lib/paths/measure.ts";
import { reportPaths } from "./lib/paths/report.ts";

await experiment({
  name: "paths",
  question: "Which way does a prompt take through the dictionaries of every layer?",
  description:
    "Follows each token of held-out prompts through the regions of every layer, beside the same prompts with their " +
    "tokens shuffled. The embedded model takes one to two minutes; Gemma-2-2B with all 26 layers on 400k tokens hours on " +
    "a CPU, minutes on a GPU.",
  defaults: { percentiles: [2, 4, 8, 16] },
  flags: {
    seeds: {
      type: "integer",
      default: 2,
      min: 1,
      help: "runs, from --seed on: stream order, order of shuffled tokens",
    },
    prompt: { type: "string", help: "text whose path is shown; the first held-out one if not given" },
    shown: { type: "integer", default: 32, min: 3, help: "tokens of the shown prompt, <bos> included" },
    prompts: { type: "integer", default: 100, min: 1, help: "held-out prompts that are measured at most" },
    split: { type: "string", default: "train", help: "rows of --corpus to build on, by their field `split`" },
    heldout: { type: "string", default: "heldout", help: "rows of --corpus to follow, by their field `split`" },
    calibration: { type: "integer", default: 40_000, min: 2, help: "activations to calibrate on" },
    context: { type: "integer", default: 128, min: 2, help: "tokens that a prompt is cut to, <bos> included" },
    batch: { type: "integer", default: 128, min: 1, help: "prompts of a batch; thresholds depend on it" },
  },
  examples: [
    ["", "the embedded model, all layers"],
    ["--model onnx-community/Qwen3-0.6B-ONNX --dtype fp16 --percentiles 4,8 --corpus pile.jsonl", "a model of the hub"],
  ],
}, async (run) => {
  const { flags, manifest } = run;
  const { corpus, percentiles } = flags;
  const { backend, model } = await openModel(run);
  const context = contextOf(run, model, "context");
  const layers = run.layers(model.layers);
  const heldout = (await Array.fromAsync(readCorpus(corpus, { where: { split: flags.heldout } }))).slice(
    0,
    flags.prompts,
  );
  const prompts = heldout.map(({ id, text }) => ({ id, tokens: encodeBeginning(model, text, context) }));
  const text = flags.prompt ?? heldout[0].text;
  const shownPrompt = { id: "shown", tokens: encodeBeginning(model, text, Math.min(flags.shown, context)) };

  const followOrder = async (seed: number): Promise<{ measured: PathsMeasured[]; shown?: ShownPath }> => {
    const { growths } = await grow(run, {
      backend,
      model,
      layers,
      percentiles,
      texts: await Array.fromAsync(shuffled(readCorpus(corpus, { where: { split: flags.split } }), seed)),
      corpus: `${corpus}, split ${flags.split}`,
      files: [corpus],
      seed,
      calibration: flags.calibration,
      reading: { context, batchPrompts: flags.batch },
      growing: { maxTokens: flags.maxTokens },
      label: flags.seeds > 1 ? `${seed}: ` : "",
    });
    const tracing = { backend, model, growths, context };
    const shuffledPrompts = shuffledTokens(prompts, seed);
    const measured = await run.kept(
      `paths in order ${seed}`,
      () => manifest.time("trace", () => measurePaths(seed, tracing, prompts, shuffledPrompts)),
    );
    const percentile = percentiles[percentiles.length >> 1];
    const shown = seed === flags.seed
      ? await showPath(tracing, percentile, shownPrompt, shuffledTokens([shownPrompt], seed)[0])
      : undefined;
    for (const { dictionary } of growths) dictionary.dispose();
    return { measured, shown };
  };
  const orders: { measured: PathsMeasured[]; shown?: ShownPath }[] = [];
  for (let seed = flags.seed; seed < flags.seed + flags.seeds; seed++) {
    orders.push(await run.kept(`order ${seed}`, () => followOrder(seed)));
  }
  await model.dispose();
  await manifest.time("report", () => reportPaths(run, orders.flatMap(({ measured }) => measured), orders[0].shown!));
});
