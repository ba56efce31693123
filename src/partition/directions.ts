import type { ActivationBatch } from "../activations/batch.ts";
import { describeRow } from "../activations/stream.ts";
import { type Backend, type Matrix, NonFiniteRowError } from "../compute/backend.ts";

/** Runs `task` with the batch's values on a backend, uploaded for the time if they are not there. */
export async function withMatrix<T>(
  backend: Backend,
  batch: ActivationBatch,
  task: (x: Matrix) => Promise<T>,
): Promise<T> {
  const own = batch.matrix?.backend === backend.name;
  const matrix = own ? batch.matrix! : backend.upload(hostValues(batch), batch.rows, batch.dim);
  try {
    return await task(matrix);
  } catch (error) {
    if (error instanceof NonFiniteRowError) {
      throw new Error(
        `Expected finite activations but found NaN or an infinity in ${describeRow(batch, error.row)}: ` +
          "check the model's dtype (float16 overflows) and the prompt",
        { cause: error },
      );
    }
    throw error;
  } finally {
    if (!own) matrix.dispose();
  }
}

/** Host values of a batch; one that lives on another backend must be downloaded by its owner. */
export function hostValues(batch: ActivationBatch): Float32Array<ArrayBuffer> {
  if (!batch.data) {
    throw new TypeError(
      `Expected a batch with host values (data) but it lives on the ${
        batch.matrix?.backend ?? "unknown"
      } backend only: ` +
        "give the dictionary that backend, or extract to the host",
    );
  }
  return batch.data;
}

/**
 * Centred unit directions of a batch, `rows x dim`, on the backend.
 *
 * @throws {RangeError} if its rows are not of the center's length.
 * @throws {Error} if a row is not finite; names prompt, position and layer.
 */
export function directionsOf(
  backend: Backend,
  batch: ActivationBatch,
  center: Float32Array<ArrayBuffer>,
): Promise<Matrix> {
  if (batch.dim !== center.length) {
    throw new RangeError(
      `Expected activations of length ${center.length}, as the dictionary was calibrated, but found ${batch.dim}`,
    );
  }
  return withMatrix(backend, batch, (x) => backend.directions(x, center));
}
