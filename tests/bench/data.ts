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
  /** How far the first family spreads, and the last; default 0.3 and 2. */
  readonly spread?: readonly [first: number, last: number];
}

// Normal numbers, drawn once: whatever is random of a row or a family are some of them from a random place on. So a family
// takes no memory to speak of.
const NORMALS = 1_000_003;
/** Ways in which the members of a family differ, beside noise of their own. */
const WAYS = 12;
/** Standard deviations, before the coordinates' scales: of the shared mean, places, members along the ways, their noise. */
const [MEAN, PLACE, ALONG_WAYS, NOISE] = [3, 0.6, 1, 0.4];

/** A stream of rows without end. */
export class Clustered {
  readonly dim: number;
  readonly #random: Random;
  readonly #normals: Float32Array;
  /** Standard deviation of each coordinate. */
  readonly #scales: Float32Array;
  readonly #mean: Float32Array;
  readonly #spread: readonly [number, number];
  /** For each family, where in the normals its place begins, and each of its ways. */
  readonly #families: readonly Int32Array[];

  constructor({ dim, seed = 1, families = 400, spread = [0.3, 2] }: ClusteredOptions) {
    this.dim = dim;
    this.#spread = spread;
    const random = this.#random = new Random(seed);
    this.#normals = Float32Array.from({ length: NORMALS }, () => random.normal());
    this.#scales = Float32Array.from({ length: dim }, (_, j) => spectrum(j, dim));
    this.#mean = this.#scales.map((scale) => MEAN * scale * random.normal());
    this.#families = Array.from({ length: families }, () => Int32Array.from({ length: 1 + WAYS }, () => this.#place()));
  }

  /** The next rows of the stream, `rows x dim`. */
  take(rows: number): Float32Array<ArrayBuffer> {
    const { dim } = this;
    const [mean, scales] = [this.#mean, this.#scales];
    const [first, last] = this.#spread;
    const data = new Float32Array(rows * dim);
    for (let start = 0; start < data.length; start += dim) {
      const row = data.subarray(start, start + dim);
      // Sizes as skewed as those of regions: the first of 400 families has 14 % of the rows, the later half 21 %.
      const rank = this.#random.next() ** 3;
      const [place, ...ways] = this.#families[Math.floor(this.#families.length * rank)];
      // The largest families are the tightest: most of the nearest pairs lie in few of them.
      const spread = first + (last - first) * Math.sqrt(rank);
      this.#add(row, [PLACE, NOISE * spread, 0, 0], [place, this.#place(), 0, 0]);
      for (let way = 0; way < WAYS; way += 4) {
        const amounts = [0, 0, 0, 0].map(() => ALONG_WAYS / Math.sqrt(WAYS) * spread * this.#random.normal());
        this.#add(row, amounts, ways.slice(way, way + 4));
      }
      for (let j = 0; j < dim; j++) row[j] = mean[j] + scales[j] * row[j];
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

  #place(): number {
    return this.#random.integer(NORMALS - this.dim);
  }

  /** Adds the normals from four places on, each times a factor: one by one takes longer. */
  #add(row: Float32Array, [a, b, c, d]: readonly number[], [i, j, k, l]: readonly number[]): void {
    const normals = this.#normals;
    for (let at = 0; at < row.length; at++) {
      row[at] += a * normals[i + at] + b * normals[j + at] + c * normals[k + at] + d * normals[l + at];
    }
  }
}

/** Scale of a coordinate: a power law in mixed order, and heavy outliers. */
function spectrum(j: number, dim: number): number {
  return (j * 1009 % dim + 1) ** -0.4 * (j % 289 === 288 ? 15 : 1);
}
