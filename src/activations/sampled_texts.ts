import { Random } from "../compute/random.ts";
import type { CorpusEntry } from "./corpus.ts";

/** How much of a corpus a sample may hold. */
export interface SampleBounds {
  /** Texts at most. */
  readonly texts: number;
  /** Characters of all of them at most; a longer text is held where it is the only one. */
  readonly characters: number;
  /** Seed of the sample and of its order. */
  readonly seed: number;
}

/** A text, and the number that decides whether it is kept and where it comes. */
interface Drawn<T> {
  readonly entry: T;
  readonly priority: number;
}

/**
 * A uniform sample of a corpus' texts in one pass over it, in random order: each text draws a number, and those of the
 * smallest are kept, as many as the bounds allow (bottom-k sampling). Never holds more than twice the bounds.
 *
 * @param entries The corpus; all of it is read before the first text is given.
 * @param bounds Texts and characters at most, and the seed.
 *
 * @example
 * ```ts
 * const texts = Array.from({ length: 1000 }, (_, i) => ({ text: `text ${i}` }));
 * const sample = await Array.fromAsync(sampledTexts(texts, { texts: 10, characters: 1e6, seed: 0 }));
 * if (new Set(sample).size !== 10) throw new Error(`${sample.length}`);
 * ```
 */
export async function* sampledTexts<T extends Pick<CorpusEntry, "text">>(
  entries: AsyncIterable<T> | Iterable<T>,
  { texts, characters, seed }: SampleBounds,
): AsyncGenerator<T> {
  const random = new Random(seed);
  let drawn: Drawn<T>[] = [];
  let [length, largest] = [0, Infinity];
  const prune = () => {
    drawn.sort((a, b) => a.priority - b.priority);
    length = 0;
    const kept = drawn.slice(0, texts).findIndex(({ entry }) => (length += entry.text.length) > characters);
    if (kept < 0 && drawn.length <= texts) return;
    // From the first on that is too much, and whatever is drawn later with a larger number than that one's.
    const count = Math.max(1, kept < 0 ? texts : kept);
    largest = drawn[count]?.priority ?? largest;
    drawn = drawn.slice(0, count);
    length = drawn.reduce((sum, { entry }) => sum + entry.text.length, 0);
  };
  for await (const entry of entries) {
    const priority = random.next();
    if (priority > largest) continue;
    drawn.push({ entry, priority });
    length += entry.text.length;
    if (drawn.length > 2 * texts || length > 2 * characters) prune();
  }
  prune();
  for (const { entry } of drawn) yield entry;
}
