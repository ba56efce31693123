/** The part that most experiments share: texts through a model to dictionaries, with progress and timings. */
import type { ExtractProgress } from "../../activations/extract.ts";
import { defaultContext, describedBy, describeStream, type StreamSource } from "../../activations/source.ts";
import type { StreamBatch } from "../../activations/stream.ts";
import { Calibration, type Pairs } from "../../partition/calibration.ts";
import { discover, type DiscoverOptions, type Discovery } from "../../partition/discover.ts";
import { type FailedSetting, usableSettings } from "../../partition/usable.ts";
import type { StreamRecord } from "../../report/manifest.ts";
import { endedBecause } from "../../report/stream_text.ts";
import type { Run } from "../experiment.ts";
import type { CommonFlags } from "../command/common_flags.ts";
import type { Flags } from "../command/flags.ts";
import { pairsNotes } from "./calibration_notes.ts";
import { calibrationsOf } from "./calibrations.ts";
import { keptBatches } from "./kept_batches.ts";
import type { ReadPlan } from "./streams.ts";

/** What is grown, from what. */
export interface GrowPlan extends ReadPlan {
  /** By layer, see {@linkcode calibrated}; layers without one are not grown. */
  readonly calibrations: ReadonlyMap<number, Calibration>;
  /** Looks at every batch before the dictionaries take it; it must not keep the batch. */
  readonly watch?: (batch: StreamBatch) => void | Promise<void>;
  /**
   * How dictionaries are grown; budget of tokens and whether all is read are `--max-tokens` and `--read-all`, if there are
   * those flags, unless they are given here.
   */
  readonly growing?: Pick<
    DiscoverOptions,
    | "saturationWindow"
    | "readAll"
    | "maxTokens"
    | "members"
    | "checkpoint"
    | "signal"
  >;
}

/** What is calibrated: percentiles p, and the activations to measure on. */
export interface CalibrationPlan {
  /** Percentiles p of the pairwise distances, 0..100. */
  readonly percentiles: readonly number[];
  /** Activations to measure on. */
  readonly calibration: number;
  /** Pairs to take distances of; default within batches as long as these tell of the sample. */
  readonly thresholdPairs?: Pairs;
  /** Why these pairs are taken, where no flag asks for them. */
  readonly because?: string;
}

/**
 * The calibrations of a plan, by layer: those of an earlier run with the same settings and files (kept in
 * `results/cache/calibration`), or measured now.
 *
 * @param run Tells its progress, and that a calibration cannot be kept.
 * @param plan What is read, through what.
 * @param what Percentiles, and activations to measure on.
 * @throws {Error} if the texts give no activations, or one that is not finite.
 *
 * @example
 * ```ts
 * import { calibrated, openModel, runExperiment } from "../mod.ts";
 *
 * const out = await Deno.makeTempDir();
 * const code = await runExperiment({ name: "thresholds", question: "", description: "" }, async (run) => {
 *   await using opened = await openModel(run);
 *   const texts = ["The cat sat on the mat."];
 *   const plan = { ...opened, texts, corpus: "one sentence", files: [], seed: 0 };
 *   const calibrations = await calibrated(run, plan, { percentiles: [10], calibration: 6 });
 *   run.manifest.findings.theta = calibrations.get(3)!.at(10).threshold;
 * }, {
 *   args: ["--layers", "3", "--device", "cpu", "--out", out, "--quiet"],
 *   print: console.log,
 *   printError: console.error,
 * });
 * if (code !== 0) throw new Error(`${code}`);
 * await Deno.remove(out, { recursive: true });
 * ```
 */
