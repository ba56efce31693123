import type { Nearest } from "../backend.ts";
import { CpuMatrix } from "../cpu_matrix.ts";
import { nativeRuntime } from "../ort.ts";
import { ExemplarCodes } from "./exemplar_codes.ts";
import { searchFloats, stripRows } from "./float_search.ts";
import { integerProducts } from "./products.ts";
import { CODE_ROUNDING, type Codes, RowCoder } from "./row_coder.ts";
import { noneKnown, settle, type Strip } from "./settle.ts";

/** Candidates that a tile tells of each row; of real activations 99 % of the rows have at most five in all. */
const WIDTH = 8;
/** Share of the rows that have more, from which on integers are no help: the rest is searched with float32 products. */
const MOST_UNSETTLED = 0.25;
/** Codes of queries that are kept with them, for the dictionaries that they are searched in next. */
const KEPT_BYTES = 2 ** 26;

/** How integers are compared. */
export interface IntegerOptions {
  /** Largest code of an exemplar: what the processor adds up without saturating. */
  readonly levels: number;
  /** Share of the bound that is taken, 1 by default; tests show that less is wrong. */
  readonly share?: number;
}

/**
 * The exact nearest of all exemplars, found with products of 8-bit codes. Rows with more candidates than a tile tells,
 * which have many exemplars at nearly one distance, are searched with float32 products.
 *
 * @returns `undefined` if a row is not of finite numbers of ordinary size.
 */
export async function searchIntegers(
  queries: CpuMatrix,
  exemplars: CpuMatrix,
  { levels, share = 1 }: IntegerOptions,
): Promise<Nearest | undefined> {
  const coder = coderOf(queries.dim);
  const codes = exemplars.derived(`codes up to ${levels}`, () => new ExemplarCodes(coder, levels));
  // As they are now: rows that are appended meanwhile are columns beyond a tile's size, as those that fill it up.
  const tiles = codes.follow(exemplars)?.map((tile) => ({ ...tile }));
  if (!tiles) return undefined;
  const size = exemplars.rows;
  const { dim, rows } = queries;
  const [data, values] = [queries.view(), exemplars.view()];
  const { Tensor } = await nativeRuntime();
  const { width } = coder;
  const columns = tiles.map((tile) => new Tensor("int8", tile.codes, [width, tile.columns]));
  const best = noneKnown(rows);
  const unsettled = new Set<number>();
  const step = stripRows(size);
  let searched = 0;
  for (const part of codesOf(coder, queries)) {
    if (!part) return undefined;
    for (let from = 0; from < part.norms.length && unsettled.size <= MOST_UNSETTLED * searched; from += step) {
      const to = Math.min(from + step, part.norms.length);
      const own = (values: Float32Array) => values.subarray(from, to);
      const bounds = {
        scales: own(part.scales),
        norms: own(part.norms),
        errors: own(part.errors),
        rounding: CODE_ROUNDING,
        share,
      };
      const strip: Strip = { data, dim, first: searched, rows: to - from, ...bounds };
      const a = new Tensor("uint8", part.codes.subarray(from * width, to * width), [to - from, width]);
      const tops = [];
      for (const [t, tile] of tiles.entries()) {
        tops.push(await integerProducts.tops(WIDTH, tile, a, columns[t], tile.columns));
      }
      settle(best, strip, tops, values, (i) => unsettled.add(strip.first + i));
      searched += to - from;
    }
  }
  for (let row = searched; row < rows; row++) unsettled.add(row);
  await searchAgain(best, { data, dim }, new CpuMatrix(values, size, dim), [...unsettled]);
  return best;
}

/** Searches some of the rows with float32 products. */
async function searchAgain(
  best: Nearest,
  { data, dim }: { readonly data: Float32Array; readonly dim: number },
  exemplars: CpuMatrix,
  rows: readonly number[],
): Promise<void> {
  if (rows.length === 0) return;
  const some = new Float32Array(rows.length * dim);
  rows.forEach((row, i) => some.set(data.subarray(row * dim, (row + 1) * dim), i * dim));
  const found = await searchFloats(new CpuMatrix(some, rows.length, dim), exemplars, 0);
  rows.forEach((row, i) => {
    best.regions[row] = found.regions[i];
    best.similarities[row] = found.similarities[i];
  });
}

const coders = new Map<number, RowCoder>();

function coderOf(dim: number): RowCoder {
  const coder = coders.get(dim) ?? new RowCoder(dim);
  coders.set(dim, coder);
  return coder;
}

/** The codes of a matrix of queries, in parts; those of a matrix that is one part are kept with it. */
function* codesOf(coder: RowCoder, queries: CpuMatrix): Generator<Codes | undefined> {
  const most = Math.ceil(KEPT_BYTES / coder.width);
  if (queries.rows <= most) {
    yield queries.kept("codes of queries", () => coder.queries(queries.view()));
    return;
  }
  for (let first = 0; first < queries.rows; first += most) {
    yield coder.queries(queries.view(first, Math.min(first + most, queries.rows)));
  }
}
