/** Getting at the values of a batch, wherever they are: whoever takes a batch asks here, not `data` and `matrix`. */
import { type Backend, type Matrix, NonFiniteRowError } from "../compute/backend.ts";
import { openBackend } from "../compute/open.ts";
import type { ActivationBatch } from "./batch.ts";
import { describeRow } from "./stream.ts";

/**
 * Runs `use` with the values of a batch on a backend: the batch's own matrix if it is there, else one that is uploaded
 * for the time.
 *
 * @param use Gets the values, `rows x dim`; the matrix must not be kept.
 * @throws {Error} if `use` finds a row that is not finite; names prompt, position and layer.
 *
 * @example
 * ```ts
 * import { openBackend } from "../compute/open.ts";
 *
 * const backend = await openBackend("cpu");
 * const batch = { data: Float32Array.of(1, 0, 0, 2), rows: 2, dim: 2 };
 * const { sum } = await onBackend(batch, backend, (x) => backend.moments(x));
 * if (sum.join() !== "1,2") throw new Error(`unexpected sum ${sum}`);
 * ```
 */
export async function onBackend<T>(
  batch: ActivationBatch,
  backend: Backend,
  use: (x: Matrix) => Promise<T>,
): Promise<T> {
  using made = new DisposableStack();
  const x = batch.matrix?.backend === backend.name
    ? batch.matrix
    : made.use(backend.upload(await hostValues(batch), batch.rows, batch.dim));
  try {
    return await use(x);
  } catch (error) {
    if (!(error instanceof NonFiniteRowError)) throw error;
    throw new Error(
      `Expected finite activations but found NaN or an infinity in ${describeRow(batch, error.row)}: ` +
        "check the model's dtype (float16 overflows) and the prompt",
      { cause: error },
    );
  }
}

/**
 * The values of a batch on the host, `rows x dim`: its own array if it has one (do not change it), else a download.
 *
 * @throws {TypeError} if it has none anywhere, or its matrix was disposed.
 *
 * @example
 * ```ts
 * import { openBackend } from "../compute/open.ts";
 *
 * const backend = await openBackend("cpu");
 * using matrix = backend.upload(Float32Array.of(1, 2), 1, 2);
 * const values = await hostValues({ matrix, rows: 1, dim: 2 });
 * if (values.join() !== "1,2") throw new Error(`unexpected values ${values}`);
 * ```
 */
export async function hostValues({ data, matrix }: ActivationBatch): Promise<Float32Array<ArrayBuffer>> {
  if (data) return data;
  if (matrix) return await (await openBackend(matrix.backend)).download(matrix);
  throw new TypeError(
    "Expected a batch with values on the host (data) or on a backend (matrix) but it has neither: extract it again",
  );
}
