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
import { describeAdapter, gpuDevice, GpuError } from "./device.ts";
import { assertPairs, assertPercentiles } from "./histogram.ts";
import { GpuContext } from "./webgpu_commands.ts";
import { WebGpuMatrix, webgpuMatrix } from "./webgpu_matrix.ts";
import { similarities } from "./webgpu_products.ts";
import { hasIntegers } from "./webgpu_search_way.ts";
import { Searcher } from "./webgpu_searcher.ts";
import { percentilesOf } from "./webgpu_percentiles.ts";
import type { ActivationRule, SparseFeatures } from "./sparse.ts";
import { assertDecoder, assertEncoder } from "./sparse_checks.ts";
import { activate, combine } from "./webgpu_sparse.ts";
import { accumulate, copyRows, download, padded, upload } from "./webgpu_rows.ts";
import { directions, moments } from "./webgpu_vectors.ts";

/** How to open the WebGPU backend. */
export interface WebGpuOptions {
  /** Most bytes of one buffer of a matrix; default: what the device binds at once. Tests set it low. */
  chunkBytes?: number;
  /** How all searches are done, be they large or small; default: large ones as is faster here. */
  way?: SearchWay["way"];
}

/** The WebGPU backend: every operation is a kernel in WGSL, on the device that models run on too. */
export class WebGpuBackend implements Backend, Disposable {
  readonly name = "webgpu";
  readonly device: string;
  readonly #context: GpuContext;
  readonly #searcher: Searcher;

  private constructor(context: GpuContext, searcher: Searcher) {
    this.#context = context;
    this.#searcher = searcher;
    this.device = describeAdapter(context.device.adapterInfo);
  }

  /**
   * Opens the GPU. Kernels are compiled when first used.
   *
   * @throws {GpuError} if there is no adapter, or integers are asked for and WGSL has no products of them here.
   */
  static async create(options: WebGpuOptions = {}): Promise<WebGpuBackend> {
    const device = await gpuDevice();
    if (options.way === "integers" && !hasIntegers()) {
      throw new GpuError(
        'Expected products of 8-bit integers in WGSL but it has none here: leave out way: "integers"',
      );
    }
    const { maxStorageBufferBindingSize, maxBufferSize } = device.limits;
    const chunkBytes = Math.min(options.chunkBytes ?? Infinity, maxStorageBufferBindingSize, maxBufferSize);
    const context = new GpuContext(device, chunkBytes);
    return new WebGpuBackend(context, new Searcher(context, options.way));
  }

  /** How large searches are done; `undefined` until they have taken long enough for it to be measured. */
  get search(): SearchWay | undefined {
    return this.#searcher.way;
  }

  create(dim: number, capacity = 0): Matrix {
    assertDim(dim);
    return new WebGpuMatrix(this.#context, dim, capacity);
  }

  upload(data: Float32Array<ArrayBuffer>, rows: number, dim: number): Matrix {
    assertShape(data, rows, dim);
    return upload(this.#context, data, rows, dim);
  }

  /**
   * A matrix of the `rows x dim` float32 numbers that a GPU buffer holds: a model's captured residuals. It lies over
   * the buffer itself, or, where `dim` is no multiple of 4, in a copy on the GPU with padded rows. The buffer must be
   * of `gpuDevice()`, with the usages `STORAGE` and `COPY_SRC`.
   *
   * @param release Called when the buffer is no longer needed, by the time that the matrix is disposed; the default
   * leaves it to its owner.
   * @throws {RangeError} if the buffer is too small.
   */
  wrap(buffer: GPUBuffer, rows: number, dim: number, release?: () => void): Matrix {
    if (buffer.size < rows * dim * 4) {
      throw new RangeError(`Expected a buffer of ${rows} x ${dim} float32 numbers but found ${buffer.size} bytes`);
    }
    if (dim % 4 === 0) return WebGpuMatrix.wrap(this.#context, buffer, rows, dim, release);
    const matrix = padded(this.#context, buffer, rows, dim);
    // Whatever overwrites the buffer comes after the copy in the queue.
    release?.();
    return matrix;
  }

  view(matrix: Matrix): undefined {
    webgpuMatrix(matrix);
    return undefined;
  }

  async download(matrix: Matrix, rows?: Int32Array): Promise<Float32Array<ArrayBuffer>> {
    return await download(this.#context, webgpuMatrix(matrix), rows);
  }

  copyRows(source: Matrix, sourceRows: Int32Array, target: Matrix, targetRows: Int32Array): void {
    copyRows(this.#context, webgpuMatrix(source), sourceRows, webgpuMatrix(target), targetRows);
  }

  async moments(x: Matrix): Promise<Moments> {
    return await moments(this.#context, webgpuMatrix(x));
  }

  async directions(x: Matrix, center: Float32Array<ArrayBuffer>): Promise<Matrix> {
    const source = webgpuMatrix(x);
    assertCenter(center, source.dim);
    return await directions(this.#context, source, center);
  }

  async nearest(queries: Matrix, exemplars: Matrix, from = 0): Promise<Nearest> {
    const [left, right] = [webgpuMatrix(queries), webgpuMatrix(exemplars)];
    assertSearched(left, right, from);
    return await this.#searcher.nearest(left, right, from);
  }

  async similarities(a: Matrix, b: Matrix): Promise<Float32Array<ArrayBuffer>> {
    const [left, right] = [webgpuMatrix(a), webgpuMatrix(b)];
    assertSameDim(left, right);
    return await similarities(this.#context, left, right);
  }

  accumulate(sums: Matrix, directions: Matrix, groups: RowGroups): void {
    const [to, from] = [webgpuMatrix(sums), webgpuMatrix(directions)];
    assertSameDim(to, from);
    accumulate(this.#context, to, from, groups);
  }

  async percentiles(directions: Matrix, percentiles: readonly number[]): Promise<Float64Array<ArrayBuffer>> {
    const source = webgpuMatrix(directions);
    assertPairs(source.rows);
    assertPercentiles(percentiles);
    return await percentilesOf(this.#context, source, percentiles);
  }

  async activate(
    x: Matrix,
    encoder: Matrix,
    bias: Float32Array<ArrayBuffer>,
    rule: ActivationRule,
  ): Promise<SparseFeatures> {
    const [from, weights] = [webgpuMatrix(x), webgpuMatrix(encoder)];
    assertEncoder(from, weights, bias, rule);
    return await activate(this.#context, from, weights, bias, rule);
  }

  combine(features: SparseFeatures, vectors: Matrix, bias: Float32Array<ArrayBuffer>): Matrix {
    const source = webgpuMatrix(vectors);
    assertDecoder(features, source, bias);
    return combine(this.#context, features, source, bias);
  }

  /** Gives back the memory that operations share. Matrices are disposed one by one. */
  dispose(): void {
    this.#context.dispose();
  }

  /** As {@linkcode WebGpuBackend.dispose}, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}
