import { assertActive, type SparseFeatures } from "../../compute/sparse.ts";
import { byUnit, type Firings } from "./firings.ts";

/**
 * Patterns of an SAE's features: each fires where it is active.
 *
 * @param batches Active features of consecutive batches of one stream, a row a token.
 * @throws {RangeError} if there are no batches, not all have as many features, or 2^31 or more fire.
 *
 * @example
 * ```ts
 * import { firingsOf } from "./firings.ts";
 *
 * const batch = { rows: 2, size: 3, offsets: Int32Array.of(0, 2, 3), features: Int32Array.of(0, 2, 2) };
 * const firings = activeFirings([batch, batch]);
 * if (firings.tokens !== 4 || firingsOf(firings, 0).join() !== "0,2") throw new Error(`${firings.at}`);
 * ```
 */
export function activeFirings(
  batches: readonly Pick<SparseFeatures, "rows" | "size" | "offsets" | "features">[],
): Firings {
  const units = batches[0]?.size;
  if (units === undefined || batches.some(({ size }) => size !== units)) {
    throw new RangeError(
      `Expected batches of as many features each but found ${batches.map(({ size }) => size).join(", ") || "none"}`,
    );
  }
  const offsets = new Int32Array(batches.reduce((sum, { rows }) => sum + rows, 0) + 1);
  const firings = batches.reduce((sum, { offsets, rows }) => sum + offsets[rows], 0);
  assertActive(firings);
  const fired = new Int32Array(firings);
  let [token, firing] = [0, 0];
  for (const batch of batches) {
    fired.set(batch.features.subarray(0, batch.offsets[batch.rows]), firing);
    for (let row = 1; row <= batch.rows; row++) offsets[++token] = firing + batch.offsets[row];
    firing += batch.offsets[batch.rows];
  }
  return byUnit({ units, offsets, fired });
}
