/** The rows that a linear model is fitted to, and the two products with them, which are nearly all of a fit's time. */
import { openKernel } from "../../compute/wasm.ts";
import { type DenseRows, type FeatureRows, isDense, rowProducts, weightedRowSums } from "./feature_rows.ts";

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

/** The kernel takes so many rows, and numbers of a row, at a time: what is less is filled up with zeros. */
const STEP = 4;
/** Numbers of rows that are copied into a kernel's memory, 1 GiB of them; more are multiplied where they are. */
const MOST = 2 ** 28;
/** Numbers of rows whose room is kept for the next fit. */
const KEPT = 2 ** 24;

/**
 * Rows to fit to. Dense ones go through kernels/fit_rows.wat, which gives what plain loops give, to the last bit, several
 * times as fast; one fit at a time, as its memory is used again.
 *
 * @param selected Row numbers.
 */
export function fitRows(features: FeatureRows, selected: Int32Array, classes: number): FitRows {
  const numbers = isDense(features) ? wholeSteps(selected.length) * wholeSteps(features.dim) : 0;
  if (isDense(features) && numbers > 0 && numbers <= MOST) return new DenseFitRows(features, selected, classes);
  let factors = new Float64Array();
  return {
    products: (weights) => factors = rowProducts(features, selected, weights, classes),
    sums: (into) => weightedRowSums(features, selected, factors, classes, into),
  };
}

const wholeSteps = (length: number) => STEP * Math.ceil(length / STEP);

function open(rows: number, products: number, weights: number) {
  return openKernel("fitRows", {
    rows: ["f32", rows],
    products: ["f64", products],
    weights: ["f64", weights],
    sums: ["f64", weights],
  });
}

let kept: ReturnType<typeof open> | undefined;

/** A kernel with room for so many numbers; that of the fit before, if they go into it. */
function kernelFor(rows: number, products: number, weights: number): ReturnType<typeof open> {
  const room = kept?.arrays;
  if (kept && room && room.rows.length >= rows && room.products.length >= products && room.weights.length >= weights) {
    return kept;
  }
  const kernel = open(rows, products, weights);
  kept = rows <= KEPT ? kernel : undefined;
  return kernel;
}

/** Dense rows in the memory of a kernel. */
class DenseFitRows implements FitRows {
  readonly #dim: number;
  readonly #width: number;
  /** A multiple of the step. */
  readonly #rows: number;
  readonly #products: Float64Array;
  readonly #kernel: ReturnType<typeof open>;

  constructor({ data, dim }: DenseRows, selected: Int32Array, readonly classes: number) {
    this.#dim = dim;
    this.#width = wholeSteps(dim);
    this.#rows = wholeSteps(selected.length);
    this.#kernel = kernelFor(this.#rows * this.#width, this.#rows * classes, classes * this.#width);
    const { rows, weights, products } = this.#kernel.arrays;
    this.#products = products.subarray(0, selected.length * classes);
    // What is filled up must be zeros, whatever was there before.
    if (dim < this.#width) {
      rows.fill(0, 0, this.#rows * this.#width);
      weights.fill(0, 0, classes * this.#width);
    } else {
      rows.fill(0, selected.length * dim, this.#rows * dim);
    }
    selected.forEach((row, i) => rows.set(data.subarray(row * dim, (row + 1) * dim), i * this.#width));
  }

  products(weights: Float64Array): Float64Array {
    const { run, arrays } = this.#kernel;
    for (let k = 0; k < this.classes; k++) {
      arrays.weights.set(weights.subarray(k * this.#dim, (k + 1) * this.#dim), k * this.#width);
    }
    const at = [arrays.rows, arrays.weights, arrays.products].map(({ byteOffset }) => byteOffset);
    run.products(at[0], this.#rows, this.#width, at[1], this.classes, at[2]);
    return this.#products;
  }

  sums(into: Float64Array): void {
    const { run, arrays } = this.#kernel;
    arrays.sums.fill(0, 0, this.classes * this.#width);
    // Of weights that are infinite the rows that fill up have products, too.
    arrays.products.fill(0, this.#products.length, this.#rows * this.classes);
    const at = [arrays.rows, arrays.products, arrays.sums].map(({ byteOffset }) => byteOffset);
    run.sums(at[0], this.#rows, this.#width, at[1], this.classes, at[2]);
    for (let k = 0; k < this.classes; k++) {
      into.set(arrays.sums.subarray(k * this.#width, k * this.#width + this.#dim), k * this.#dim);
    }
  }
}
