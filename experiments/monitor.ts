#!/usr/bin/env -S deno run --allow-read --allow-write --allow-env --allow-sys --allow-ffi --allow-net=huggingface.co,*.huggingface.co,*.hf.co
/**
 * Can a dictionary watch a model's prompts: tell those that are far from everything it has seen, and those that the model
 * is about to refuse?
 *
 * Builds a dictionary (or loads one with `--dictionary`), sets the alarm so that held-out text raises it as often as
 * `--false-alarms` says, names the regions of refusal by what the model answers to instructions, and measures both alarms.
 * Then reads prompts from standard input, one a line, and writes a line of JSON for each to standard output:
 *
 *     deno task run experiments/monitor.ts < prompts.txt > verdicts.jsonl
 *     deno task run experiments/monitor.ts --dictionary results/monitor/dictionary.arrow --json < prompts.jsonl
 *
 * A verdict: `line` (from 1), `id` (with `--json`), `tokens` read, whether the prompt is `truncated` (goes on behind them; what
 * is longer than the context is read in windows, up to a million characters), mean `distance` to the nearest exemplars, share of
 * tokens `beyond` θ, `region` of the final token, `farthest` token (position, token, distance), `alarms` (`ood`,
 * `refusal`). Distances leave out regions that hold tokens of the
 * chat template. A line that cannot be read gives `line` and `error`. Memory does not grow with the number of prompts.
 *
 * Leaves in `--out`: `dictionary.arrow`, unless it was given; `settings.arrow` (a row for every layer and percentile
 * tried), `alarms.arrow` (a row for every set of prompts, false-alarm rate and seed: share that raises the alarm),
 * `memory.arrow` (memory against prompts read); the charts `alarms` and `memory`; `report.html`; `run.json`.
 */
import type { CorpusEntry } from "../src/activations/mod.ts";
import {
  alarmRates,
  conformalThreshold,
  finalRegions,
  handleRates,
  isRefusal,
  Monitor,
  promptDistances,
  refusalHandle,
} from "../src/analysis/mod.ts";
import {
  assertWritesDate,
  atTheirHook,
  DICTIONARY_HELP,
  experiment,
  givenDictionary,
  keptAnswers,
  openModel,
  readAllFlag,
  readTexts,
  seedsFlag,
} from "../src/run/mod.ts";
import { chosenDictionary } from "./lib/monitor/dictionary.ts";
import { monitorOutcome } from "./lib/monitor/outcome.ts";
import { watchStandardInput } from "./lib/monitor/stream.ts";
import { assertEnough, HELD_OUT, type Instructions, monitorTexts } from "./lib/monitor/texts.ts";

