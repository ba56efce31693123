/** Which member of a region lies nearest to the mean direction of all: the largest product with the members' sum. */
import type { Backend, Matrix } from "../compute/backend.ts";
import { exactProducts } from "./exact.ts";

// Rows whose products are taken at once: they and their regions' sums are held on the host.
const ROWS = 512;

/** The nearest member so far of every region. */
export class BestMembers {
  readonly #products: Float64Array;

  /** @param size Number of regions. */
  constructor(size: number) {
    this.#products = new Float64Array(size).fill(-Infinity);
  }

  /** Begins with a member that only a larger product replaces. */
  start(region: number, product: number): void {
    this.#products[region] = product;
  }

  /**
   * Copies the rows that are nearer than all before over their regions' rows of `best`. Of equally near ones the first
   * stays.
   *
   * @param directions Unit rows, `rows x dim`, in stream order.
   * @param regions Region of each row; one of none (-1) is passed over.
   * @param sums Sums of all members' directions, `size x dim`.
   * @param best `size x dim`.
   */
  async take(
    backend: Backend,
    directions: Matrix,
    regions: Int32Array<ArrayBuffer>,
    sums: Matrix,
    best: Matrix,
  ): Promise<void> {
    const rowOfRegion = new Map<number, number>();
    const members = [...regions.keys()].filter((row) => regions[row] >= 0);
    for (let from = 0; from < members.length; from += ROWS) {
      // One pair a row: itself and the sum of its own region.
      const rows = members.slice(from, from + ROWS);
      const own = rows.map((row) => regions[row]);
      const products = await exactProducts(backend, directions, rows, sums, own);
      own.forEach((region, i) => {
        // A sum and the mean direction differ by a positive factor, the same for all members: the order is that of the
        // mean.
        if (products[i] <= this.#products[region]) return;
        this.#products[region] = products[i];
        rowOfRegion.set(region, rows[i]);
      });
    }
    if (rowOfRegion.size === 0) return;
    backend.copyRows(directions, Int32Array.from(rowOfRegion.values()), best, Int32Array.from(rowOfRegion.keys()));
  }
}
