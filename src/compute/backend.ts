/**
 * What `partition` may ask of the machine: a handful of operations on matrices that a backend owns.
 *
 * Two backends answer, with the same meaning: {@link "./cpu.ts"} over onnxruntime's GEMM and {@link "./webgpu.ts"} in
 * WGSL. Shapes are `rows x dim`, row-major, float32. Every operation is deterministic: the same input on the same
 * backend gives the same bytes.
 */

import { assertKind, inWords } from "./kinds.ts";
import { assertWhole } from "./known_options.ts";
import type { ActivationRule, SparseFeatures } from "./sparse.ts";

/** Where a matrix lives and who computes on it. */
export type BackendName = "cpu" | "webgpu";

/** What a caller may ask for; `"auto"` takes WebGPU on a real GPU and the CPU otherwise. */
export type BackendChoice = "auto" | BackendName;

/**
 * A row-major float32 matrix that a backend owns. It grows at the end, never shrinks. Who made it disposes it, by hand
 * or at the end of a block (`using matrix = backend.upload(...)`).
 */
export interface Matrix extends Disposable {
  /** The backend that owns it. */
  readonly backend: BackendName;
  /**
   * Number of rows now.
   *
   * @throws {TypeError} if it was disposed.
   */
  readonly rows: number;
  /** Length of a row. */
  readonly dim: number;
  /**
   * Gives the memory back; a second time it does nothing. Every operation refuses a disposed matrix with a `TypeError`.
   */
  dispose(): void;
}

/** The nearest exemplar of each query row. */
export interface Nearest {
  /** Row of the exemplar with the largest dot product, the lowest on ties; length `queries.rows`. */
  readonly regions: Int32Array<ArrayBuffer>;
  /** That dot product, the cosine similarity of unit rows; length `queries.rows`. */
  readonly similarities: Float32Array<ArrayBuffer>;
}

/** How a backend finds the nearest of many exemplars. Both ways give the same bytes. */
export interface SearchWay {
  /**
   * `"integers"`: 8-bit products find who may be nearest, and only they are compared in full, in searches that gain by it;
   * those that are too small, or whose exemplars integers do not tell apart, are done in float. `"float"`: all are.
   */
  readonly way: "integers" | "float";
  /** Why, for run manifests: what was measured, what is missing, or that it was asked for. */
  readonly because: string;
}

/** Sums over the rows of a matrix, in float64, and the rows' lengths. */
export interface Moments {
  /** `sum of x`, length `dim`. */
  readonly sum: Float64Array<ArrayBuffer>;
  /** `sum of x / ||x||`, length `dim`; a row of zeros adds nothing. */
  readonly unitSum: Float64Array<ArrayBuffer>;
  /** `||x||` of each row, length `rows`. */
  readonly norms: Float32Array<ArrayBuffer>;
}

/** Rows gathered by the region they belong to: group `g` holds `rows[offsets[g]] .. rows[offsets[g + 1] - 1]`. */
export interface RowGroups {
  /** The region of each group, ascending, without repeats. */
  readonly regions: Int32Array<ArrayBuffer>;
  /** Start of each group in `rows`, and the end of the last; one longer than `regions`. */
  readonly offsets: Int32Array<ArrayBuffer>;
  /** Row numbers, ascending within a group. */
  readonly rows: Int32Array<ArrayBuffer>;
}

/**
 * The operations. All row and region numbers are zero-based. None takes a matrix that was disposed, or is another's. Each
 * reads its matrices as they were when it was called, whatever becomes of them before its answer; on WebGPU those that
 * read a matrix several times refuse it instead.
 */
export interface Backend {
  /** Which of the two this is. */
  readonly name: BackendName;
  /** The device in words, for run manifests. */
  readonly device: string;
  /** How large searches are done; `undefined` until they took so long that it was decided. */
  readonly search: SearchWay | undefined;

  /** An empty matrix of `0 x dim` with room for `capacity` rows. */
  create(dim: number, capacity?: number): Matrix;

  /**
   * Takes a host array over as a `rows x dim` matrix. The CPU backend keeps the array itself (do not change it
   * afterwards), WebGPU copies it.
   */
  upload(data: Float32Array<ArrayBuffer>, rows: number, dim: number): Matrix;

