/** What a calibration has run through the model, kept for the dictionaries that are grown on the same stream. */
import type { ExtractProgress } from "../../activations/extract.ts";
import type { StreamBatch } from "../../activations/stream.ts";
import { type ReadPlan, streamOf } from "./streams.ts";

/** Part of the machine's memory that is taken, and the most. */
const [SHARE, MOST_BYTES] = [1 / 8, 2 ** 31];

/** A batch, and how far the stream was read with it. */
interface Kept {
  readonly batch: StreamBatch;
  readonly read: ExtractProgress;
}

/** The first batches of one stream. */
export class KeptBatches {
  #plan?: ReadPlan;
  readonly #kept: Kept[] = [];

  /** @param mostBytes Most memory that is taken; default an eighth of the machine's, up to 2 GiB. */
  constructor(readonly mostBytes: number = Math.min(MOST_BYTES, SHARE * Deno.systemMemoryInfo().total)) {}

  /**
   * A plan's stream, of which the first batches are kept; whoever takes them from it does not dispose them. Those of another
   * stream, kept before, are given up.
   */
  async *keep(plan: ReadPlan): AsyncGenerator<StreamBatch> {
    giveUp(this.#kept.splice(0));
    this.#plan = plan;
    let read: ExtractProgress | undefined;
    const onProgress = (state: ExtractProgress) => {
      read = state;
      plan.reading?.onProgress?.(state);
    };
    let left = this.mostBytes;
    for await (const batch of streamOf({ ...plan, reading: { ...plan.reading, onProgress } })) {
      left -= [...batch.batches.values()].reduce((sum, { rows, dim }) => sum + 4 * rows * dim, 0);
      const isKept = left >= 0 && !batch.isPart;
      if (isKept) this.#kept.push({ batch, read: read! });
      // What follows on a gap could not be used.
      else left = -Infinity;
      yield isKept ? lent(batch) : batch;
    }
  }

  /**
   * A plan's stream after the first `skipPrompts` prompts: what is kept of it, then what the model gives. The kept batches
   * are the caller's to dispose from then on.
   */
  async *stream(plan: ReadPlan, skipPrompts: number): AsyncGenerator<StreamBatch> {
    let prompts = skipPrompts;
    const { maxTokens = Infinity, maxPrompts = Infinity, onProgress } = plan.reading ?? {};
    if (this.#plan && isSameStream(this.#plan, plan)) {
      // Whoever reads the stream again has all of it from the model.
      const kept = this.#kept.splice(0);
      try {
        while (kept.length > 0) {
          const { batch, read } = kept[0];
          // A batch in which a budget ends is shorter: the model runs it in other passes, whose last digits differ.
          if (read.tokens > maxTokens || read.prompts > maxPrompts) break;
          kept.shift();
          if (batch.promptsBefore < skipPrompts) {
            batch.dispose();
            // Batches of a stream that begins within one are cut otherwise than those that are kept.
            if (read.prompts > skipPrompts) break;
            continue;
          }
          onProgress?.(read);
          prompts = read.prompts;
          yield batch;
          // As the model's own stream, which ends with the prompt that reaches a budget.
          if (read.tokens >= maxTokens || read.prompts >= maxPrompts) return;
        }
      } finally {
        // Before the model goes on, and where the reader leaves: a dictionary may be saturated.
        giveUp(kept);
      }
    }
    yield* streamOf(plan, prompts);
  }
}

const ofRuns = new WeakMap<object, KeptBatches>();

/** What a run keeps. */
export function keptBatches(run: object): KeptBatches {
  const kept = ofRuns.get(run) ?? new KeptBatches();
  ofRuns.set(run, kept);
  return kept;
}

function giveUp(kept: readonly Kept[]): void {
  for (const { batch } of kept) batch.dispose();
}

/** A batch that whoever takes it cannot dispose. */
function lent(batch: StreamBatch): StreamBatch {
  const none = () => {};
  return { ...batch, batches: batch.batches, dispose: none, [Symbol.dispose]: none };
}

/** Whether two plans read the same activations, as far as both read. */
function isSameStream(a: ReadPlan, b: ReadPlan): boolean {
  const described = ({ layers, seed, reading }: ReadPlan) => {
    const { maxNorm: _, maxTokens: _tokens, maxPrompts: _prompts, maxActivations: _activations, ...rest } = reading ??
      {};
    return JSON.stringify([layers, seed, rest]);
  };
  return a.texts === b.texts && a.model === b.model && a.backend === b.backend && described(a) === described(b);
}
