/**
 * Which positions of a prompt become activations: every one after `<bos>`, or the last only (which is `<bos>` itself
 * where a prompt holds nothing else).
 */
export type Extractor = "per-position" | "final-position";

/** The names that {@link Extractor} has. */
export const EXTRACTORS: readonly Extractor[] = ["per-position", "final-position"];

/** Positions `first .. first + count - 1` of a prompt. */
export interface KeptPositions {
  readonly first: number;
  readonly count: number;
}

/** The positions that an extractor keeps of a prompt of `length` tokens, `<bos>` included. */
export function keptPositions(extractor: Extractor, length: number): KeptPositions {
  if (length === 0) return { first: 0, count: 0 };
  // Position 0 is trained models' attention sink, whatever token stands there (Xiao et al., 2023): context, no sample.
  return extractor === "per-position" ? { first: 1, count: length - 1 } : { first: length - 1, count: 1 };
}

/** Throws unless `extractor` is one. */
export function assertExtractor(extractor: string): asserts extractor is Extractor {
  if (!EXTRACTORS.includes(extractor as Extractor)) {
    throw new RangeError(`Expected the extractor ${EXTRACTORS.join(" or ")} but found ${JSON.stringify(extractor)}`);
  }
}
