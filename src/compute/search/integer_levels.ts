import type { Tensor } from "../ort.ts";

/** Gives all products of codes of rows, with 128 added, and codes of exemplars, `a [n, d]` and `b [d, k]`. */
export type MultiplyCodes = (a: Tensor, b: Tensor) => Promise<ArrayLike<number>>;

/** The largest codes of exemplars, most exact first. Two products of 255 and 64 still fit 16 bits. */
const LEVELS = [127, 64] as const;
// As many rows and columns as take the paths of real products.
const [ROWS, DIM, COLUMNS] = [64, 256, 64];

/**
 * The largest code of an exemplar whose products this processor adds up exactly; `undefined` if there is none.
 *
 * x86 processors without VNNI add two products of 8 bits in 16 bits, which saturate. So the largest sums that codes can give
 * are computed and compared with what they are.
 */
export async function integerLevels(
  multiply: MultiplyCodes,
  TensorOf: typeof Tensor,
): Promise<number | undefined> {
  for (const levels of LEVELS) {
    if (await isExact(multiply, TensorOf, levels)) return levels;
  }
  return undefined;
}

async function isExact(multiply: MultiplyCodes, TensorOf: typeof Tensor, levels: number): Promise<boolean> {
  // Rows of the least and the largest codes, and both in turns; columns of both signs.
  const row = (i: number, j: number) => [255, 1, j % 2 === 0 ? 255 : 1][i % 3];
  const column = (k: number) => k % 2 === 0 ? levels : -levels;
  const a = Uint8Array.from({ length: ROWS * DIM }, (_, at) => row(Math.floor(at / DIM), at % DIM));
  const b = Int8Array.from({ length: DIM * COLUMNS }, (_, at) => column(at % COLUMNS));
  const products = await multiply(new TensorOf("uint8", a, [ROWS, DIM]), new TensorOf("int8", b, [DIM, COLUMNS]));
  for (let i = 0; i < ROWS; i++) {
    let sum = 0;
    for (let j = 0; j < DIM; j++) sum += row(i, j) - 128;
    for (let k = 0; k < COLUMNS; k++) {
      if (products[i * COLUMNS + k] !== sum * column(k)) return false;
    }
  }
  return true;
}
