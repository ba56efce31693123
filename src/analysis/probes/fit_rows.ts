/** The rows that a linear model is fitted to, and the two products with them, which are nearly all of a fit's time. */
import type { SparseFeatures } from "../../compute/sparse.ts";
import { openKernel } from "../../compute/wasm.ts";
import {
  type DenseRows,
  featureCount,
  type FeatureRows,
  isDense,
  rowProducts,
  weightedRowSums,
} from "./feature_rows.ts";

/** Rows of a fit. */
export interface FitRows {
  /**
   * Products of the rows with weight vectors.
   *
   * @param weights `classes x dim`.
   * @returns `rows x classes`, to be made factors in place; overwritten by the next call.
   */
  products(weights: Float64Array): Float64Array;
  /**
   * Sums of the rows, weighted once per class with the factors that the last products were made.
   *
   * @param into `classes x dim`; overwritten.
   */
  sums(into: Float64Array): void;
}

/** The kernel takes so many dense rows, and numbers of one, at a time: what is less is filled up with zeros. */
const STEP = 4;
/** Bytes of a kernel's memory at most; rows that need more are read in place. And of what is kept whatever happens. */
const [MOST, KEPT] = [2 ** 30, 2 ** 27];

/**
 * Rows to fit to. They go through kernels/fit_rows.wat, which gives what plain loops give, to the last bit, several times as
 * fast. Its memory is used again: the next call ends what this one gave.
 *
 * @param features Rows that {@linkcode assertRows} lets pass: the kernel reads wherever it is told to.
 * @param selected Row numbers.
 */
export function fitRows(features: FeatureRows, selected: Int32Array, classes: number): FitRows {
  const lengths = lengthsOf(features, selected, classes);
  if (lengths.values > 0 && bytesOf(lengths) <= MOST) {
    return isDense(features)
      ? new DenseFitRows(features, selected, classes, lengths)
      : new SparseFitRows(features, selected, classes, lengths);
  }
  let factors = new Float64Array();
  return {
    products: (weights) => factors = rowProducts(features, selected, weights, classes),
    sums: (into) => weightedRowSums(features, selected, factors, classes, into),
  };
}

const wholeSteps = (length: number) => STEP * Math.ceil(length / STEP);
const wholePairs = (length: number) => 2 * Math.ceil(length / 2);

/** How long the arrays of a kernel are. */
type Lengths = Record<"values" | "places" | "offsets" | "products" | "weights", number>;

function lengthsOf(features: FeatureRows, selected: Int32Array, classes: number): Lengths {
  const dim = featureCount(features);
  if (isDense(features)) {
    const [rows, width] = [selected.length, dim].map(wholeSteps);
    return { values: rows * width, places: 0, offsets: 0, products: rows * classes, weights: classes * width };
  }
  const { offsets } = features;
  const entries = selected.reduce((sum, row) => sum + offsets[row + 1] - offsets[row], 0);
  const [rows, products] = [selected.length, selected.length * classes];
  return { values: entries, places: entries, offsets: rows + 1, products, weights: dim * wholePairs(classes) };
}

function bytesOf({ values, places, offsets, products, weights }: Lengths): number {
  return 4 * (values + places + offsets) + 8 * (products + 2 * weights);
}

function open({ values, places, offsets, products, weights }: Lengths) {
  return openKernel("fitRows", {
    values: ["f32", values],
    places: ["i32", places],
    offsets: ["i32", offsets],
    products: ["f64", products],
    weights: ["f64", weights],
    sums: ["f64", weights],
  });
}

type Kernel = ReturnType<typeof open>;

/** The kernel of the last fit: a small one to stay, a large one until the collector wants its memory. */
const kept: { last?: WeakRef<Kernel>; small?: Kernel } = {};

/** A kernel with arrays at least so long; that of a fit before, if its are. */
function kernelFor(lengths: Lengths): Kernel {
  const known = kept.last?.deref();
  const before = known?.arrays;
  // At least what there was: fits of dense and of sparse rows take turns.
  const larger = { ...lengths };
  let grows = false;
  for (const name of Object.keys(lengths) as (keyof Lengths)[]) {
    const there = before?.[name].length ?? 0;
    grows ||= lengths[name] > there;
    larger[name] = Math.max(lengths[name], there);
  }
  if (known && !grows) return known;
  const kernel = open(bytesOf(larger) > MOST ? lengths : larger);
  kept.last = new WeakRef(kernel);
  kept.small = bytesOf(larger) > KEPT ? undefined : kernel;
  return kernel;
}

