/** What a calibration was measured on, beyond its numbers: what a reader should know before trusting its thresholds. */
import { describeRow, type Provenance } from "../activations/batch.ts";

/** Norms and repetitions of the activations that a calibration saw. */
export interface CalibrationSample {
  /** Median norm of the activations. */
  readonly medianNorm: number;
  /** The largest norm. */
  readonly largestNorm: number;
  /** Activations of more than {@linkcode MASSIVE} times the median norm, such as those of attention sinks. */
  readonly massive: number;
  /** Activations left out, because their norm was more than `maxNorm` times the median. */
  readonly masked: number;
  /** Share of the pairs within batches that are of the same tokens, 0..1; `null` if the stream does not tell. */
  readonly identicalPairs: number | null;
}

/** Times the median norm from which on an activation counts as massive (dictionary_learning's `max_activation_norm_multiple`). */
export const MASSIVE = 10;
/**
 * What outweighs the rest: activations of more than so many times the median norm that are together as long as that share
 * of all at the median. Few that are absurd are an error; many that are massive may be the model's, up to where they make
 * the center theirs.
 */
const OVERWHELMING = [{ times: 10 * MASSIVE, share: 0.1 }, { times: MASSIVE, share: 0.5 }];

/** The rows of one batch, for what is said of them. */
export interface SampledRows {
  /** Norm of each. */
  readonly norms: Float32Array;
  /** Where they come from. */
  readonly provenance?: Provenance;
}

/** The middle norm; of an even number the upper of the two in the middle, which is a norm that there is. */
export function medianNorm(batches: readonly SampledRows[]): number {
  const norms = Float32Array.from(batches.flatMap((batch) => [...batch.norms])).sort();
  return norms[norms.length >> 1];
}

/** Sums up what was sampled. */
export function sampleOf(batches: readonly SampledRows[], masked: number): CalibrationSample {
  const median = medianNorm(batches);
  const count = (limit: number) =>
    batches.reduce((sum, { norms }) => sum + norms.reduce((more, norm) => more + Number(norm > limit), 0), 0);
  return {
    medianNorm: median,
    largestNorm: batches.reduce((most, { norms }) => norms.reduce((a, b) => Math.max(a, b), most), 0),
    massive: count(MASSIVE * median),
    masked,
    identicalPairs: identicalPairs(batches),
  };
}

/**
 * Throws if long activations outweigh the rest, as many attention sinks or one value that overflowed do: the center is
 * drawn to them, all others then lie in one direction from it, and thresholds shrink.
 */
export function assertNoneOverwhelms(batches: readonly SampledRows[]): void {
  const median = medianNorm(batches);
  const rows = batches.reduce((sum, { norms }) => sum + norms.length, 0);
  for (const { times, share } of OVERWHELMING) {
    let [total, count, largest, place] = [0, 0, 0, ""];
    for (const { norms, provenance } of batches) {
      norms.forEach((norm, row) => {
        if (norm <= times * median) return;
        total += norm;
        count++;
        if (norm <= largest) return;
        [largest, place] = [norm, describeRow({ provenance }, row)];
      });
    }
    // Of zeros the median is 0, and whatever is longer infinitely long.
    if (median === 0 || total <= share * rows * median) continue;
    throw new Error(
      `Expected activations of similar norm but ${count} of ${rows} have more than ${times} times the median, and draw ` +
        `the center to them: the largest norm, ${largest.toPrecision(4)} beside a median of ${
          median.toPrecision(4)
        }, is ` +
        `of ${place}. Leave massive ones out (maxNorm 10, --max-norm 10x), or look for an overflow (float16 ends at 65504)`,
    );
  }
}

/** Share of the pairs within batches whose rows have the same tokens up to them, in one reading; `null` without provenance. */
function identicalPairs(batches: readonly SampledRows[]): number | null {
  let [same, all] = [0, 0];
  for (const { norms, provenance } of batches) {
    if (!provenance) return null;
    all += pairs(norms.length);
    const counts = new Map<string, number>();
    const prefixes = new Map<number, string[]>();
    norms.forEach((_, row) => {
      const prompt = provenance.prompt[row];
      if (!prefixes.has(prompt)) prefixes.set(prompt, prefixKeys(provenance.prompts[prompt].tokens));
      const key = prefixes.get(prompt)![provenance.position[row]];
      counts.set(key, (counts.get(key) ?? 0) + 1);
    });
    for (const count of counts.values()) same += pairs(count);
  }
  return all === 0 ? null : same / all;
}

const pairs = (count: number) => count * (count - 1) / 2;

/** For each position, what tells the tokens up to it apart: two hashes of 32 bits. */
function prefixKeys(tokens: Int32Array): string[] {
  let [a, b] = [0x811c9dc5, 0x9e3779b9];
  return Array.from(tokens, (token) => {
    a = Math.imul(a ^ token, 0x01000193) >>> 0;
    b = Math.imul(b + token + 1, 0x85ebca6b) >>> 0;
    b = (b ^ (b >>> 15)) >>> 0;
    return `${a} ${b}`;
  });
}