export async function calibrated<F extends Flags>(
  run: Run<F>,
  plan: ReadPlan,
  { percentiles, calibration, thresholdPairs, because }: CalibrationPlan,
): Promise<ReadonlyMap<number, Calibration>> {
  const { seed, backend, model, reading, label = "" } = plan;
  const measured = await run.manifest.time("calibrate", () =>
    calibrationsOf({
      sources: sourcesOf(plan, run),
      percentiles,
      activations: calibration,
      maxNorm: reading?.maxNorm,
      pairs: thresholdPairs,
      seed,
      backend,
      weights: `${model.weights} ${model.dtype}`,
      files: [model.id, ...plan.files],
      progress: run.progress,
      note: run.note,
      label,
      texts: textCount(plan),
    }, (onProgress) =>
      keptBatches(run).keep({ ...plan, reading: { ...reading, maxActivations: calibration, onProgress } })));
  const calibrations = new Map(
    Array.from(measured, ([layer, one]) => {
      const pairs = one.pairs && { ...one.pairs, because: because ?? one.pairs.because };
      return [layer, new Calibration({ ...one, pairs })];
    }),
  );
  const stream = label.replace(/: $/, "");
  for (const [layer, { activations, levels, pairs, sample }] of calibrations) {
    run.manifest.calibrations.push({ stream, layer, asked: calibration, activations, levels, pairs, ...sample });
  }
  for (const sentence of pairsNotes(calibrations)) run.note(`${label}${sentence}`);
  const massive = [...calibrations].filter(([, { activations, sample }]) =>
    sample && sample.massive > 0.005 * activations
  );
  for (const [layer, { activations, sample }] of massive) {
    run.note(
      `${label}${
        sample!.massive
      } of ${activations} activations in layer ${layer} have more than 10 times the median norm, ` +
        "and draw the center to them: --max-norm 10x of build and saturation leaves such ones out.",
    );
  }
  const [first] = calibrations.values();
  // Where no flag asks for a number, all that there are is what was meant.
  const seen = first && first.activations + (first.sample?.masked ?? 0);
  if (seen && seen < calibration && "calibration" in run.flags) {
    run.note(
      `${label}The calibration saw ${seen} activations, all that the texts give, not the ${calibration} ` +
        "that were asked for: its thresholds are of a smaller sample.",
    );
  }
  return calibrations;
}

/**
 * The calibrations of a plan without the percentiles that give no dictionary, and what these are: chat prompts share
 * their template's tokens, so that small percentiles of their distances are 0.
 *
 * @param run Tells its progress.
 * @param plan What is read, through what.
 * @param what Percentiles, and activations to measure on.
 * @param options `required`: whether one at least must be left; default true.
 * @returns Calibrations by layer, and the percentiles that failed, each with its reason.
 * @throws {Error} if none is left though one must be; says why.
 *
 * @example Words that repeat: most of their distances are 0
 * ```ts
 * import { openModel, runExperiment, usable } from "../mod.ts";
 *
 * const out = await Deno.makeTempDir();
 * const code = await runExperiment({ name: "usable", question: "", description: "" }, async (run) => {
 *   await using opened = await openModel(run);
 *   const texts = ["cat", "cat", "cat", "cat", "dog"];
 *   const plan = { ...opened, texts, corpus: "five words", files: [], seed: 0, reading: { context: 2 } };
 *   const { calibrations, failed } = await usable(run, plan, { percentiles: [10, 90], calibration: 5 });
 *   if (failed.length !== 1 || failed[0].percentile !== 10) throw new Error("Expected p 10 to fail");
 *   if (calibrations.get(3)?.percentiles.join() !== "90") throw new Error("Expected p 90 to give a dictionary");
 * }, {
 *   args: ["--layers", "3", "--device", "cpu", "--out", out, "--quiet"],
 *   print: console.log,
 *   printError: console.error,
 * });
 * if (code !== 0) throw new Error(`${code}`);
 * await Deno.remove(out, { recursive: true });
 * ```
 */
export async function usable<F extends Flags>(
  run: Run<F>,
  plan: ReadPlan,
  what: CalibrationPlan,
  { required = true }: { readonly required?: boolean } = {},
): Promise<{ calibrations: ReadonlyMap<number, Calibration>; failed: readonly FailedSetting[] }> {
  const { calibrations, failed } = await usableSettings(await calibrated(run, plan, what), plan.backend);
  if (calibrations.size > 0 || !required) return { calibrations, failed };
  throw new Error(`Expected a dictionary but none could be made: ${failed[0].reason}`);
}

