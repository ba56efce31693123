import type { ActivationBatch } from "../activations/batch.ts";
import { onBackend } from "../activations/values.ts";
import type { Backend, Matrix } from "../compute/backend.ts";

/**
 * Centred unit directions of a batch, `rows x dim`, on the backend; the caller disposes them.
 *
 * @throws {RangeError} if its rows are not of the center's length.
 * @throws {Error} if a row is not finite; names prompt, position and layer.
 */
export async function directionsOf(
  backend: Backend,
  batch: ActivationBatch,
  center: Float32Array<ArrayBuffer>,
): Promise<Matrix> {
  if (batch.dim !== center.length) {
    throw new RangeError(
      `Expected activations of length ${center.length}, as the dictionary was calibrated, but found ${batch.dim}`,
    );
  }
  return await onBackend(batch, backend, (x) => backend.directions(x, center));
}
