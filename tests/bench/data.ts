/**
 * Activations for benchmarks, from a seed: families of directions as trained models have them. Every family lies around a
 * place of its own and varies in ways of its own, all share a mean, coordinates fall off by a power law, and one in 289 is
 * 15 times as large as the others: the heavy outlier coordinates that rounding to 8 bits suffers from.
 */
import { Random } from "../../src/compute/mod.ts";

/** What is drawn. The same values give the same rows, however many of them are taken at once. */
export interface ClusteredOptions {
  /** Length of a row. */
  readonly dim: number;
  /** Seed of every draw; default 1. */
  readonly seed?: number;
  /** Families, the first of them the largest; default 400. */
  readonly families?: number;
}

// Normal numbers that are drawn once; a row reads some of them from a random place on.
const NORMALS = 1_000_003;
/** Ways in which the members of a family differ, beside noise of their own. */
const WAYS = 12;
const [MEAN, PLACE, WAY, NOISE] = [3, 0.6, 1, 0.4];
/** How far the first family spreads, and the last. */
const [TIGHTEST, WIDEST] = [0.3, 2];

/** A stream of rows without end. */
export class Clustered {
  readonly dim: number;
  readonly #random: Random;
  readonly #normals: Float32Array;
  /** Standard deviation of each coordinate. */
  readonly #scales: Float32Array;
  /** Where each family lies, and the shared mean in it; `families x dim`. */
  readonly #places: Float32Array;
  /** `families x WAYS x dim`. */
  readonly #ways: Float32Array;

  constructor({ dim, seed = 1, families = 400 }: ClusteredOptions) {
    this.dim = dim;
    const random = this.#random = new Random(seed);
    this.#normals = Float32Array.from({ length: NORMALS }, () => random.normal());
    this.#scales = Float32Array.from({ length: dim }, (_, j) => spectrum(j, dim));
    const mean = this.#drawn(1, MEAN);
    this.#places = this.#drawn(families, PLACE).map((value, i) => value + mean[i % dim]);
    this.#ways = this.#drawn(families * WAYS, WAY / Math.sqrt(WAYS));
  }

  /** The next rows of the stream, `rows x dim`. */
  take(rows: number): Float32Array<ArrayBuffer> {
    const { dim } = this;
    const [random, scales, normals] = [this.#random, this.#scales, this.#normals];
    const families = this.#places.length / dim;
    const data = new Float32Array(rows * dim);
    for (let start = 0; start < data.length; start += dim) {
      // Sizes as skewed as those of regions: the first of 400 families has 14 % of the rows, the later half 21 %.
      const rank = random.next() ** 3;
      const family = Math.floor(families * rank);
      // The largest families are the tightest: most of the nearest pairs lie in few of them.
      const spread = TIGHTEST + (WIDEST - TIGHTEST) * Math.sqrt(rank);
      const row = data.subarray(start, start + dim);
      const place = this.#places.subarray(family * dim, (family + 1) * dim);
      const from = random.integer(NORMALS - dim);
      const noise = NOISE * spread;
      for (let j = 0; j < dim; j++) row[j] = place[j] + noise * scales[j] * normals[from + j];
      for (let way = family * WAYS; way < (family + 1) * WAYS; way++) {
        const [amount, values] = [spread * random.normal(), this.#ways.subarray(way * dim, (way + 1) * dim)];
        for (let j = 0; j < dim; j++) row[j] += amount * values[j];
      }
    }
    return data;
  }

  /** Batches of up to `batch` rows, `rows` in all: what `Dictionary.add` and `discover` take. */
  *batches(rows: number, batch: number) {
    for (let start = 0; start < rows; start += batch) {
      const size = Math.min(batch, rows - start);
      yield { data: this.take(size), rows: size, dim: this.dim };
    }
  }

  /** Random rows, `rows x dim`, times the coordinates' scales. */
  #drawn(rows: number, factor: number): Float32Array {
    const { dim } = this;
    const data = new Float32Array(rows * dim);
    for (let start = 0; start < data.length; start += dim) {
      const from = this.#random.integer(NORMALS - dim);
      for (let j = 0; j < dim; j++) data[start + j] = factor * this.#scales[j] * this.#normals[from + j];
    }
    return data;
  }
}

/** Scale of a coordinate: a power law in mixed order, and heavy outliers. */
function spectrum(j: number, dim: number): number {
  return (j * 1009 % dim + 1) ** -0.4 * (j % 289 === 288 ? 15 : 1);
}