/**
 * Grows a dictionary for every layer and percentile that is calibrated, in one pass. What they are grown to is kept now
 * and then, so that a stopped run goes on; seconds go to the manifest.
 *
 * @param run Tells its progress and keeps its state.
 * @param plan What is grown, from what.
 * @returns The dictionaries, which the caller disposes.
 * @throws {Error} if the texts give no activations, one that is not finite, or a checkpoint is of other settings.
 *
 * @example
 * ```ts
 * import { calibrateLayers } from "../../partition/mod.ts";
 * import { grow, openModel, runExperiment, streamOf } from "../mod.ts";
 *
 * const out = await Deno.makeTempDir();
 * const code = await runExperiment({ name: "sizes", question: "", description: "" }, async (run) => {
 *   await using opened = await openModel(run);
 *   const { backend, layers } = opened;
 *   const texts = ["The cat sat on the mat.", "The dog sat on the cat."];
 *   const plan = { ...opened, texts, corpus: "two sentences", files: [], seed: 0 };
 *   const options = { percentiles: [10], activations: 12, backend };
 *   const calibrations = await calibrateLayers(streamOf(plan), layers, options);
 *   using discovery = await grow(run, { ...plan, calibrations });
 *   if (!(discovery.growths[0].dictionary.size > 1)) throw new Error("Expected several regions");
 * }, {
 *   args: ["--layers", "3", "--device", "cpu", "--out", out, "--quiet"],
 *   print: console.log,
 *   printError: console.error,
 * });
 * if (code !== 0) throw new Error(`${code}`);
 * await Deno.remove(out, { recursive: true });
 * ```
 */
export async function grow<F extends Flags>(run: Run<F>, plan: GrowPlan): Promise<Discovery> {
  const { progress, manifest, flags } = run;
  const maxTokens = budgetOf(plan, flags);
  const { backend, seed, corpus, calibrations, watch, growing, label = "" } = plan;
  const layers = [...calibrations.keys()];
  const levels = [...calibrations].map(([layer, { percentiles }]) => `${layer} at ${percentiles}`).join("; ");
  const name = `${label}dictionaries of layers ${levels}, seed ${seed}, ${corpus}`;
  const checkpoint = { onWarning: run.note, ...growing?.checkpoint ?? await run.stages.checkpoint(name) };
  const stage = progress.stage(`${label}discover`, textCount(plan), "texts");
  let skipped = 0;
  const onProgress = (read: ExtractProgress) => {
    const { prompts, tokens } = read;
    if (prompts <= skipped) stage.resume(textsSoFar(read), read.inTexts);
    else stage.set(textsSoFar(read), undefined, read.inTexts);
    stage.budget(tokens, maxTokens, "tokens");
  };
  // The model reads nothing beyond the budget.
  const stream = new WatchedStream(
    { ...plan, layers, reading: { ...plan.reading, maxTokens, onProgress } },
    (plan, skipPrompts) => keptBatches(run).stream(plan, skipPrompts),
  );
  const discovery = await discover(
    (skipPrompts) => {
      skipped = watch ? 0 : skipPrompts;
      return stream.from(skipPrompts);
    },
    calibrations,
    {
      maxTokens,
      readAll: "readAll" in flags && flags.readAll === true,
      // What was grown is kept when the run is interrupted.
      signal: run.signal,
      ...growing,
      checkpoint,
      backend,
      seed,
      sources: sourcesOf({ ...plan, layers }, run),
      onProgress: ({ regions: count }) => stage.note(`${count} regions`),
    },
  );
  await stream.watchRest(discovery.prompts);
  const record = recordOf(discovery, label.replace(/: $/, ""), textCount(plan) ?? null);
  manifest.streams.push(record);
  const count = discovery.growths.reduce((sum, { dictionary }) => sum + dictionary.size, 0);
  // As the record tells them: with those that were begun.
  if (discovery.prompts > skipped) stage.set(record.texts);
  // A bar that stops early must not look like a fault.
  const isWhole = record.ended === "stream";
  stage.note(`${count} regions, ${isWhole ? "all texts read" : `stopped because ${endedBecause(record)}`}`);
  stage.end();
  if (discovery.silent) {
    run.note(
      `${label}${discovery.silent} of ${discovery.prompts} prompts gave no activation: they are of one token, or of nothing ` +
        "but what is left out.",
    );
  }
  if (stream.read?.truncated) {
    const { context = defaultContext(plan.model), chat } = plan.reading ?? {};
    run.note(
      `${stream.read.truncated} of ${stream.read.texts} texts of ${corpus} are longer than ${context} tokens: ` +
        `${chat ? "the end of the message is left out" : `the first ${context} of each are read`}.`,
    );
  }
  manifest.addSeconds("extract", discovery.secondsExtract);
  manifest.addSeconds("assign", discovery.secondsAssign);
  manifest.addSeconds("checkpoint", discovery.secondsCheckpoint);
  return discovery;
}

