import type { Backend, Matrix } from "../compute/backend.ts";
import { hashUniform, Random } from "../compute/random.ts";

/** Member directions kept a region. */
export const RESERVOIR = 30;

/**
 * A uniform sample of up to {@linkcode RESERVOIR} member directions of every region (Vitter, "Random sampling with a
 * reservoir", 1985, algorithm R). A draw depends on the seed and the activation's stream index only, so neither batch
 * boundaries nor a resumed run change the sample. The directions stay with the backend, in one pool.
 */
export class Reservoir {
  #slots: number[][] = [];

  /** @param pool All sampled directions; `slots` says whose each row is. Empty by default. */
  constructor(
    readonly backend: Backend,
    dim: number,
    readonly seed: number,
    readonly pool: Matrix = backend.create(dim),
  ) {}

  /** Rows of the pool that hold a region's sample. */
  rows(region: number): readonly number[] {
    return this.#slots[region] ?? [];
  }

  /**
   * Starts a batch. Offer its rows in stream order, then commit.
   *
   * @param directions Unit rows, `rows x dim`.
   * @param start Stream index of its first row.
   */
  batch(
    directions: Matrix,
    start: number,
  ): { offer(row: number, region: number, count: number): void; commit(): void } {
    const taken = new Map<number, number>();
    let next = this.pool.rows;
    return {
      offer: (row, region, count) => {
        const slots = this.#slots[region] ??= [];
        if (slots.length < RESERVOIR) {
          slots.push(next);
          taken.set(next++, row);
          return;
        }
        const slot = Math.floor(hashUniform(this.seed, start + row) * count);
        if (slot < RESERVOIR) taken.set(slots[slot], row);
      },
      commit: () => {
        if (taken.size === 0) return;
        this.backend.copyRows(directions, Int32Array.from(taken.values()), this.pool, Int32Array.from(taken.keys()));
      },
    };
  }

  /**
   * The pool rows of a uniform sample of united regions: members are drawn one after the other, each from the region that
   * it falls in, without putting any back. Fewer than fit stay all.
   */
  joined(regions: readonly { region: number; count: number }[]): number[] {
    const samples = regions.map(({ region, count }) => ({ rows: [...this.rows(region)], left: count }));
    const all = samples.flatMap(({ rows }) => rows);
    if (all.length <= RESERVOIR) return all;
    const random = new Random(Math.floor(hashUniform(this.seed, all[0]) * 2 ** 32));
    for (const { rows } of samples) random.shuffle(rows);
    let members = samples.reduce((sum, { left }) => sum + left, 0);
    return Array.from({ length: RESERVOIR }, () => {
      let member = random.integer(members--);
      const sample = samples.find(({ left }) => (member -= left) < 0)!;
      sample.left--;
      return sample.rows.pop()!;
    });
  }

  /** A reservoir of chosen pool rows: `sizes[r]` consecutive entries of `rows` are region `r`'s. */
  select(rows: readonly number[], sizes: ArrayLike<number>): Reservoir {
    const reservoir = new Reservoir(this.backend, this.pool.dim, this.seed);
    reservoir.restore(this.pool, Int32Array.from(rows), sizes);
    return reservoir;
  }

  /** Fills an empty reservoir: `sizes[r]` consecutive entries of `rows`, row numbers of `directions`, are region `r`'s. */
  restore(directions: Matrix, rows: Int32Array, sizes: ArrayLike<number>): void {
    this.backend.copyRows(directions, rows, this.pool, rowNumbers(0, rows.length));
    this.divide(sizes);
  }

  /** Gives the pool's rows to the regions in turn, `sizes[r]` to region `r`. */
  divide(sizes: ArrayLike<number>): void {
    let next = 0;
    this.#slots = Array.from(sizes, (size) => Array.from({ length: size }, () => next++));
  }
}

/** `count` consecutive row numbers from `first` on. */
export function rowNumbers(first: number, count: number): Int32Array<ArrayBuffer> {
  return Int32Array.from({ length: count }, (_, i) => first + i);
}
