#!/usr/bin/env -S deno run --allow-read --allow-write --allow-env --allow-sys --allow-ffi --allow-net=huggingface.co,*.huggingface.co,*.hf.co
/**
 * What does finetuning do to the regions of a model, beyond what another stream order does?
 *
 * Matches the dictionaries of a base and an instruct model on the same texts, and each with itself in another stream order.
 * Then partitions the same chat prompts, harmful and harmless, in both models: which regions their final tokens fall into,
 * and where in the prompts the members of the base region lie that is nearest to the refusal region.
 *
 *     deno task run experiments/drift.ts
 *
 * Leaves in `--out`: `matches.arrow` (a row a matching: median cosine, persisted, dropped, introduced at `--cut`),
 * `pairs.arrow` (a row a matched pair), `final_tokens.arrow` (a row a dictionary of chat prompts: regions of final tokens,
 * harmful shares, held-out accuracy; those that could not be built too), `final_regions.arrow` (a row a region with final
 * tokens), `refusal_regions.arrow` (a row a refusal region and its nearest); the charts `matches`, `medians`,
 * `final-tokens`, `accuracy` and `positions`; `report.html`; `run.json`.
 *
 * About five minutes on the embedded models and two cores. On Gemma-2-2B, `--texts 20000`, two layers: ten passes of 2.5 M
 * tokens, about 20 minutes on a GPU.
 */
import { shuffled } from "../src/activations/mod.ts";
import { isRefusal, keptDirections, matchOrders } from "../src/analysis/mod.ts";
import { type LanguageModel, sameTokens } from "../src/model/mod.ts";
import {
  assertWritesDate,
  contextOf,
  experiment,
  growOrders,
  keptAnswers,
  loadModelOf,
  openModel,
  partitionPrompts,
  PERCENTILE_LIMITS,
  readingFlags,
  readTexts,
  seedsFlag,
  usable,
  windowFlags,
  windowsBy,
} from "../src/run/mod.ts";
import { driftOutcome } from "./lib/drift/outcome.ts";
import { COMPARISONS, finalTokenRows, refusalRows } from "./lib/drift/rows.ts";

