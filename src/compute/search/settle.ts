/**
 * The exact nearest exemplar from products that are not: a filter.
 *
 * Products of a row `x` with all exemplars are found in a cheap way, up to a margin that is proved. Whoever's product and
 * margin reach the best product that is known exactly may be the nearest and is scored exactly, in float64 rounded to
 * float32; of equals the lowest wins. So the answer does not depend on the way.
 */
import type { Nearest } from "../backend.ts";
import type { ExactScores } from "./exact_scores.ts";
import { score } from "./scores.ts";

/** Float32's unit roundoff. */
export const UNIT = 2 ** -24;

/** Consecutive rows of a matrix whose nearest are sought, and how far off their products may be. */
export interface Strip {
  /** Values of the whole matrix, `rows x dim`. */
  readonly data: Float32Array;
  readonly dim: number;
  /** The matrix's row of the strip's first. */
  readonly first: number;
  readonly rows: number;
  /** A unit of the products of each row, beside that of the tile. */
  readonly scales: Float32Array;
  /** Upper bounds of the rows' lengths. */
  readonly norms: Float32Array;
  /** Upper bounds of the lengths of what the products leave out of each row. */
  readonly errors: Float32Array;
  /** What float32 rounds in products, as a share of `|x| |w|`. */
  readonly rounding: number;
  /** Share of the margin that is taken: 1, but to show that less is wrong. */
  readonly share?: number;
}

/** Exemplars that are compared at once. */
export interface Tile {
  /** Number of its first exemplar. */
  readonly first: number;
  readonly size: number;
  /** Unit of its products, beside that of a row. */
  readonly scale: number;
  /** Upper bound of its exemplars' lengths. */
  readonly norm: number;
  /** Upper bound of the lengths of what the products leave out of its exemplars. */
  readonly error: number;
}

/** The largest products of every row of a strip with a tile. */
export interface Tops {
  readonly tile: Tile;
  /** How many of each row. */
  readonly width: number;
  /** Of how many: the tile's exemplars, and columns beyond its size that are none of it. */
  readonly columns: number;
  /** `rows x width`, each row descending. */
  readonly values: Int32Array | Float32Array;
  /** Their places in the tile, the low halves of 64-bit numbers; a place beyond the tile's size is none. */
  readonly places: Int32Array;
}

/**
 * Settles the rows of a strip, given their largest products with all tiles.
 *
 * @param scores Of the search.
 * @param open Called for a row of the strip, and the number of a tile, that may have more candidates than it tells.
 */
export function settle(
  scores: ExactScores,
  strip: Strip,
  tops: readonly Tops[],
  open: (i: number, tile: number) => void,
): void {
  const { best, step } = scores;
  const seeming = new Int32Array(Math.min(step, strip.rows));
  for (let first = 0; first < strip.rows; first += step) {
    const end = Math.min(first + step, strip.rows);
    scores.take(strip.first + first, end - first);
    // First whoever seems nearest: the more is known, the fewer others can still be it.
    for (let i = first; i < end; i++) {
      const nearest = seemsNearest(tops, i);
      seeming[i - first] = nearest;
      if (nearest < 0) tops.forEach((_, t) => open(i, t));
      else scores.add(i - first, tops[nearest].tile.first + placeOf(tops[nearest], i, 0));
    }
    scores.settle();
    for (let i = first; i < end; i++) {
      const nearest = seeming[i - first];
      if (nearest < 0) continue;
      for (let t = 0; t < tops.length; t++) {
        const { tile, width, columns, values } = tops[t];
        const cut = cutOf(best.similarities[strip.first + i], strip, i, tile);
        const start = i * width;
        if (width < columns && values[start + width - 1] >= cut) {
          open(i, t);
          continue;
        }
        for (let c = t === nearest ? 1 : 0; c < width && values[start + c] >= cut; c++) {
          const place = placeOf(tops[t], i, c);
          if (place < tile.size) scores.add(i - first, tile.first + place);
        }
      }
    }
    scores.settle();
  }
}

/**
 * Settles some rows of a strip with a tile, given all their products with it.
 *
 * @param rows Which of the strip's rows.
 * @param products `rows.length x columns`.
 * @param most Candidates of a row at most; default any number. Of a row with more none is scored.
 * @returns The rows with more.
 */
export function settleWhole(
  best: Nearest,
  strip: Strip,
  rows: readonly number[],
  tile: Tile,
  products: Int32Array | Float32Array,
  columns: number,
  exemplars: Float32Array,
  most = Infinity,
): number[] {
  const candidates: number[] = [];
  return rows.filter((i, at) => {
    const cut = cutOf(best.similarities[strip.first + i], strip, i, tile);
    candidates.length = 0;
    for (let k = 0; k < tile.size && candidates.length <= most; k++) {
      if (products[at * columns + k] >= cut) candidates.push(k);
    }
    if (candidates.length > most) return true;
    for (const k of candidates) score(best, strip, strip.first + i, exemplars, tile.first + k);
    return false;
  });
}

/**
 * The least product, in the units of strip and tile, with which an exemplar may still be as near as the best known.
 *
 * With `x^` and `w^` what the products are of, `x.w = x^.w^ + (x - x^).w + x^.(w - w^)`: they differ by at most
 * `e_x |w| + (|x| + e_x) e_w`, and by what float32 rounds.
 */
export function cutOf(similarity: number, strip: Strip, i: number, tile: Tile): number {
  const [norm, error] = [strip.norms[i], strip.errors[i]];
  const margin = error * tile.norm + (norm + error) * tile.error + strip.rounding * norm * tile.norm;
  return (similarity - margin * (strip.share ?? 1)) / (strip.scales[i] * tile.scale);
}

/** The tile with the largest product of a row; -1 if columns beyond their sizes have the largest in all. */
function seemsNearest(tops: readonly Tops[], i: number): number {
  let [nearest, most] = [-1, -Infinity];
  for (let t = 0; t < tops.length; t++) {
    const { tile, width, values } = tops[t];
    const product = values[i * width] * tile.scale;
    if (product > most && placeOf(tops[t], i, 0) < tile.size) [nearest, most] = [t, product];
  }
  return nearest;
}

function placeOf({ places, width }: Tops, i: number, c: number): number {
  return places[2 * (i * width + c)];
}
