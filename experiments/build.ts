#!/usr/bin/env -S deno run --allow-read --allow-write --allow-env --allow-sys --allow-ffi --allow-net=huggingface.co,*.huggingface.co,*.hf.co
/**
 * What structure do a model's activations have at several depths and resolutions?
 *
 * Calibrates on the corpus, then grows one dictionary for every layer and percentile in one pass over it, until each is
 * saturated, the budget is spent or the corpus ends.
 *
 *     deno task run experiments/build.ts --layers 3 --percentiles 4,10
 *
 * Leaves in `--out`: `dictionaries/L<layer>-p<percentile>.arrow` (with `--members`, `.members.arrow`
 * beside each); `dictionaries.arrow` (a row a dictionary: size, threshold,
 * metrics), `regions.arrow` (a row a region: members, coherence, logit lens, nearest context), `growth.arrow` (a row a
 * batch); the charts `growth`, `sizes`, `coherence` and `partition`; `report.html`; `run.json`.
 */
import { readCorpus, shuffled } from "../src/activations/mod.ts";
import { describeRegions, measure } from "../src/analysis/mod.ts";
import { dictionaryFile, type Discovery, membersPath } from "../src/partition/mod.ts";
import { contextOf, experiment, type Flags, grow, openModel, type Run } from "../src/run/mod.ts";
import { reportBuild } from "./lib/build/report.ts";
import type { BuildResult } from "./lib/build/result.ts";

const FLAGS = {
  calibration: { type: "integer", default: 200_000, min: 2, help: "activations to calibrate on" },
  context: { type: "integer", default: 128, min: 2, help: "tokens that a prompt is cut to, <bos> included" },
  batch: { type: "integer", default: 128, min: 1, help: "prompts of a batch; thresholds depend on it" },
  split: { type: "string", help: "read only entries whose field `split` has this value" },
  chat: { type: "boolean", help: "read every text as a user's turn in the model's chat template" },
  inOrder: { type: "boolean", help: "read the corpus in its own order, as needed when it does not fit into memory" },
  window: {
    type: "integer",
    default: 1,
    min: 0,
    help: "saturated after more than this many batches without a founder",
  },
  members: {
    type: "integer",
    default: 0,
    min: 0,
    help: "member directions to keep of each region, a uniform sample, in a file beside its dictionary",
  },
  checkpointEvery: { type: "integer", default: 10, min: 1, help: "batches between checkpoints" },
} as const satisfies Flags;

await experiment({
  name: "build",
  question: "What structure do the model's activations have, at several depths and resolutions?",
  description: "Calibrates, grows dictionaries at several layers and percentiles in one pass, and shows their regions.",
  defaults: { layers: [2, 4, 6], maxTokens: 20e6 },
  flags: FLAGS,
  mayChange: ["maxTokens", "checkpointEvery"],
  examples: [
    ["", "the embedded model, about a minute on two cores"],
    ["--model onnx-community/Qwen3-0.6B-ONNX --dtype fp16 --layers 14 --corpus pile.jsonl", "a model of the hub"],
    ["--resume", "go on after an interruption"],
  ],
}, async (run) => {
  const { discovery, results } = await discover(run);
  // Where the task exposes it: charts begin in the memory that the model leaves, not beside it.
  (globalThis as { gc?: () => void }).gc?.();
  await run.manifest.time("report", () => reportBuild(run, discovery, results));
});

/** Grows the dictionaries and reads their regions. The model and its tokenizer are not needed beyond: charts take memory too. */
async function discover(run: Run<typeof FLAGS>): Promise<{ discovery: Discovery; results: BuildResult[] }> {
  const { flags, progress, manifest, save, signal } = run;
  const { percentiles, seed, chat, corpus } = flags;

  const { backend, model } = await openModel(run);
  const context = contextOf(run, model, "context");
  const entries = () => readCorpus(corpus, flags.split === undefined ? {} : { where: { split: flags.split } });
  const discovery = await grow(run, {
    backend,
    model,
    layers: run.layers(model.layers),
    percentiles,
    texts: flags.inOrder ? entries : await Array.fromAsync(shuffled(entries(), seed)),
    corpus: `${corpus}${flags.split ? `, split ${flags.split}` : ""}${flags.inOrder ? ", in order" : ""}`,
    files: [corpus],
    seed,
    calibration: flags.calibration,
    reading: { context, chat, batchPrompts: flags.batch },
    growing: {
      saturationWindow: flags.window,
      maxTokens: flags.maxTokens,
      members: flags.members,
      checkpoint: { ...await run.stages.checkpoint("discover"), every: flags.checkpointEvery, seconds: 0 },
      signal,
    },
  });

  const reading = progress.stage("read regions", discovery.growths.length, "dictionaries");
  const results: BuildResult[] = [];
  for (const growth of discovery.growths) {
    const { dictionary } = growth;
    const file = `dictionaries/${dictionaryFile(growth)}`;
    const write = () => save.file(file, (path) => dictionary.save(path));
    await (flags.members > 0 ? save.file(membersPath(file), write) : write());
    const regions = await manifest.time("lens", () => describeRegions(dictionary, model));
    results.push({ growth, regions, metrics: await measure(dictionary) });
    reading.advance();
  }
  reading.end();
  await model.dispose();
  return { discovery, results };
}
