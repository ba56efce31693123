import { assertShape, type Backend, type Matrix, NoDirectionError, NonFiniteRowError } from "../compute/backend.ts";
import { assertKind, inWords } from "../compute/kinds.ts";
import { openBackend } from "../compute/open.ts";
import { rowNumbers } from "../compute/row_numbers.ts";
import { rowsOf } from "../compute/rows_of.ts";
import { float32Values } from "./float32_values.ts";
import type { Prompt } from "./prompt.ts";
import type { StreamSource } from "./source.ts";

/** Activations as a caller has them: rows on the host, `rows x dim`, row-major. A {@linkcode Batch} is one too. */
export interface ActivationBatch {
  /** Number of activations. */
  readonly rows: number;
  /** Length of an activation. */
  readonly dim: number;
  /**
   * The values, `rows x dim`; they are read where they are, so they stay as they are while the batch is used. Values in
   * memory that is shared or may be resized are copied, and so are numbers of another kind (a `Float64Array`, an array of
   * numbers, an array of rows), which JavaScript can pass.
   */
  readonly data: Float32Array;
  /** Where each row comes from; without it regions keep no contexts. */
  readonly provenance?: Provenance;
}

/** Where the values of a batch are: on the host, on a backend, or on both. */
type Place =
  | { readonly data: Float32Array<ArrayBuffer>; readonly matrix?: Matrix }
  | { readonly data?: undefined; readonly matrix: Matrix };

/**
 * Activations of one batch, `rows x dim`, wherever they are: {@linkcode Batch.on} has them on a backend,
 * {@linkcode Batch.values} on the host, and each moves them only if they are elsewhere.
 *
 * @example
 * ```ts
 * import { openBackend } from "../compute/open.ts";
 *
 * const backend = await openBackend("cpu");
 * const batch = Batch.of({ data: Float32Array.of(1, 0, 0, 2), rows: 2, dim: 2 });
 * const { sum } = await batch.on(backend, (x) => backend.moments(x));
 * if (sum.join() !== "1,2") throw new Error(`unexpected sum ${sum}`);
 * ```
 */
export class Batch implements ActivationBatch, Disposable {
  readonly #held: Place;
  #isDisposed = false;

  private constructor(
    readonly rows: number,
    readonly dim: number,
    place: Place,
    readonly provenance?: Provenance,
  ) {
    this.#held = place;
  }

  /**
   * A batch of rows on the host, which are not copied; a batch is given as it is.
   *
   * @param backend Where the rows are wanted too: they are uploaded once, and the batch disposes what was uploaded.
   * @throws {TypeError} if there are no values, or they are no numbers.
   * @throws {RangeError} if they are not `rows x dim`, or the provenance is not of as many rows.
   */
  static of(batch: ActivationBatch, backend?: Backend): Batch {
    if (batch instanceof Batch) return batch;
    if (backend !== undefined) assertKind("the backend of a batch", backend, "backend");
    // Whatever JavaScript passes: what has no values is refused for that.
    const { rows, dim, provenance, data: values } = Object(batch) as ActivationBatch;
    const data = float32Values(values, dim);
    assertShape(data, rows, dim);
    if (provenance) assertProvenance(provenance, rows);
    return new Batch(rows, dim, { data, matrix: backend?.upload(data, rows, dim) }, provenance);
  }

  /**
   * A batch of rows on a backend.
   *
   * @param matrix The batch disposes it; who does not hand it over does not dispose the batch.
   */
  static onBackend(matrix: Matrix, provenance?: Provenance): Batch {
    assertKind("the matrix of a batch", matrix, "matrix");
    if (provenance) assertProvenance(provenance, matrix.rows);
    return new Batch(matrix.rows, matrix.dim, { matrix }, provenance);
  }

  /** Where the values are, while the batch is in use. */
  get #place(): Place {
    if (!this.#isDisposed) return this.#held;
    throw new Error("Expected a batch in use but found a disposed one: read its activations before");
  }