  /** The whole matrix, or the given rows in the given order, as a new host array. */
  download(matrix: Matrix, rows?: Int32Array): Promise<Float32Array<ArrayBuffer>>;

  /**
   * The whole matrix where the host has it already, without a copy: a view that the next change of the matrix may
   * change or leave behind. `undefined` where it would have to be downloaded.
   */
  view(matrix: Matrix): Float32Array<ArrayBuffer> | undefined;

  /**
   * Copies row `sourceRows[i]` of `source` over row `targetRows[i]` of `target`, growing `target` with zeros to hold
   * it. Of several copies to one row the last counts; `source` may be `target`, and is read as it was before.
   */
  copyRows(source: Matrix, sourceRows: Int32Array, target: Matrix, targetRows: Int32Array): void;

  /**
   * Sums of the rows and of the unit rows, for the center, and the rows' lengths. Needs one pass. A row shorter than 1e-30
   * has no unit row.
   *
   * @throws {NonFiniteRowError} if a row holds NaN or an infinity. @throws {NoDirectionError} if one is longer than 1e30.
   */
  moments(x: Matrix): Promise<Moments>;

  /**
   * `(x - center) / ||x - center||` for every row, as a new matrix, whatever the length of the difference, from 1e-30 to
   * 1e30: see {@link "./row_lengths.ts"}.
   *
   * @throws {NonFiniteRowError} if a row holds NaN or an infinity.
   * @throws {NoDirectionError} if a row is the center, or nearer to it than 2^-20 of its length, or the difference is not
   * of such a length.
   */
  directions(x: Matrix, center: Float32Array<ArrayBuffer>): Promise<Matrix>;

  /**
   * The exemplar of largest dot product for every query row, among exemplars `from` (default 0) to the last. Never
   * holds `queries.rows x exemplars.rows` numbers. Rows are of finite numbers and of lengths from 1e-15 to 1e15, as unit rows
   * are: beyond, float32 products overflow or vanish.
   *
   * @throws {RangeError} if there is no exemplar in the range.
   */
  nearest(queries: Matrix, exemplars: Matrix, from?: number): Promise<Nearest>;

  /** All dot products, `a.rows x b.rows`, on the host. */
  similarities(a: Matrix, b: Matrix): Promise<Float32Array<ArrayBuffer>>;

  /**
   * Adds to row `groups.regions[g]` of `sums` the sum of group `g`'s rows of `directions`, growing `sums` with zeros.
   * A group is summed in row order before it is added, so a run repeats to the byte.
   */
  accumulate(sums: Matrix, directions: Matrix, groups: RowGroups): void;

  /**
   * Percentiles (0..100, linear interpolation between ranks) of the cosine distances `1 - <d_i, d_j>`, i < j, clamped
   * to [0, 2]: exact for the float32 products, which are off by about 1e-6 at most, and never by more than `dim * 2^-24`
   * times the rows' lengths. Never holds all pairs. Needs at least two rows.
   */
  percentiles(directions: Matrix, percentiles: readonly number[]): Promise<Float64Array<ArrayBuffer>>;

  /**
   * The active features of every row: those of `x encoder^T + bias` that the rule lets through. The dense
   * `x.rows x encoder.rows` numbers exist a part at a time; only the active ones come back.
   *
   * @param encoder A row a feature.
   * @param bias One number a feature.
   * @throws {NonFiniteRowError} if a row of `x` holds NaN or an infinity. @throws {NoDirectionError} if one is longer than
   * 1e30.
   */
  activate(x: Matrix, encoder: Matrix, bias: Float32Array<ArrayBuffer>, rule: ActivationRule): Promise<SparseFeatures>;

  /**
   * `features vectors + bias`: for every row the sum of its features' vectors, each times its value, as a new matrix.
   *
   * @param vectors A row a feature.
   * @param bias Length `vectors.dim`.
   */
  combine(features: SparseFeatures, vectors: Matrix, bias: Float32Array<ArrayBuffer>): Matrix;
}

