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
 * About two minutes on the embedded models and two cores. On Gemma-2-2B, `--texts 20000`, two layers: ten passes of 2.5 M
 * tokens, about 20 minutes on a GPU.
 */
import { readCorpus, shuffled } from "../src/activations/mod.ts";
import { isRefusal } from "../src/analysis/mod.ts";
import { sameTokens } from "../src/model/mod.ts";
import { experiment, growOrders, keptAnswers, loadModelOf, openModel, partitionPrompts } from "../src/run/mod.ts";
import { matchOrders, regionsOf } from "./lib/drift/matches.ts";
import { reportDrift } from "./lib/drift/report.ts";
import { finalTokens, refusalRegions } from "./lib/drift/tokens.ts";

await experiment({
  name: "drift",
  question: "What does finetuning do to a model's regions, beyond what another stream order does?",
  description: "Matches base with instruct beside the order-noise floor; follows the final tokens of chat prompts.",
  defaults: { layers: [3, 5, 7], percentiles: [2, 4, 8] },
  flags: {
    instruct: { type: "string", default: "fixtures/gemma-2-toy-it", help: "the finetuned model; --model is the base" },
    calibration: { type: "integer", default: 20_000, min: 2, help: "activations to calibrate on; published: 200k" },
    texts: { type: "integer", default: 250, min: 2, help: "texts drawn from the corpus" },
    cut: { type: "number", default: 0.7, min: -1, help: "cosine from which a pair counts as persisted" },
    seeds: { type: "integer", default: 3, min: 2, help: "stream orders, seeds from --seed on" },
    chatPercentiles: {
      type: "numbers",
      default: [0.3, 1, 2, 4, 8],
      min: 0,
      help: "percentiles of the dictionaries of chat prompts",
    },
    harmful: { type: "string", default: "fixtures/corpora/harmful.jsonl", help: "harmful instructions" },
    harmless: { type: "string", default: "fixtures/corpora/harmless.jsonl", help: "harmless instructions" },
    prompts: { type: "integer", default: 300, min: 2, help: "train instructions of either kind" },
    minMembers: { type: "integer", default: 5, min: 1, help: "final tokens that a region's share is reported from" },
    minRate: { type: "number", default: 0.3, min: 0, help: "refusal rate of a refusal region at least" },
    newTokens: { type: "integer", default: 24, min: 1, help: "tokens generated to see whether a prompt is refused" },
  },
  examples: [
    ["", "the embedded pair, about two minutes on two cores"],
    [
      "--model google/gemma-2-2b --instruct google/gemma-2-2b-it --layers 12,20",
      "the published pair",
    ],
  ],
}, async (run) => {
  const { flags, manifest, signal } = run;
  const { corpus, percentiles } = flags;
  const seeds = Array.from({ length: flags.seeds }, (_, i) => flags.seed + i);
  const { backend, model } = await openModel(run);
  const instruct = await loadModelOf(run, backend, flags.instruct);
  const base = sameTokens(model, instruct);
  const layers = run.layers(base.layers);

  // The same texts through both models, in several orders; every dictionary sees all of them.
  const texts = (await Array.fromAsync(shuffled(readCorpus(corpus), flags.seed))).slice(0, flags.texts);
  const plan = {
    backend,
    layers,
    percentiles,
    texts,
    corpus: `${corpus}, ${texts.length} drawn with seed ${flags.seed}`,
    files: [corpus],
    calibration: flags.calibration,
    growing: { saturationWindow: Infinity, signal },
  };
  const baseRegions = await growOrders(run, { ...plan, model: base, label: "base: " }, seeds, regionsOf);
  const itRegions = await growOrders(run, { ...plan, model: instruct, label: "instruct: " }, seeds, regionsOf);
  const matches = await run.kept(
    "matches",
    () => manifest.time("match", () => matchOrders(backend, baseRegions.bySeed, itRegions.bySeed, flags.cut)),
  );

  // The same chat prompts through both models.
  const read = (file: string, split: string) => Array.fromAsync(readCorpus(file, { where: { split } }));
  const kinds = [[flags.harmful, true], [flags.harmless, false]] as const;
  const [prompts, heldout] = await Promise.all(["train", "heldout"].map(async (split) => {
    const limit = split === "train" ? flags.prompts : Infinity;
    return (await Promise.all(kinds.map(async ([file, harmful]) => {
      return (await read(file, split)).slice(0, limit).map((entry) => ({ ...entry, harmful }));
    }))).flat();
  }));
  const chat = {
    backend,
    layers,
    percentiles: flags.chatPercentiles,
    prompts,
    heldout,
    corpus: `${flags.harmful} and ${flags.harmless}, first ${flags.prompts} of split train`,
    files: [flags.harmful, flags.harmless],
    calibration: flags.calibration,
    seeds,
  };
  const basePrompts = await partitionPrompts(run, { ...chat, model: base, label: "base, chat: " });
  const itPrompts = await partitionPrompts(run, { ...chat, model: instruct, label: "instruct, chat: " });

  const answers = await keptAnswers(run, "answer", instruct, prompts, flags.newTokens);
  await Promise.all([base.dispose(), instruct.dispose()]);

  const labels = {
    harmful: prompts.map(({ harmful }) => harmful),
    heldoutHarmful: heldout.map(({ harmful }) => harmful),
    refused: answers.map(isRefusal),
  };
  const { minMembers, minRate } = flags;
  await manifest.time("report", () =>
    reportDrift(run, {
      matches,
      tokens: [
        ...finalTokens("base", basePrompts, labels, minMembers),
        ...finalTokens("instruct", itPrompts, labels, minMembers),
      ],
      refusals: refusalRegions(basePrompts, itPrompts, labels, { minMembers, minRate }),
      failed: { base: basePrompts.failed, instruct: itPrompts.failed },
      places: basePrompts.places,
      labels,
    }));
});
