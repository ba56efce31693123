/** Rows of which few numbers are not zero, as sparse autoencoders make them. */

/**
 * A `rows x size` matrix without its zeros: row `r` has the values `values[offsets[r]] .. values[offsets[r + 1] - 1]`,
 * at the columns `features` of the same places.
 */
export interface SparseFeatures {
  /** Number of rows. */
  readonly rows: number;
  /** Length of a row with its zeros: how many features there are. */
  readonly size: number;
  /** Start of each row in the other two, and the end of the last; `rows + 1` long. */
  readonly offsets: Int32Array<ArrayBuffer>;
  /** Which features are active, ascending in a row. */
  readonly features: Int32Array<ArrayBuffer>;
  /** How strongly. */
  readonly values: Float32Array<ArrayBuffer>;
}

/**
 * Throws unless offsets of 32 bits can tell where rows of so many active features begin.
 *
 * @throws {RangeError} A sentence.
 */
export function assertActive(count: number): void {
  if (count < 2 ** 31) return;
  throw new RangeError(
    `Expected fewer than 2^31 active features together but found ${count}: take fewer rows at a time, or fewer features a row`,
  );
}

/** Which features are active in a row: those above their threshold, and of these the largest. */
export interface ActivationRule {
  /**
   * What each feature must exceed, at least 0; `Infinity` for one that never is active. As long as there are features.
   */
  readonly thresholds: Float32Array<ArrayBuffer>;
  /** Most active features of a row; of equal ones the lowest stay. Default: no limit. */
  readonly most?: number;
}