await experiment({
  name: "drift",
  question: "What does finetuning do to a model's regions, beyond what another stream order does?",
  description: "Matches base with instruct beside the order-noise floor; follows the final tokens of chat prompts.",
  defaults: { layers: [3, 5, 7], percentiles: [2, 4, 8] },
  without: { maxTokens: "it reads all of --texts and --prompts" },
  flags: {
    instruct: {
      type: "string",
      names: "model",
      default: "fixtures/gemma-2-toy-it",
      help: "the finetuned model; --model is the base",
    },
    texts: { type: "integer", default: 250, min: 2, help: "texts drawn from the corpus" },
    cut: { type: "number", default: 0.7, min: -1, max: 1, help: "cosine from which a pair counts as persisted" },
    seeds: seedsFlag(3, "stream orders", 2),
    chatPercentiles: {
      type: "numbers",
      default: [0.3, 1, 2, 4, 8],
      ...PERCENTILE_LIMITS,
      sorted: true,
      help: "percentiles of the dictionaries of chat prompts",
    },
    harmful: {
      type: "string",
      names: "corpus",
      default: "fixtures/corpora/harmful.jsonl",
      help: "harmful instructions",
    },
    harmless: {
      type: "string",
      names: "corpus",
      default: "fixtures/corpora/harmless.jsonl",
      help: "harmless instructions",
    },
    prompts: { type: "integer", default: 300, min: 2, help: "train instructions of either kind" },
    minMembers: { type: "integer", default: 5, min: 1, help: "final tokens that a region's share is reported from" },
    minRate: { type: "number", default: 0.3, min: 0, max: 1, help: "refusal rate of a refusal region at least" },
    newTokens: { type: "integer", default: 24, min: 1, help: "tokens generated to see whether a prompt is refused" },
    ...readingFlags({ calibration: 20_000, context: 128, batch: 128 }, "text"),
    ...windowFlags(),
  },
  examples: [
    ["", "the embedded pair, about five minutes on two cores"],
    [
      "--model google/gemma-2-2b --instruct google/gemma-2-2b-it --layers 12,20 --calibration 200k",
      "the published pair",
    ],
  ],
}, async (run) => {
  const { flags, manifest, seeds, signal } = run;
  await using opened = await openModel(run);
  const { backend, model } = opened;
  await using instruct = await loadModelOf(run, backend, flags.instruct);
  const base = sameTokens(model, instruct);
  assertWritesDate(run, instruct);
  const layers = run.layers(base.layers);
  const context = Math.min(opened.context, contextOf(run, instruct, "context"));

  // The same texts through both models, in several orders; every dictionary sees all of them.
  const texts = (await Array.fromAsync(shuffled(readTexts(run, flags.corpus), flags.seed))).slice(0, flags.texts);
  const directionsOf = async (model: LanguageModel, label: string) => {
    const corpus = `${flags.corpus}, ${texts.length} drawn with seed ${flags.seed}`;
    const reading = { context, batchPrompts: flags.batch, ...windowsBy(flags) };
    const plan = { backend, model, layers, texts, corpus, files: [flags.corpus], reading, label };
    const { calibrations } = await usable(run, { ...plan, seed: seeds[0] }, flags);
    const growing = { saturationWindow: Infinity, signal };
    return await growOrders(run, { ...plan, calibrations, growing }, seeds, keptDirections);
  };
  const baseRegions = await directionsOf(base, "base: ");
  const instructRegions = await directionsOf(instruct, "instruct: ");
  const matched = await run.kept(
    "matches",
    () => manifest.time("match", () => matchOrders(backend, baseRegions, instructRegions, flags.cut)),
  );
  const matches = matched.map((match) => ({ ...match, comparison: COMPARISONS[match.comparison] }));

  // The same chat prompts through both models.
  const promptsOf = async (split: string, limit = Infinity) => {
    const kinds = [{ file: flags.harmful, harmful: true }, { file: flags.harmless, harmful: false }];
    return (await Promise.all(kinds.map(async ({ file, harmful }) => {
      const prompts = await Array.fromAsync(readTexts(run, file, { where: { split } }));
      return prompts.slice(0, limit).map((entry) => ({ ...entry, harmful }));
    }))).flat();
  };
  const [prompts, heldout] = [await promptsOf("train", flags.prompts), await promptsOf("heldout")];
  const chat = {
    ...{ backend, layers, prompts, heldout, seeds },
    percentiles: flags.chatPercentiles,
    calibration: flags.calibration,
    corpus: `${flags.harmful} and ${flags.harmless}, first ${flags.prompts} of split train`,
    files: [flags.harmful, flags.harmless],
  };
  const basePrompts = await partitionPrompts(run, { ...chat, model: base, label: "base, chat: " });
  const instructPrompts = await partitionPrompts(run, { ...chat, model: instruct, label: "instruct, chat: " });
  const answers = await keptAnswers(run, "answer", instruct, prompts, flags.newTokens);

  const labels = {
    harmful: prompts.map(({ harmful }) => harmful),
    heldoutHarmful: heldout.map(({ harmful }) => harmful),
    refused: answers.map(isRefusal),
  };
  const baseTokens = finalTokenRows("base", basePrompts, labels, flags.minMembers);
  const instructTokens = finalTokenRows("instruct", instructPrompts, labels, flags.minMembers);
  const criteria = { members: flags.minMembers, rate: flags.minRate };
  return driftOutcome(flags, matches, {
    tokens: [...baseTokens.made, ...instructTokens.made, ...baseTokens.failed, ...instructTokens.failed],
    refusals: refusalRows(basePrompts, instructPrompts, labels, criteria),
    ...{ places: basePrompts.places, labels },
  });
});
