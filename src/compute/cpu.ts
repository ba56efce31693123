import {
  assertCenter,
  assertDim,
  assertSameDim,
  assertSearched,
  assertShape,
  type Backend,
  type Matrix,
  type Moments,
  type Nearest,
  type RowGroups,
  type SearchWay,
} from "./backend.ts";
import { affineGraph, momentsGraph, similaritiesGraph } from "./cpu_graphs.ts";
import { CpuMatrix, cpuMatrix, type CpuRows } from "./cpu_matrix.ts";
import { type Multiply, percentilesOf } from "./cpu_percentiles.ts";
import { accumulate, copyRows, download } from "./cpu_rows.ts";
import { ActiveFeatures, combineRows, tileRows } from "./cpu_sparse.ts";
import { assertPairs, assertPercentiles } from "./histogram.ts";
import { PairCounts } from "./pair_counts.ts";
import { freeCopy, type InferenceSession, nativeRuntime, ORT_VERSION, SLEEPING, type Tensor } from "./ort.ts";
import { assertLengths, isPlainNorm, lengthOf, LONGEST, rowError, SHORTEST, shortestFrom } from "./row_lengths.ts";
import { searchFloats } from "./search/float_search.ts";
import { searchIntegers } from "./search/integer_search.ts";
import { noneKnown } from "./search/scores.ts";
import { WayChooser } from "./search/way.ts";
import { SpareArrays } from "./spare_arrays.ts";
import type { ActivationRule, SparseFeatures } from "./sparse.ts";
import { assertDecoder, assertEncoder } from "./sparse_checks.ts";
import { UnitRows } from "./unit_rows.ts";

// Rows of one product with all others: onnxruntime-node makes a copy of it, which is freed before the next.
const TILE_ROWS = 512;
// Rows that moments sums in float32 before it goes on in float64.
const MOMENT_ROWS = 256;

const GRAPHS = {
  affine: affineGraph,
  moments: momentsGraph,
  similarities: similaritiesGraph,
};
type Operation = keyof typeof GRAPHS;

/** Numbers and their shape: a tensor once the runtime is there. */
interface Floats {
  readonly data: Float32Array<ArrayBuffer>;
  readonly dims: readonly number[];
}

/** How to open the CPU backend. */
export interface CpuOptions {
  /** How to search the nearest exemplars; default the faster way. Both give the same bytes. */
  way?: SearchWay["way"];
}

/** The CPU backend: every O(rows x dim x exemplars) operation is a GEMM of onnxruntime's. */
export class CpuBackend implements Backend {
  readonly name = "cpu";
  readonly device = `onnxruntime-node ${ORT_VERSION}, ${navigator.hardwareConcurrency} threads`;
  readonly #unitRows = new Map<number, UnitRows>();
  readonly #sessions = new Map<Operation, Promise<InferenceSession>>();
  readonly #way: WayChooser;
  readonly #spare = new SpareArrays();
  // Room of the last `percentiles`, for the next; none while one runs.
  #counts?: PairCounts;

  constructor({ way }: CpuOptions = {}) {
    this.#way = new WayChooser(way);
  }

  get search(): SearchWay | undefined {
    return this.#way.chosen;
  }

  create(dim: number, capacity = 0): Matrix {
    assertDim(dim);
    return this.#matrix(this.#spare.take(capacity * dim, "zeros"), 0, dim);
  }

  upload(data: Float32Array<ArrayBuffer>, rows: number, dim: number): Matrix {
    assertShape(data, rows, dim);
    const matrix = this.#matrix(data, rows, dim);
    // The array is the caller's, until the matrix goes on in another.
    matrix.show();
    return matrix;
  }

  download(matrix: Matrix, rows?: Int32Array): Promise<Float32Array<ArrayBuffer>> {
    // An error comes as a promise of it, as from a GPU.
    return Promise.try(() => download(cpuMatrix(matrix), rows));
  }

  view(matrix: Matrix): Float32Array<ArrayBuffer> {
    return cpuMatrix(matrix).show();
  }

  copyRows(source: Matrix, sourceRows: Int32Array, target: Matrix, targetRows: Int32Array): void {
    copyRows(cpuMatrix(source), sourceRows, cpuMatrix(target), targetRows);
  }

