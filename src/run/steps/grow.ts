/** The part that most experiments share: texts through a model to dictionaries, with progress and timings. */
import type { CorpusEntry } from "../../activations/corpus.ts";
import { extract, type ExtractOptions, type TokenIds } from "../../activations/extract.ts";
import { describeStream, type StreamSource } from "../../activations/source.ts";
import type { StreamBatch } from "../../activations/stream.ts";
import type { Backend } from "../../compute/backend.ts";
import type { LanguageModel } from "../../model/types.ts";
import type { Calibration } from "../../partition/calibration.ts";
import { discover, type DiscoverOptions, type Discovery } from "../../partition/discover.ts";
import { calibrationsOf } from "./calibrations.ts";
import type { Run } from "../experiment.ts";
import type { Flags } from "../command/flags.ts";

/** What is grown, from what. */
export interface GrowPlan {
  readonly backend: Backend;
  readonly model: LanguageModel;
  readonly layers: readonly number[];
  /** Percentiles p; not needed where calibrations are given. */
  readonly percentiles?: readonly number[];
  /** The texts, or prompts of token ids, in stream order; or a function that reads them again. */
  readonly texts: readonly (CorpusEntry | TokenIds)[] | (() => AsyncIterable<CorpusEntry>);
  /** Name of the texts, for records: file, filter, order if not seeded. Other texts must have another name. */
  readonly corpus: string;
  /** Files that the texts come from: a calibration made before they changed is not used again. */
  readonly files: readonly string[];
  /** Seed of their order, and of the samples of members. */
  readonly seed: number;
  /** Activations to calibrate on, or calibrations made before. */
  readonly calibration: number | ReadonlyMap<number, Calibration>;
  /** How texts are read. */
  readonly reading?: Omit<ExtractOptions, "layers" | "backend" | "skipPrompts">;
  /** Looks at every batch before the dictionaries take it; it must not keep the batch. */
  readonly watch?: (batch: StreamBatch) => void | Promise<void>;
  /** How dictionaries are grown. */
  readonly growing?: Pick<DiscoverOptions, "saturationWindow" | "maxTokens" | "members" | "checkpoint" | "signal">;
  /** Put before the progress stages' names, for experiments that grow several times. */
  readonly label?: string;
}

/** Calibrates, if need be, and grows a dictionary for every layer and percentile in one pass. */
export async function grow<F extends Flags>(run: Run<F>, plan: GrowPlan): Promise<Discovery> {
  const { progress, manifest } = run;
  const { backend, seed, texts, growing, label = "" } = plan;
  const calibrations = await manifest.time("calibrate", () => calibrationsFor(run, plan));
  const { layers, percentiles, corpus } = plan;
  const name = `${label}dictionaries of layers ${layers}, p ${percentiles ?? ""}, seed ${seed}, ${corpus}`;
  const checkpoint = { onWarning: run.note, ...growing?.checkpoint ?? await run.stages.checkpoint(name) };
  const stream = new WatchedStream(plan);
  const stage = progress.stage(`${label}discover`, Array.isArray(texts) ? texts.length : undefined, "prompts");
  const discovery = await discover((skipPrompts) => stream.from(skipPrompts), calibrations, {
    ...growing,
    checkpoint,
    backend,
    seed,
    sources: sourcesOf(plan),
    onProgress: ({ prompts, regions }) => {
      stage.set(prompts);
      stage.note(`${regions} regions`);
    },
  });
  await stream.watchRest(discovery.prompts);
  stage.end();
  manifest.addSeconds("extract", discovery.secondsExtract);
  manifest.addSeconds("assign", discovery.secondsAssign);
  return discovery;
}

/** The calibrations of a plan, by layer: its own, cached ones, or measured now. */
export function calibrationsFor<F extends Flags>(
  run: Run<F>,
  plan: GrowPlan,
): Promise<ReadonlyMap<number, Calibration>> {
  const { calibration, percentiles = [], seed, backend, model, label = "" } = plan;
  if (typeof calibration !== "number") return Promise.resolve(calibration);
  return calibrationsOf({
    sources: sourcesOf(plan),
    percentiles,
    activations: calibration,
    seed,
    backend,
    weights: `${model.weights} ${model.dtype}`,
    files: [model.id, ...plan.files],
    progress: run.progress,
    note: run.note,
    label,
  }, () => streamOf(plan));
}

/** The activations of a plan's texts, after the first `skipPrompts`. */
export function streamOf(plan: GrowPlan, skipPrompts = 0): AsyncGenerator<StreamBatch> {
  const { model, texts, layers, backend, reading } = plan;
  return extract(model, typeof texts === "function" ? texts() : texts, { ...reading, layers, backend, skipPrompts });
}

/** A plan's stream with somebody who looks at it: also at what a run that goes on passes over. */
class WatchedStream {
  #seen = 0;

  constructor(private readonly plan: GrowPlan) {}

  /** The batches after the first `skipPrompts`. */
  async *from(skipPrompts: number): AsyncGenerator<StreamBatch> {
    const { watch } = this.plan;
    for await (const batch of streamOf(this.plan, watch ? 0 : skipPrompts)) {
      await watch?.(batch);
      this.#seen = batch.promptsBefore + batch.prompts.length;
      if (batch.promptsBefore < skipPrompts) batch.dispose();
      else yield batch;
    }
  }

  /** Shows the watcher what was grown on before, where growing had nothing left to read. */
  async watchRest(prompts: number): Promise<void> {
    if (!this.plan.watch || this.#seen >= prompts) return;
    for await (const batch of streamOf(this.plan)) {
      const isOver = batch.promptsBefore >= prompts;
      if (!isOver) await this.plan.watch(batch);
      batch.dispose();
      if (isOver) break;
    }
  }
}

/** What each layer of a plan is read from. */
function sourcesOf({ model, layers, corpus, reading }: GrowPlan): Map<number, StreamSource> {
  return new Map(layers.map((layer) => [layer, describeStream({ ...reading, model, layer, corpus })]));
}
