import { type ActivationBatch, Batch, describeRow } from "../activations/batch.ts";
import type { Backend, Matrix } from "../compute/backend.ts";

/**
 * Centred unit directions of a batch, `rows x dim`, on the backend; the caller disposes them.
 *
 * @param batch Activations, `rows x dim`.
 * @param center Length `dim`; it is subtracted before rows are scaled to unit length.
 * @throws {RangeError} if its rows are not of the center's length.
 * @throws {Error} if a row is not finite; names prompt, position and layer.
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

/**
 * Directions of a batch that dictionaries grow on: as {@linkcode directionsOf}, but every row must have one.
 *
 * @throws {Error} also if a row lies on the center: it would be as far from itself as from all others, and found a region
 * whenever it comes.
 */
export async function growingDirections(
  backend: Backend,
  batch: ActivationBatch,
  center: Float32Array<ArrayBuffer>,
): Promise<Matrix> {
  using made = new DisposableStack();
  const directions = made.use(await directionsOf(backend, batch, center));
  const { norms } = await backend.moments(directions);
  const row = norms.indexOf(0);
  if (row >= 0) {
    throw new Error(
      `Expected activations away from the center but ${describeRow(batch, row)} lies on it, so it has no direction: ` +
        "leave such rows out",
    );
  }
  made.move();
  return directions;
}
