/** Result rows of `neighbourhood`. */
import { type AnchorPair, ANCHORS, BETWEEN_FIGURES } from "../../../src/analysis/mod.ts";
import { LAYER, number, PERCENTILE, row, type RowOf, whole } from "../../../src/report/mod.ts";

const SETTING = row({ seed: whole("of the stream order"), layer: LAYER, percentile: PERCENTILE, ...ANCHORS });

/** One anchor pair in one dictionary. */
export const PAIR = row({ ...SETTING, ...BETWEEN_FIGURES });

/** One region between two anchors. */
export const BETWEEN = row({
  ...SETTING,
  region: whole("C, between A and B"),
  cosine: BETWEEN_FIGURES.cosine,
  cosineA: number("cos(A, C)"),
  cosineB: number("cos(C, B)"),
});

/** A row of {@linkcode PAIR}, and the regions between. */
export type PairRow = AnchorPair & { readonly seed: number; readonly layer: number };

/** The regions between the anchors of every pair. */
export function betweenRows(pairs: readonly PairRow[]): RowOf<typeof BETWEEN>[] {
  return pairs.flatMap(({ lune, ...pair }) => lune.map((between) => ({ ...pair, ...between })));
}

/** One pair in one dictionary, with the logit lens of what is shown. */
export interface Panel extends PairRow {
  /** Tokens of A, B and the shown regions between, by region. */
  readonly lens: ReadonlyMap<number, readonly string[]>;
}