  /** Whether {@linkcode Batch.data} is there. */
  get isOnHost(): boolean {
    return this.#place.data !== undefined;
  }

  /**
   * The values if they are on the host, not to be changed; {@linkcode Batch.values} fetches them from wherever they are.
   *
   * @throws {Error} if they are on a backend only, or the batch was disposed.
   */
  get data(): Float32Array<ArrayBuffer> {
    const { data, matrix } = this.#place;
    if (data) return data;
    throw new Error(`Expected values on the host but they are on ${matrix.backend} only: await values() fetches them`);
  }

  /**
   * Runs `use` with the values on a backend: the batch's own matrix if it is there, else one uploaded for the time.
   *
   * @param use Gets the values, `rows x dim`; the matrix must not be kept.
   * @throws {Error} if the batch was disposed, or `use` finds a row that is not finite or has no direction; names prompt,
   * position and layer.
   */
  async on<T>(backend: Backend, use: (x: Matrix) => Promise<T>): Promise<T> {
    assertKind("the backend of on", backend, "backend");
    assertKind("the use of a batch", use, "function");
    using made = new DisposableStack();
    const { matrix } = this.#place;
    const x = matrix?.backend === backend.name
      ? matrix
      : made.use(backend.upload(await this.values(), this.rows, this.dim));
    try {
      return await use(x);
    } catch (error) {
      throw rowError(this, error);
    }
  }

  /**
   * The values on the host, `rows x dim`: the batch's own array if it has one (do not change it), else a download.
   *
   * @throws {Error} if the batch was disposed.
   */
  async values(): Promise<Float32Array<ArrayBuffer>> {
    const { data, matrix } = this.#place;
    return data ?? await (await openBackend(matrix.backend)).download(matrix);
  }

  /**
   * Some rows of the batch, where the batch is.
   *
   * @param rows Row numbers, in the order in which they are wanted.
   * @returns A batch of copies, which the caller disposes.
   * @throws {RangeError} if the batch has no such row.
   */
  async select(rows: Int32Array): Promise<Batch> {
    const { data, matrix } = this.#place;
    assertKind("rows to select", rows, "array");
    const wrong = rows.find((row) => !Number.isInteger(row) || row < 0 || row >= this.rows);
    if (wrong !== undefined) {
      throw new RangeError(`Expected rows of 0 to ${this.rows - 1} to select but found ${wrong}`);
    }
    const provenance = this.provenance && selectedProvenance(this.provenance, rows);
    if (data) {
      const { dim } = this;
      const batch = { data: rowsOf(data, dim, rows), rows: rows.length, dim, provenance };
      return Batch.of(batch, matrix && await openBackend(matrix.backend));
    }
    const backend = await openBackend(matrix.backend);
    const chosen = backend.create(this.dim, rows.length);
    backend.copyRows(matrix, rows, chosen, rowNumbers(0, rows.length));
    return Batch.onBackend(chosen, provenance);
  }

  /**
   * Gives the matrix on a backend back, if there is one; a second time it does nothing. The values are not to be had any
   * more, wherever they were.
   */
  dispose(): void {
    this.#isDisposed = true;
    this.#held.matrix?.dispose();
  }