/** How far a discovery read its stream. */
function recordOf({ growths, ...read }: Discovery, stream: string, of: number | null): StreamRecord {
  const { texts, unfinished = 0, tokens, activations, ended } = read;
  const all = growths.map(({ dictionary }) => dictionary);
  const counting = all.filter(({ foundedUntil, activations }) => foundedUntil < activations);
  return {
    ...{ stream, texts, unfinished, of, tokens, activations, ended },
    dictionaries: all.length,
    saturated: growths.filter(({ saturated }) => saturated).length,
    foundedUntil: counting.reduce((least, { foundedUntil }) => Math.min(least, foundedUntil), activations),
    beyond: all.reduce((most, { beyond }) => Math.max(most, beyond), 0),
  };
}

/** A plan's stream with somebody who looks at it: also at what a run that goes on passes over. */
class WatchedStream {
  /** How far it was read, by this run or before; absent where this run has read nothing. */
  read?: ExtractProgress;
  #seen = 0;

  /** @param open Opens the stream of a plan after some prompts. */
  constructor(
    private readonly plan: GrowPlan,
    private readonly open: (plan: GrowPlan, skipPrompts: number) => AsyncIterable<StreamBatch>,
  ) {}

  /** The batches after the first `skipPrompts`. */
  async *from(skipPrompts: number): AsyncGenerator<StreamBatch> {
    const { watch, reading } = this.plan;
    const onProgress = (read: ExtractProgress) => {
      this.read = read;
      reading?.onProgress?.(read);
    };
    const stream = this.open({ ...this.plan, reading: { ...reading, onProgress } }, watch ? 0 : skipPrompts);
    for await (const batch of stream) {
      await watch?.(batch);
      this.#seen = batch.promptsBefore + batch.prompts.length;
      if (batch.promptsBefore < skipPrompts) batch.dispose();
      else yield batch;
    }
  }

  /** Shows the watcher what was grown on before, where growing had nothing left to read. */
  async watchRest(prompts: number): Promise<void> {
    if (!this.plan.watch || this.#seen >= prompts) return;
    const reading = { ...this.plan.reading, maxPrompts: prompts };
    for await (using batch of this.open({ ...this.plan, reading }, 0)) await this.plan.watch(batch);
  }
}

/** Tokens to grow on: the plan's, or those of `--max-tokens`; no bound where an experiment reads all of its texts. */
function budgetOf({ growing }: GrowPlan, flags: Pick<CommonFlags, "maxTokens">): number {
  return growing?.maxTokens ?? ("maxTokens" in flags ? flags.maxTokens : Infinity);
}

/** Texts that were read, those that were begun together as what they make in whole ones. */
function textsSoFar({ texts, inTexts }: ExtractProgress): number {
  // Shares of one text add up to 1 but for what rounding leaves.
  return Math.max(texts, Math.floor(inTexts));
}

/** How many texts a plan has, where that is known before they are read. */
function textCount({ texts, count }: Pick<ReadPlan, "texts" | "count">): number | undefined {
  return typeof texts === "function" ? count : texts.length;
}

/** What each layer of a plan is read from. Another `--field` gives other texts, which have another name. */
function sourcesOf(
  { model, layers, corpus: name, reading }: ReadPlan,
  { flags }: { readonly flags: Pick<CommonFlags, "field"> },
): Map<number, StreamSource> {
  const corpus = flags.field === undefined ? name : `${name}, field ${flags.field}`;
  const read = describedBy(reading ?? {});
  return new Map(layers.map((layer) => [layer, describeStream({ ...read, model, layer, corpus })]));
}