  async moments(x: Matrix): Promise<Moments> {
    using source = cpuMatrix(x).read();
    const sum = new Float64Array(source.dim);
    const unitSum = new Float64Array(source.dim);
    const norms = new Float32Array(source.rows);
    for (let row = 0; row < source.rows; row += MOMENT_ROWS) {
      const x = this.#rowsOf(source, row, row + MOMENT_ROWS);
      const part = await this.#run("moments", { x });
      const partNorms = floats(part.norm);
      const values = floats(x);
      // The squares of a short row may vanish.
      const isZero = (row: number) =>
        values.subarray(row * source.dim, (row + 1) * source.dim).every((value) => value === 0);
      const isPlain = partNorms.every((norm, row) => isPlainNorm(norm) || norm === 0 && isZero(row));
      const of = isPlain
        ? { sum: floats(part.sum), unitSum: floats(part.unitSum), norms: partNorms }
        : exactMoments(values, source.dim, row);
      norms.set(of.norms, row);
      of.sum.forEach((value, j) => sum[j] += value);
      of.unitSum.forEach((value, j) => unitSum[j] += value);
    }
    return { sum, unitSum, norms };
  }

  directions(x: Matrix, center: Float32Array<ArrayBuffer>): Promise<Matrix> {
    return Promise.try(() => {
      const source = cpuMatrix(x);
      const { dim, rows } = source;
      assertCenter(center, dim);
      const [from, to] = [source.view(), this.#spare.take(rows * dim, "anything")];
      const unit = this.#unitRows.get(dim) ?? new UnitRows(dim);
      this.#unitRows.set(dim, unit);
      const shortest = shortestFrom(center);
      unit.write(from, center, to).forEach((length, row) => {
        if (isPlainNorm(length) && length >= shortest) return;
        const [start, end] = [row * dim, (row + 1) * dim];
        exactDirection(from.subarray(start, end), center, to.subarray(start, end), row);
      });
      return this.#matrix(to, rows, dim);
    });
  }

  async nearest(queries: Matrix, exemplars: Matrix, from = 0): Promise<Nearest> {
    using a = cpuMatrix(queries).read();
    using b = cpuMatrix(exemplars).read();
    assertSearched(queries, exemplars, from);
    if (a.rows === 0) return noneKnown(0);
    // A search from the middle on is among the few that were founded last.
    const levels = from === 0 ? await this.#way.levels(a, b) : undefined;
    using _search = this.#way.search();
    const found = levels === undefined ? undefined : await searchIntegers(a, b, { levels });
    if (!found) return await searchFloats(a, b, from);
    this.#way.used();
    return found;
  }

  async similarities(queries: Matrix, exemplars: Matrix): Promise<Float32Array<ArrayBuffer>> {
    using left = cpuMatrix(queries).read();
    using right = cpuMatrix(exemplars).read();
    assertSameDim(queries, exemplars);
    const all = new Float32Array(left.rows * right.rows);
    if (all.length === 0) return all;
    const b = this.#rowsOf(right, 0, right.rows);
    for (let row = 0; row < left.rows; row += TILE_ROWS) {
      const a = this.#rowsOf(left, row, row + TILE_ROWS);
      await this.#multiply(a, b, all.subarray(row * right.rows));
    }
    return all;
  }

  accumulate(sums: Matrix, directions: Matrix, groups: RowGroups): void {
    accumulate(cpuMatrix(sums), cpuMatrix(directions), groups);
  }

  async percentiles(directions: Matrix, percentiles: readonly number[]): Promise<Float64Array<ArrayBuffer>> {
    using source = cpuMatrix(directions).read();
    assertPairs(source.rows);
    assertPercentiles(percentiles);
    const counts = this.#counts ?? new PairCounts();
    this.#counts = undefined;
    const multiply: Multiply = (a, b, target) => this.#multiply(a, b, target);
    const result = await percentilesOf(source, percentiles, multiply, counts);
    this.#counts = counts;
    return result;
  }

  async activate(
    x: Matrix,
    encoder: Matrix,
    bias: Float32Array<ArrayBuffer>,
    rule: ActivationRule,
  ): Promise<SparseFeatures> {
    using from = cpuMatrix(x).read();
    using weights = cpuMatrix(encoder).read();
    assertEncoder(x, encoder, bias, rule);
    const active = new ActiveFeatures(weights.rows, rule);
    const step = tileRows(weights.rows);
    const tile = this.#spare.take(Math.min(step, from.rows) * weights.rows, "anything");
    const [b, c] = [this.#rowsOf(weights, 0, weights.rows), { data: bias, dims: [weights.rows] }];
    for (let row = 0; row < from.rows; row += step) {
      const a = this.#rowsOf(from, row, row + step);
      assertLengths(floats(a), from.dim, row);
      const dims = [a.dims[0], weights.rows];
      const pre = { data: tile.subarray(0, dims[0] * dims[1]), dims };
      await this.#runInto("affine", { a, b, bias: c }, { pre });
      active.add(floats(pre));
    }
    this.#spare.give(tile);
    return active.finish(from.rows);
  }

  combine(features: SparseFeatures, vectors: Matrix, bias: Float32Array<ArrayBuffer>): Matrix {
    const source = cpuMatrix(vectors);
    assertDecoder(features, source, bias);
    return this.#matrix(combineRows(features, source.view(), bias), features.rows, source.dim);
  }

  /** A matrix whose array comes back when nobody needs it any more. */
  #matrix(data: Float32Array<ArrayBuffer>, rows: number, dim: number): CpuMatrix {
    return new CpuMatrix(data, rows, dim, (data) => this.#spare.give(data));
  }

  /** Writes all dot products of the rows of `a` and `b` to the start of `target`, and returns that part. */
  async #multiply(
    a: Floats,
    b: Floats,
    target: Float32Array<ArrayBuffer>,
  ): Promise<Float32Array<ArrayBuffer>> {
    const [rows, columns] = [a.dims[0], b.dims[0]];
    const similarity = { data: target.subarray(0, rows * columns), dims: [rows, columns] };
    await this.#runInto("similarities", { a, b }, { similarity });
    return similarity.data as Float32Array<ArrayBuffer>;
  }

  /** Runs one of the graphs. */
  async #run(operation: Operation, feeds: Readonly<Record<string, Floats>>) {
    const { session, tensors } = await this.#opened(operation);
    return await session.run(tensors(feeds));
  }

