/** A corpus that is read as it comes, because it does not fit into memory: how it is sampled, and how it is mixed. */
import { type CorpusEntry, sampledTexts, shuffleBuffer } from "../../../src/activations/mod.ts";
import type { Flags, Run } from "../../../src/run/mod.ts";

/** Texts that wait to be read in a random order: some megabytes, and as many batches as most sources change in. */
const BUFFER = 4096;
/** Characters that are sampled for each activation asked for: more than a token has in any language. */
const CHARACTERS = 64;
/** Texts between two looks at whether the run is to stop. */
const LOOK = 1000;

/** What a corpus is read with. */
export interface InOrder {
  /** The corpus, through a shuffle buffer. */
  readonly stream: () => AsyncIterable<CorpusEntry>;
  /** Texts of the whole corpus in random order, enough to calibrate on. */
  readonly sample: () => AsyncIterable<CorpusEntry>;
  /** Texts of the corpus, once a sample was taken. */
  readonly count: () => number | undefined;
}

/**
 * Reads a corpus in its own order, mixed nearby, and calibrates on a sample of all of it. Says what that means for
 * saturation.
 *
 * @param entries Reads the corpus.
 */
export function readInOrder<F extends Flags>(
  run: Run<F>,
  entries: () => AsyncIterable<CorpusEntry>,
  { calibration, seed }: { readonly calibration: number; readonly seed: number },
): InOrder {
  run.note(
    `The corpus is read in its own order, through a buffer of ${BUFFER} texts. What comes late may be of another kind than ` +
      "all before, so no dictionary counts as saturated: they grow to the end of the corpus, or to --max-tokens.",
  );
  let count: number | undefined;
  async function* looked() {
    let read = 0;
    for await (const entry of entries()) {
      if (++read % LOOK === 0) {
        run.signal.throwIfAborted();
        run.progress.note(`sampling, ${read} texts read`);
      }
      yield entry;
    }
    count = read;
  }
  return {
    stream: () => shuffleBuffer(entries(), BUFFER, seed),
    count: () => count,
    // Hardly a text gives no activation, so as many texts as activations are enough.
    sample: () => sampledTexts(looked(), { texts: calibration, characters: CHARACTERS * calibration, seed }),
  };
}
