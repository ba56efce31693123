import type { Backend, Matrix } from "../compute/backend.ts";
import { hashUniform, Random } from "../compute/random.ts";

/** The rows of a batch, on their way into the sample. */
export interface MembersBatch {
  /**
   * Offers a row.
   *
   * @param count Members that its region has, this one counted.
   */
  offer(row: number, region: number, count: number): void;
  /** Brings those that have a place down from the device. */
  commit(backend: Backend, directions: Matrix): Promise<void>;
}

/**
 * A uniform sample of member directions of every region (Vitter, "Random sampling with a reservoir", 1985, algorithm
 * R), in 16-bit floats on the host. A draw depends on the seed and the activation's stream index only, so neither batch
 * boundaries nor a resumed run change the sample.
 */
export class Members {
  #slots: number[][] = [];
  #pool = new Float16Array(0);
  #rows = 0;

  /** @param most Members kept a region. */
  constructor(readonly dim: number, readonly seed: number, readonly most: number) {}

  /** The sample of given directions: `sizes[r]` consecutive rows are region `r`'s. */
  static of(
    values: Float16Array<ArrayBuffer>,
    sizes: ArrayLike<number>,
    { dim, seed, most }: Pick<Members, "dim" | "seed" | "most">,
  ): Members {
    const members = new Members(dim, seed, most);
    members.#pool = values;
    members.#rows = values.length / dim;
    let next = 0;
    members.#slots = Array.from(sizes, (size) => Array.from({ length: size }, () => next++));
    return members;
  }

  /** How many members of a region are kept. */
  count(region: number): number {
    return this.#slots[region]?.length ?? 0;
  }

  /** A region's members, `count x dim`. */
  directions(region: number): Float16Array<ArrayBuffer> {
    return this.#gathered(this.#slots[region] ?? []);
  }

  /** The members of regions `from` to `to` (exclusive), and how many each has. */
  between(from: number, to: number): { values: Float16Array<ArrayBuffer>; sizes: number[] } {
    const slots = Array.from({ length: to - from }, (_, i) => this.#slots[from + i] ?? []);
    return { values: this.#gathered(slots.flat()), sizes: slots.map(({ length }) => length) };
  }

  /**
   * Starts a batch. Offer its rows in stream order, then commit.
   *
   * @param start Stream index of its first row.
   */
  batch(start: number): MembersBatch {
    const taken = new Map<number, number>();
    let next = this.#rows;
    return {
      offer: (row, region, count) => {
        const slots = this.#slots[region] ??= [];
        // The first `most` members all stay.
        if (slots.length < this.most) {
          slots.push(next);
          taken.set(next++, row);
          return;
        }
        // The n-th member stays with probability most / n, in place of a random one. A place taken twice in a batch
        // keeps the later row.
        const slot = Math.floor(hashUniform(this.seed, start + row) * count);
        if (slot < this.most) taken.set(slots[slot], row);
      },
      commit: async (backend, directions) => {
        if (taken.size === 0) return;
        const values = await backend.download(directions, Int32Array.from(taken.values()));
        this.#grow(next);
        let from = 0;
        // A Map gives keys and values in one order: value row `i` is the i-th slot's.
        for (const slot of taken.keys()) {
          this.#pool.set(values.subarray(from, from + this.dim), slot * this.dim);
          from += this.dim;
        }
      },
    };
  }

  /**
   * The sample of united regions. Members of regions that are united are drawn one after the other, each from the
   * region that it falls in, without putting any back. Fewer than fit stay all.
   *
   * @param groups For each region to be, those that it is made of, with all their members' number.
   */
  united(groups: readonly (readonly { region: number; count: number }[])[]): Members {
    const slots = groups.map((regions) => this.#drawn(regions));
    return Members.of(this.#gathered(slots.flat()), slots.map(({ length }) => length), this);
  }

  /** A copy of the sample that grows on its own. */
  copy(size: number): Members {
    const { values, sizes } = this.between(0, size);
    return Members.of(values, sizes, this);
  }

  #drawn(regions: readonly { region: number; count: number }[]): number[] {
    const samples = regions.map(({ region, count }) => ({ rows: [...this.#slots[region] ?? []], left: count }));
    const all = samples.flatMap(({ rows }) => rows);
    if (all.length <= this.most) return all;
    let members = samples.reduce((sum, { left }) => sum + left, 0);
    // Numbers that saving and loading keep: rows' places in the pool are not among them.
    const key = hashUniform(hashUniform(this.seed, regions[0].region) * 2 ** 32, members);
    const random = new Random(Math.floor(key * 2 ** 32));
    for (const { rows } of samples) random.shuffle(rows);
    return Array.from({ length: this.most }, () => {
      // A member of the whole, by number; then any of its region's sample stands for it, since that sample is uniform
      // itself.
      let member = random.integer(members--);
      const sample = samples.find(({ left }) => (member -= left) < 0)!;
      sample.left--;
      return sample.rows.pop()!;
    });
  }

  #gathered(rows: readonly number[]): Float16Array<ArrayBuffer> {
    const values = new Float16Array(rows.length * this.dim);
    rows.forEach((row, i) => values.set(this.#pool.subarray(row * this.dim, (row + 1) * this.dim), i * this.dim));
    return values;
  }

  #grow(rows: number): void {
    if (rows * this.dim > this.#pool.length) {
      const larger = new Float16Array(Math.max(rows, Math.ceil(this.#rows * 1.5)) * this.dim);
      larger.set(this.#pool.subarray(0, this.#rows * this.dim));
      this.#pool = larger;
    }
    this.#rows = Math.max(this.#rows, rows);
  }
}