  /** Runs one of the graphs, whose outputs are written into given arrays. */
  async #runInto(
    operation: Operation,
    feeds: Readonly<Record<string, Floats>>,
    outputs: Readonly<Record<string, Floats>>,
  ): Promise<void> {
    const { session, tensors } = await this.#opened(operation);
    const copies = await session.run(tensors(feeds), tensors(outputs));
    for (const [name, { data }] of Object.entries(outputs)) freeCopy(copies[name], data.buffer);
  }

  /**
   * The session of a graph, and arrays as its tensors. The runtime, which takes 40 MB and a tenth of a second, is loaded for
   * the first: who only looks at a dictionary needs none.
   */
  async #opened(operation: Operation) {
    let opening = this.#sessions.get(operation);
    if (!opening) {
      opening = nativeRuntime().then(({ InferenceSession }) =>
        InferenceSession.create(GRAPHS[operation](), { ...SLEEPING, executionProviders: ["cpu"] })
      );
      this.#sessions.set(operation, opening);
    }
    const [{ Tensor }, session] = await Promise.all([nativeRuntime(), opening]);
    // Tensors are views of our arrays: onnxruntime reads feeds and writes outputs in place.
    const tensors = (all: Readonly<Record<string, Floats>>) =>
      Object.fromEntries(
        Object.entries(all).map(([name, { data, dims }]) => [name, new Tensor("float32", data, dims)]),
      );
    return { session, tensors };
  }

  #rowsOf(rows: CpuRows, from: number, to: number): Floats {
    const end = Math.min(to, rows.rows);
    return { data: rows.view(from, end), dims: [end - from, rows.dim] };
  }
}

/** The direction of one row of any length, in float64. */
function exactDirection(x: Float32Array, center: Float32Array, direction: Float32Array, row: number): void {
  const length = lengthOf(x, center);
  if (!(length >= shortestFrom(center) && length <= LONGEST)) throw rowError(x, row, center);
  direction.forEach((_, d) => direction[d] = Math.fround(x[d] - center[d]) / length);
}

/** Moments of rows of any lengths, in float64; the first is `firstRow`. */
function exactMoments(x: Float32Array, dim: number, firstRow: number): Moments {
  const [sum, unitSum] = [new Float64Array(dim), new Float64Array(dim)];
  assertLengths(x, dim, firstRow);
  const norms = Float32Array.from({ length: x.length / dim }, (_, row) => {
    const values = x.subarray(row * dim, (row + 1) * dim);
    const length = lengthOf(values);
    const inverse = length < SHORTEST ? 0 : 1 / length;
    values.forEach((value, d) => {
      sum[d] += value;
      unitSum[d] += value * inverse;
    });
    return length < SHORTEST ? 0 : length;
  });
  return { sum, unitSum, norms };
}

/** The values of a float32 output. */
function floats(tensor: Tensor | Floats): Float32Array<ArrayBuffer> {
  return tensor.data as Float32Array<ArrayBuffer>;
}