/** Dense rows in the memory of a kernel. */
class DenseFitRows implements FitRows {
  readonly #dim: number;
  readonly #width: number;
  /** A multiple of the step. */
  readonly #rows: number;
  readonly #products: Float64Array;
  readonly #kernel: Kernel;

  constructor({ data, dim }: DenseRows, selected: Int32Array, readonly classes: number, lengths: Lengths) {
    this.#dim = dim;
    this.#width = wholeSteps(dim);
    this.#rows = wholeSteps(selected.length);
    this.#kernel = kernelFor(lengths);
    const { values, weights, products } = this.#kernel.arrays;
    this.#products = products.subarray(0, selected.length * classes);
    // What is filled up must be zeros, whatever was there before.
    values.fill(0, dim < this.#width ? 0 : selected.length * dim, this.#rows * this.#width);
    weights.fill(0, 0, classes * this.#width);
    selected.forEach((row, i) => values.set(data.subarray(row * dim, (row + 1) * dim), i * this.#width));
  }

  products(weights: Float64Array): Float64Array {
    const { run, arrays } = this.#kernel;
    for (let k = 0; k < this.classes; k++) {
      arrays.weights.set(weights.subarray(k * this.#dim, (k + 1) * this.#dim), k * this.#width);
    }
    const [values, own, products] = placesOf(arrays.values, arrays.weights, arrays.products);
    run.products(values, this.#rows, this.#width, own, this.classes, products);
    return this.#products;
  }

  sums(into: Float64Array): void {
    const { run, arrays } = this.#kernel;
    arrays.sums.fill(0, 0, this.classes * this.#width);
    // Of weights that are infinite the rows that fill up have products, too.
    arrays.products.fill(0, this.#products.length, this.#rows * this.classes);
    const [values, products, sums] = placesOf(arrays.values, arrays.products, arrays.sums);
    run.sums(values, this.#rows, this.#width, products, this.classes, sums);
    for (let k = 0; k < this.classes; k++) {
      into.set(arrays.sums.subarray(k * this.#width, k * this.#width + this.#dim), k * this.#dim);
    }
  }
}

/** Sparse rows in the memory of a kernel. */
class SparseFitRows implements FitRows {
  readonly #size: number;
  readonly #products: Float64Array;
  readonly #kernel: Kernel;
  /** Numbers of a feature in weights and sums: the classes, an even number. */
  readonly #stride: number;
  /** Where the kernel finds the rows' offsets, how many rows there are, where their features and values are. */
  readonly #rows: readonly [offsets: number, rows: number, places: number, values: number];

  constructor(
    { size, offsets, features, values }: SparseFeatures,
    selected: Int32Array,
    readonly classes: number,
    lengths: Lengths,
  ) {
    this.#size = size;
    this.#stride = wholePairs(classes);
    const { length } = selected;
    this.#kernel = kernelFor(lengths);
    const { arrays } = this.#kernel;
    this.#products = arrays.products.subarray(0, length * classes);
    let end = 0;
    selected.forEach((row, i) => {
      const [first, last] = [offsets[row], offsets[row + 1]];
      arrays.offsets[i] = end;
      arrays.places.set(features.subarray(first, last), end);
      arrays.values.set(values.subarray(first, last), end);
      end += last - first;
    });
    arrays.offsets[length] = end;
    const [starts, places, numbers] = placesOf(arrays.offsets, arrays.places, arrays.values);
    this.#rows = [starts, length, places, numbers];
  }

  products(weights: Float64Array): Float64Array {
    const { run, arrays } = this.#kernel;
    for (let k = 0, i = 0; k < this.classes; k++) {
      for (let j = 0; j < this.#size; j++) arrays.weights[j * this.#stride + k] = weights[i++];
    }
    const [own, products] = placesOf(arrays.weights, arrays.products);
    run.sparseProducts(...this.#rows, own, this.classes, products);
    return this.#products;
  }

  sums(into: Float64Array): void {
    const { run, arrays } = this.#kernel;
    arrays.sums.fill(0, 0, this.#size * this.#stride);
    const [products, sums] = placesOf(arrays.products, arrays.sums);
    run.sparseSums(...this.#rows, products, this.classes, sums);
    for (let k = 0, i = 0; k < this.classes; k++) {
      for (let j = 0; j < this.#size; j++) into[i++] = arrays.sums[j * this.#stride + k];
    }
  }
}

/** Where arrays of a kernel begin in its memory. */
function placesOf(...arrays: readonly ArrayBufferView[]): number[] {
  return arrays.map(({ byteOffset }) => byteOffset);
}
