import { assertShape, type Backend, type Matrix, NonFiniteRowError } from "../compute/backend.ts";
import { openBackend } from "../compute/open.ts";
import { rowNumbers } from "../compute/row_numbers.ts";

/** Activations as a caller has them: rows on the host, `rows x dim`, row-major. A {@linkcode Batch} is one too. */
export interface ActivationBatch {
  /** Number of activations. */
  readonly rows: number;
  /** Length of an activation. */
  readonly dim: number;
  /** The values, `rows x dim`; they are read where they are, so they stay as they are while the batch is used. */
  readonly data: Float32Array<ArrayBuffer>;
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
   * @throws {TypeError} if there are no values.
   * @throws {RangeError} if they are not `rows x dim`.
   */
  static of(batch: ActivationBatch, backend?: Backend): Batch {
    if (batch instanceof Batch) return batch;
    const { data, rows, dim, provenance } = batch;
    if (!(data instanceof Float32Array)) {
      throw new TypeError(
        `Expected a batch with its values, a Float32Array of rows x dim numbers, as data but found ${typeof data}`,
      );
    }
    assertShape(data, rows, dim);
    return new Batch(rows, dim, { data, matrix: backend?.upload(data, rows, dim) }, provenance);
  }

  /**
   * A batch of rows on a backend.
   *
   * @param matrix The batch disposes it; who does not hand it over does not dispose the batch.
   */
  static onBackend(matrix: Matrix, provenance?: Provenance): Batch {
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
   * @throws {Error} if the batch was disposed, or `use` finds a row that is not finite; names prompt, position and layer.
   */
  async on<T>(backend: Backend, use: (x: Matrix) => Promise<T>): Promise<T> {
    using made = new DisposableStack();
    const { matrix } = this.#place;
    const x = matrix?.backend === backend.name
      ? matrix
      : made.use(backend.upload(await this.values(), this.rows, this.dim));
    try {
      return await use(x);
    } catch (error) {
      if (!(error instanceof NonFiniteRowError)) throw error;
      throw new Error(
        `Expected finite activations but found NaN or an infinity in ${describeRow(this, error.row)}: ` +
          "check the model's dtype (float16 overflows) and the prompt",
        { cause: error },
      );
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
   */
  async select(rows: Int32Array): Promise<Batch> {
    const { data, matrix } = this.#place;
    const provenance = this.provenance && selectedProvenance(this.provenance, rows);
    if (data) {
      const { dim } = this;
      const chosen = new Float32Array(rows.length * dim);
      rows.forEach((row, i) => chosen.set(data.subarray(row * dim, (row + 1) * dim), i * dim));
      const batch = { data: chosen, rows: rows.length, dim, provenance };
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
  const layer = provenance.layer === undefined ? "" : `, layer ${provenance.layer}`;
  return `prompt "${prompt.id}", ${placeText(position, prompt.start)} (${token})${layer}`;
}

/** A position in words: `position 5`, and of a window further on `token 133, position 5 of the window from 128`. */
export function placeText(position: number, start = 0): string {
  return start === 0
    ? `position ${position}`
    : `token ${start + position}, position ${position} of the window from ${start}`;
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
  /** Layer of the hook point, for messages. */
  readonly layer?: number;
}

/** One prompt of the stream, as the model read it. */
export interface Prompt {
  /** Identifier of its text from the corpus, or the text's number. */
  readonly id: string;
  /** Number of its text in the stream, from 0; the windows of a long text share it. */
  readonly text: number;
  /**
   * Where in its text a window begins: the token at position p, from 1 on, is token `start + p` of the text, whose `<bos>`
   * is token 0. Absent where the prompt begins with its text.
   */
  readonly start?: number;
  /** Whether another window of its text comes further on; absent where none does. */
  readonly continues?: boolean;
  /** Whether it was cut, and the rest of its text is in no other prompt; absent where nothing is left out. */
  readonly truncated?: boolean;
  /** Token ids, `<bos>` first, cut to the context. */
  readonly tokens: Int32Array<ArrayBuffer>;
  /** The text around a token position. Decoded when asked for: few positions ever are. */
  excerpt(position: number): Excerpt;
}

/** A token in its surroundings. */
export interface Excerpt {
  /** What stands before the token. */
  readonly before: string;
  /** The token. */
  readonly token: string;
  /** What follows. */
  readonly after: string;
}
