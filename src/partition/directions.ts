import { type ActivationBatch, Batch } from "../activations/batch.ts";
import type { Backend, Matrix } from "../compute/backend.ts";

/**
 * Centred unit directions of a batch, `rows x dim`, on the backend; the caller disposes them.
 *
 * Every row must have one, here and so wherever directions are compared: a row on the center would be as far from itself as
 * from all others, found a region whenever it comes, and lie at distance 1 of whatever region is asked of first. What lies
 * on the center, and which lengths can be measured, {@link "../compute/row_lengths.ts"} says, for both backends: rows of
 * length 1e-13 and 1e20 are as good as others.
 *
 * @param batch Activations, `rows x dim`.
 * @param center Length `dim`; it is subtracted before rows are scaled to unit length.
 * @throws {RangeError} if its rows are not of the center's length.
 * @throws {Error} if a row is not finite, lies on the center, or is longer than 1e30; names prompt, position and layer.
 *
 * @example
 * ```ts
 * import { openBackend } from "../compute/mod.ts";
 *
 * const backend = await openBackend("cpu");
 * const batch = { data: Float32Array.of(5, 1, 1, 9), rows: 2, dim: 2 };
 * using directions = await directionsOf(backend, batch, Float32Array.of(1, 1));
 * const values = await backend.download(directions);
 * if (values.join() !== "1,0,0,1") throw new Error(values.join());
 * ```
 */
export async function directionsOf(
  backend: Backend,
  batch: ActivationBatch,
  center: Float32Array<ArrayBuffer>,
): Promise<Matrix> {
  const taken = Batch.of(batch);
  if (taken.dim !== center.length) {
    throw new RangeError(
      `Expected activations of length ${center.length}, as the dictionary was calibrated, but found ${taken.dim}`,
    );
  }
  return await taken.on(backend, (x) => backend.directions(x, center));
}
