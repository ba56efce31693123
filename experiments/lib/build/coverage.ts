/** How much of text that dictionaries did not grow on lies within their thresholds. */
import type { ExtractProgress, Text } from "../../../src/activations/mod.ts";
import { type Coverage, coverages } from "../../../src/analysis/mod.ts";
import type { Discovery } from "../../../src/partition/mod.ts";
import { type Flags, type GrowPlan, type Run, streamOf, textsInOrder } from "../../../src/run/mod.ts";

/** What coverage is measured on, from the best down: the first that there is. */
export const MEASURED_ON = ["held-out texts", "texts that were not read", "what was read"] as const;

/** The coverage of a build's dictionaries. */
export interface MeasuredCoverage {
  readonly on: typeof MEASURED_ON[number];
  /** Texts that were read for it. */
  readonly texts: number;
  /** By dictionary. */
  readonly coverages: readonly Coverage[];
}

/** Texts that are read for it: a tenth of those that dictionaries grew on, within these bounds, and a tenth of the tokens. */
const [LEAST_TEXTS, MOST_TEXTS, LEAST_TOKENS] = [50, 1000, 10_000];

/**
 * Measures how much the dictionaries cover: of held-out texts if there are some, else of texts of the corpus that were
 * left unread, else of what they grew on.
 *
 * @param heldOut Texts that the plan does not read; may be none.
 */
export async function measureCoverage<F extends Flags>(
  run: Run<F>,
  plan: GrowPlan,
  discovery: Discovery,
  heldOut: readonly Text[],
): Promise<MeasuredCoverage> {
  const most = Math.min(MOST_TEXTS, Math.max(LEAST_TEXTS, Math.ceil(discovery.texts / 10)));
  const maxTokens = Math.max(LEAST_TOKENS, Math.ceil(discovery.tokens / 10));
  const { seed, calibrations } = plan;
  const layers = [...calibrations.keys()];
  const unread = discovery.ended === "stream" ? Infinity : discovery.texts;
  for (
    const { on, from, open } of [
      { on: MEASURED_ON[0], from: 0, open: () => textsInOrder({ texts: heldOut, seed }) },
      { on: MEASURED_ON[1], from: unread, open: () => textsInOrder(plan) },
    ]
  ) {
    const texts = () => slice(open(), from, from + most);
    if (from === Infinity || await isEmpty(texts())) continue;
    const stage = run.progress.stage(`coverage of ${on}`, most, "texts");
    let count = 0;
    const onProgress = (read: ExtractProgress) => {
      run.signal.throwIfAborted();
      count = read.texts;
      stage.set(count, undefined, read.inTexts);
      stage.budget(read.tokens, maxTokens, "tokens");
    };
    const stream = streamOf({ ...plan, layers, texts, reading: { ...plan.reading, maxTokens, onProgress } });
    const measure = () => coverages(discovery.growths, stream, { calibrations });
    const measured = await run.manifest.time("coverage", measure);
    stage.end();
    if (measured.every(({ activations }) => activations > 0)) return { on, texts: count, coverages: measured };
  }
  return { on: MEASURED_ON[2], texts: discovery.texts, coverages: discovery.growths.map(ofWhatWasRead) };
}

/** Whether there is no text: long ones take turns, so that all can have been begun where not all was read. */
async function isEmpty(texts: AsyncGenerator<unknown>): Promise<boolean> {
  const { done = false } = await texts.next();
  await texts.return(undefined);
  return done;
}

async function* slice<T>(texts: AsyncIterable<T>, from: number, to: number): AsyncGenerator<T> {
  let index = 0;
  for await (const text of texts) {
    if (index >= to) return;
    if (index++ >= from) yield text;
  }
}

/** Of what it grew on, all but what came when it founded no more and lies beyond the threshold. */
function ofWhatWasRead({ dictionary: { activations, beyond } }: Discovery["growths"][number]): Coverage {
  return { activations, within: activations - beyond, coverage: (activations - beyond) / activations };
}