  /** As {@linkcode Batch.dispose}, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/**
 * Throws unless these are batches, one after the other: one batch where several are meant has nothing to go through.
 *
 * @param purpose What they are for, for the message: `calibrate on`.
 */
export function assertBatches(purpose: string, batches: unknown): void {
  const object = Object(batches);
  if (typeof batches === "object" && (Symbol.iterator in object || Symbol.asyncIterator in object)) return;
  const found = "rows" in object && "dim" in object ? "one batch: put it into an array, [batch]" : inWords(batches);
  throw new TypeError(`Expected batches to ${purpose}, an array or a stream of them, but found ${found}`);
}

/** Throws unless a provenance tells where each of so many rows comes from. */
export function assertProvenance({ prompts, prompt, position, token }: Provenance, rows: number): void {
  for (const [name, values] of Object.entries({ prompt, position, token })) {
    if (values?.length === rows) continue;
    throw new RangeError(
      `Expected the provenance of ${rows} rows but its ${name} is of ${
        values?.length ?? "none"
      }: give each row's, or none`,
    );
  }
  const count = prompts?.length ?? 0;
  for (let row = 0; row < rows; row++) {
    if (!(Number.isInteger(prompt[row]) && prompt[row] >= 0 && prompt[row] < count)) {
      throw new RangeError(
        `Expected each row's prompt to be one of the ${count} of its provenance but row ${row} has number ${
          prompt[row]
        }`,
      );
    }
    const { id, tokens } = prompts[prompt[row]];
    if (Number.isInteger(position[row]) && position[row] >= 0 && position[row] < tokens.length) continue;
    throw new RangeError(
      `Expected each row's position to be one of the ${tokens.length} tokens of its prompt but row ${row} is at position ` +
        `${position[row]} of "${id}"`,
    );
  }
}

/** The provenance of some rows. */
export function selectedProvenance({ prompt, position, token, ...rest }: Provenance, rows: Int32Array): Provenance {
  const of = (values: Int32Array) => Int32Array.from(rows, (row) => values[row]);
  return { ...rest, prompt: of(prompt), position: of(position), token: of(token) };
}

/**
 * Says where a row comes from, for messages such as that of a row that is not finite: `prompt "pile.jsonl:12", position
 * 5 (" the"), layer 3`.
 *
 * @param batch The row's batch; without provenance only the row's number is known.
 * @param row Zero-based.
 */
export function describeRow({ provenance }: Pick<ActivationBatch, "provenance">, row: number): string {
  if (!provenance) return `row ${row} of a batch that does not say where its rows come from`;
  const prompt = provenance.prompts[provenance.prompt[row]];
  const position = provenance.position[row];
  const token = JSON.stringify(prompt.excerpt(position).token);
  const layer = provenance.source ? `, layer ${provenance.source.hook.layer}` : "";
  return `prompt "${prompt.id}", ${placeText(position, prompt.start)} (${token})${layer}`;
}

/** A position in words: `position 5`, and of a window further on `token 133, position 5 of the window from 128`. */
export function placeText(position: number, start = 0): string {
  return start === 0
    ? `position ${position}`
    : `token ${start + position}, position ${position} of the window from ${start}`;
}

/** What a backend says of a row, with where the row comes from; any other error as it is. */
export function rowError(batch: Pick<ActivationBatch, "provenance">, error: unknown): unknown {
  if (error instanceof NonFiniteRowError) {
    return new Error(
      `Expected finite activations but found NaN or an infinity in ${describeRow(batch, error.row)}: ` +
        "check the model's dtype (float16 overflows) and the prompt",
      { cause: error },
    );
  }
  if (!(error instanceof NoDirectionError)) return error;
  const row = describeRow(batch, error.row);
  return new Error(
    error.why === "too long"
      ? `Expected activations of a length up to 1e30 but ${row} is longer: scale them, or leave such rows out`
      : `Expected activations away from the center but ${row} lies on it, or so near that rounding decides where, so it has ` +
        "no direction: leave such rows out",
    { cause: error },
  );
}

/** Where the rows of a batch come from. */
export interface Provenance {
  /** The prompts of the batch, in stream order. */
  readonly prompts: readonly Prompt[];
  /** For each row, an index into `prompts`. */
  readonly prompt: Int32Array<ArrayBuffer>;
  /** For each row, its token position; `<bos>` is 0. */
  readonly position: Int32Array<ArrayBuffer>;
  /** For each row, its token id. */
  readonly token: Int32Array<ArrayBuffer>;
  /**
   * What they were read from and how. Calibrations and dictionaries record that of the first batch, and take no other
   * model, hook or reading from then on.
   */
  readonly source?: StreamSource;
}