/** A row of activations that is not a vector of finite numbers. */
export class NonFiniteRowError extends Error {
  /** @param row Number of the first offending row. */
  constructor(readonly row: number) {
    super(`Expected finite activations but row ${row} holds NaN or an infinity`);
    this.name = "NonFiniteRowError";
  }
}

/** A row of finite numbers that has no direction, or is too long to be measured. */
export class NoDirectionError extends Error {
  /**
   * @param row Number of the first offending row.
   * @param why What is wrong with it: it is the center, or rounding decides on which side of it it lies; or its length
   * is beyond 1e30.
   */
  constructor(readonly row: number, readonly why: "on the center" | "too long") {
    super(
      why === "too long"
        ? `Expected rows of a length up to 1e30 but row ${row} is longer`
        : `Expected rows away from the center but row ${row} lies on it`,
    );
    this.name = "NoDirectionError";
  }
}

/** Throws unless `matrix` belongs to `backend`; handles are opaque, so a mix-up would otherwise read garbage. */
export function assertOwned(matrix: Matrix, backend: BackendName): void {
  assertKind("an operand", matrix, "matrix");
  if (matrix.backend !== backend) {
    throw new TypeError(
      `Expected a matrix of the ${backend} backend but got one of the ${matrix.backend} backend: download it and upload it here`,
    );
  }
}

/** What both backends say of a matrix that was disposed: its memory may be another's by now. */
export function disposedError(): TypeError {
  return new TypeError("Expected a matrix in use but found a disposed one: keep it until the last use");
}

/** Throws unless `data` holds `rows x dim` numbers. */
export function assertShape(data: Float32Array, rows: number, dim: number): void {
  assertKind("the values of a matrix", data, Float32Array);
  if (!Number.isInteger(rows) || rows < 0 || !Number.isInteger(dim) || dim < 1) {
    throw new RangeError(`Expected a shape of at least 0 rows and 1 column but found ${rows} x ${dim}`);
  }
  if (data.length !== rows * dim) {
    throw new RangeError(`Expected ${rows} x ${dim} = ${rows * dim} numbers but found ${data.length}`);
  }
}

/** Throws unless rows can be of such a length. */
export function assertDim(dim: number): void {
  if (Number.isInteger(dim) && dim >= 1) return;
  throw new RangeError(`Expected rows of a whole number of columns from 1 on but found ${inWords(dim)}`);
}

/** Throws unless a center is one for rows of a length. */
export function assertCenter(center: Float32Array, dim: number): void {
  assertKind("a center", center, Float32Array);
  if (center.length !== dim) throw new RangeError(`Expected a center of length ${dim} but found ${center.length}`);
}

/** Throws unless the rows of both are of one length. */
export function assertSameDim(a: Matrix, b: Matrix): void {
  if (a.dim !== b.dim) throw new RangeError(`Expected rows of one length but found ${a.dim} and ${b.dim}`);
}

/** Throws unless there is an exemplar to search from `from` on. */
export function assertSearched(queries: Matrix, exemplars: Matrix, from: number): void {
  assertSameDim(queries, exemplars);
  assertWhole("the first exemplar to search", from, 0);
  if (queries.rows === 0 || from < exemplars.rows) return;
  throw new RangeError(`Expected an exemplar from ${from} on but found ${exemplars.rows}`);
}

/** Throws unless every row number is one of the matrix's rows. */
export function assertRowNumbers(rows: Int32Array, matrix: Matrix): void {
  for (const row of rows) {
    if (row < 0 || row >= matrix.rows) {
      throw new RangeError(`Expected row numbers of 0 to ${matrix.rows - 1} but found ${row}`);
    }
  }
}

/** Throws unless `sourceRows` of `source` can be copied over as many `targetRows` of `target`. */
export function assertCopy(source: Matrix, sourceRows: Int32Array, target: Matrix, targetRows: Int32Array): void {
  assertSameDim(source, target);
  assertRowNumbers(sourceRows, source);
  if (sourceRows.length !== targetRows.length) {
    throw new RangeError(
      `Expected ${sourceRows.length} target rows, as many as source rows, but found ${targetRows.length}`,
    );
  }
  for (const row of targetRows) {
    if (row < 0) throw new RangeError(`Expected target rows from 0 on but found ${row}`);
  }
}
