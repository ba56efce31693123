import type { Nearest } from "../backend.ts";
import { type CpuRows, ROWS_A_TILE } from "../cpu_matrix.ts";
import { nativeRuntime, type Tensor } from "../ort.ts";
import { rowsOf } from "../rows_of.ts";
import { ExactScores } from "./exact_scores.ts";
import { floatProducts } from "./products.ts";
import { noneKnown } from "./scores.ts";
import { settle, settleWhole, type Strip, type Tile, UNIT } from "./settle.ts";

/** Products of a strip's rows with a tile that are computed at once, and the fewest rows and columns that make them up. */
const [PRODUCTS, FEWEST_ROWS, FEWEST_COLUMNS] = [512 * ROWS_A_TILE, 512, 128];

/**
 * Rows that are searched at once among so many exemplars: their products with a tile stay near the second-level cache, and
 * where exemplars are few there are not many calls.
 */
export function stripRows(exemplars: number): number {
  const columns = Math.min(Math.max(exemplars, FEWEST_COLUMNS), ROWS_A_TILE);
  return Math.max(FEWEST_ROWS, FEWEST_ROWS * Math.floor(PRODUCTS / columns / FEWEST_ROWS));
}

/** Candidates that a tile tells of each row: hardly any row has a second within the margin. */
const WIDTH = 2;

interface FloatTile extends Tile {
  readonly b: Tensor;
}

/** The exact nearest among the exemplars from `from` on, found with float32 products. */
export async function searchFloats(queries: CpuRows, exemplars: CpuRows, from: number): Promise<Nearest> {
  const { Tensor } = await nativeRuntime();
  const { dim, rows } = queries;
  const best = noneKnown(rows);
  const [norms, exemplarNorms] = [lengthsOf(queries), lengthsOf(exemplars)];
  const tiles: FloatTile[] = [];
  for (let first = from; first < exemplars.rows; first += ROWS_A_TILE) {
    const end = Math.min(first + ROWS_A_TILE, exemplars.rows);
    const norm = exemplarNorms.subarray(first, end).reduce((most, length) => Math.max(most, length), 0);
    const b = new Tensor("float32", exemplars.view(first, end), [end - first, dim]);
    tiles.push({ first, size: end - first, scale: 1, norm, error: 0, b });
  }
  const [data, values] = [queries.view(), exemplars.view()];
  const scores = new ExactScores(best, { data, dim }, exemplars);
  // A sum of n products is off by at most n roundings of each, in whatever order; the similarity has one of its own.
  const rounding = (dim + 2) * UNIT;
  const step = Math.min(rows, stripRows(exemplars.rows - from));
  const [scales, errors] = [new Float32Array(step).fill(1), new Float32Array(step)];
  for (let first = 0; first < rows; first += step) {
    const end = Math.min(first + step, rows);
    const bounds = { scales, norms: norms.subarray(first, end), errors, rounding };
    const strip: Strip = { data, dim, first, rows: end - first, ...bounds };
    const a = new Tensor("float32", data.subarray(first * dim, end * dim), [end - first, dim]);
    const tops = [];
    for (const tile of tiles) tops.push(await floatProducts.tops(WIDTH, tile, a, tile.b));
    const open = tiles.map((): number[] => []);
    settle(scores, strip, tops, (i, tile) => open[tile].push(i));
    for (const [t, tile] of tiles.entries()) {
      if (open[t].length === 0) continue;
      const some = rowsOf(strip.data, dim, open[t].map((i) => first + i));
      const products = await floatProducts.all(new Tensor("float32", some, [open[t].length, dim]), tile.b);
      settleWhole(best, strip, open[t], tile, products, tile.size, values);
    }
  }
  return best;
}

/** Upper bounds of the rows' lengths. */
function lengthsOf(rows: CpuRows): Float32Array {
  const { dim, current } = rows;
  const measure = (data: Float32Array) => {
    const lengths = new Float32Array(data.length / dim);
    for (let row = 0; row < lengths.length; row++) lengths[row] = lengthOf(data, row * dim, dim) * (1 + 4 * UNIT);
    return lengths;
  };
  return current?.perRow("lengths", measure) ?? measure(rows.view());
}

/** In two sums, as one would wait for each addition before the next; declared one by one as in `exactDot`. */
function lengthOf(data: Float32Array, at: number, dim: number): number {
  let even = 0;
  let odd = 0;
  const end = at + dim;
  for (let j = at + 1; j < end; j += 2) {
    even += data[j - 1] * data[j - 1];
    odd += data[j] * data[j];
  }
  if (dim % 2 === 1) even += data[end - 1] * data[end - 1];
  return Math.sqrt(even + odd);
}