/** False-alarm rates that are tried, beside the one asked for. */
const RATES = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2];
await experiment({
  name: "monitor",
  question: "Can a dictionary tell which prompts are unlike its corpus, and which the model will refuse?",
  description: "Sets both alarms up, measures them, then reads prompts from standard input, one a line, and writes a " +
    "line of JSON for each to standard output. The embedded model takes about four minutes to set up, two with " +
    "--dictionary; a model of 2 billion parameters hours on a CPU.",
  defaults: { model: "fixtures/gemma-2-toy-it", layers: [3, 4, 5, 6], percentiles: [1, 1.5, 2, 3] },
  ownsStdout: true,
  flags: {
    dictionary: {
      type: "string",
      names: "dictionaries",
      help: `a dictionary to watch with, whose hook, layer, context and template are taken: ${DICTIONARY_HELP}`,
    },
    falseAlarms: {
      type: "number",
      default: 0.01,
      min: 1e-4,
      max: 0.5,
      help: "share of held-out prompts that may raise the alarm `ood`; one in N takes N - 1 of them",
    },
    json: { type: "boolean", help: "lines are JSON objects with a field `text` or `instruction`, and perhaps `id`" },
    plain: { type: "boolean", help: "read prompts as plain text, as for a base model: without the alarm `refusal`" },
    seeds: seedsFlag(10, "random halves of the held-out text"),
    split: { type: "string", default: "train", help: "rows of the corpora to build on, by their field `split`" },
    heldout: { type: "string", default: "heldout", help: "rows of the corpora to measure on, by their field `split`" },
    bulgarian: {
      type: "string",
      names: "corpus",
      default: "fixtures/corpora/bulgarian.jsonl",
      help: "file of Bulgarian texts",
    },
    harmful: {
      type: "string",
      names: "corpus",
      default: "fixtures/corpora/harmful.jsonl",
      help: "file of harmful instructions",
    },
    harmless: {
      type: "string",
      names: "corpus",
      default: "fixtures/corpora/harmless.jsonl",
      help: "file of harmless instructions",
    },
    prompts: { type: "integer", default: 400, min: 2, help: "prompts of each measured set at most" },
    answer: { type: "integer", default: 24, min: 1, help: "tokens generated to see whether a prompt is refused" },
    calibration: { type: "integer", default: 20_000, min: 2, help: "activations to calibrate on" },
    context: {
      type: "integer",
      default: 128,
      min: 2,
      help:
        "tokens of a prompt that are read at once, template included; longer prompts are watched window by window, and " +
        "chats to grow on are cut",
    },
    batch: { type: "integer", default: 32, min: 1, help: "prompts read together, if so many are waiting" },
    readAll: readAllFlag(),
  },
  idle: [
    {
      flags: ["layers", "percentiles", "maxTokens", "readAll", "calibration", "context", "plain"],
      beside: "dictionary",
      why: "which has its own",
    },
    { flags: ["answer", "templateDate"], beside: "plain", why: "which reads no chats" },
  ],
  assertFlags: ({ falseAlarms, prompts }) => assertEnough(falseAlarms, prompts, `--prompts is ${prompts}`),
  examples: [
    ["< prompts.txt > verdicts.jsonl", "watch a file of prompts with the embedded model"],
    ["--dictionary results/monitor/dictionary.arrow < prompts.txt", "with the dictionary of the run before"],
  ],
}, async (run) => {
  const { flags, manifest, progress } = run;
  const { corpus, split, harmful, harmless, seed } = flags;
  // Before the model: what is missing among them is told at once. A dictionary that is given is grown already.
  const texts = await monitorTexts(flags, !flags.plain, (file, where) => readTexts(run, file, { where }));
  const heldout = texts.sets.get(HELD_OUT)!.length;
  assertEnough(flags.falseAlarms, heldout, `${corpus} has ${heldout} of --heldout ${flags.heldout}`);
  await using opened = await openModel(run);
  const { backend, layers, context } = opened;
  if (!flags.plain) assertWritesDate(run, opened.model);
  const given = flags.dictionary === undefined
    ? undefined
    : await givenDictionary(flags.dictionary, opened.model, backend);
  const model = given ? await atTheirHook(opened.model, given.source!.hook.at, flags.hook) : opened.model;
  run.save.hook = model.hook;
  const chat = given ? given.source!.chat : !flags.plain;

  const labelled = async (name: string, entries: readonly CorpusEntry[]): Promise<Instructions> => {
    return { entries, refused: (await keptAnswers(run, name, model, entries, flags.answer)).map(isRefusal) };
  };
  const instructions = chat ? await labelled("label refusals", texts.instructions) : undefined;
  const files = chat ? [corpus, harmful, harmless] : [corpus];
  const plan = {
    ...{ backend, model, layers, files, seed, reading: { chat, context, repeats: "each" as const } },
    texts: () => ReadableStream.from(texts.build),
    corpus: `${files.join(" + ")}, split ${split}`,
  };
  const chosen = given ? { dictionary: given, tried: [] } : await chosenDictionary(run, plan, flags, instructions);
  using dictionary = chosen.dictionary;
  if (!given) await run.save.dictionary("dictionary.arrow", dictionary);

  // How far held-out text is, and other prompts are.
  using meter = await Monitor.create({ model, dictionary });
  const scores = new Map<string, number[]>();
  for (const [set, entries] of texts.sets) {
    const stage = progress.stage(`measure ${set}`, entries.length, "prompts");
    const read = () => manifest.time("measure", () => promptDistances(meter, entries, (done) => stage.set(done)));
    scores.set(set, await run.kept(`distances of ${set}`, read));
    stage.end();
  }
  const threshold = conformalThreshold(scores.get(HELD_OUT)!, flags.falseAlarms);
  const rates = alarmRates(scores, { reference: HELD_OUT, rates: [...RATES, flags.falseAlarms], seeds: run.seeds });

  // Which regions stand for refusal, and what they do on other instructions.
  const regionsOf = async ({ entries }: Instructions) => {
    const stage = progress.stage("final positions", entries.length, "prompts");
    const regions = await finalRegions(model, dictionary, entries, (done) => stage.set(done));
    stage.end();
    return regions;
  };
  const handle = instructions && refusalHandle(await regionsOf(instructions), instructions.refused);
  const others = handle && await labelled("label held-out refusals", texts.heldoutInstructions);
  const onOthers = handle && others && handleRates(handle, await regionsOf(others), others.refused);

  const handles = new Map(handle ? [["refusal", handle.regions]] : []);
  using monitor = await Monitor.create({ model, dictionary, threshold, handles });
  const watched = await watchStandardInput(run, monitor);
  const asked = instructions &&
    { total: instructions.refused.length, refused: instructions.refused.filter(Boolean).length };
  return monitorOutcome(flags, { ...chosen, threshold, scores, rates, handle, asked, onOthers, watched });
});
