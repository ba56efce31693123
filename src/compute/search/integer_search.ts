import type { Nearest } from "../backend.ts";
import { CpuMatrix, type CpuRows } from "../cpu_matrix.ts";
import { nativeRuntime, type Tensor } from "../ort.ts";
import { rowsOf } from "../rows_of.ts";
import { ExactScores } from "./exact_scores.ts";
import { ExemplarCodes, type Packing } from "./exemplar_codes.ts";
import { searchFloats, stripRows } from "./float_search.ts";
import type { CodedTile } from "./packed_tiles.ts";
import { integerProducts } from "./products.ts";
import { CODE_ROUNDING, type Codes, RowCoder } from "./row_coder.ts";
import { noneKnown } from "./scores.ts";
import { settle, settleWhole, type Strip } from "./settle.ts";

/** Candidates that a tile tells of each row; of real activations 99 % of the rows have at most five in all. */
const WIDTH = 8;
/** Share of the rows that have more, from which on integers are no help: the rest is searched with float32 products. */
const MOST_UNSETTLED = 0.25;
/** Candidates of such a row in a tile, beyond which scoring each takes longer than float32 products. */
const MOST_CANDIDATES = 64;
/** Codes of queries that are kept with them, for the dictionaries that they are searched in next. */
const KEPT_BYTES = 2 ** 26;

/** How integers are compared. */
export interface IntegerOptions {
  /** Largest code of an exemplar: what the processor adds up without saturating. */
  readonly levels: number;
  /** Share of the bound that is taken, 1 by default; tests show that less is wrong. */
  readonly share?: number;
  /** When full tiles are packed; default after some thousand rows. */
  readonly packing?: Packing;
}

const PACKING: Packing = { rows: 8192, bytes: 2 ** 28 };

/**
 * The exact nearest of all exemplars, found with products of 8-bit codes. Rows with more candidates than a tile tells are
 * compared with all of it; those with very many exemplars at nearly one distance are searched with float32 products.
 *
 * @returns `undefined` if a row is not of finite numbers of ordinary size, or the exemplars are not those of a matrix any more.
 */
export async function searchIntegers(
  queries: CpuRows,
  exemplars: CpuRows,
  { levels, share = 1, packing = PACKING }: IntegerOptions,
): Promise<Nearest | undefined> {
  const coder = coderOf(queries.dim);
  const { current } = exemplars;
  const codes = current?.derived(`codes up to ${levels}`, () => new ExemplarCodes(coder, levels));
  // As they are now: rows that are appended meanwhile are columns beyond a tile's size, as those that fill it up.
  const tiles = codes?.follow(current!)?.map((tile) => ({ ...tile }));
  if (!codes || !tiles) return undefined;
  const { dim, rows } = queries;
  const [data, values] = [queries.view(), exemplars.view()];
  const best = noneKnown(rows);
  const scores = new ExactScores(best, { data, dim }, exemplars);
  const { Tensor } = await nativeRuntime();
  const { width } = coder;
  using packed = await codes.packed(tiles, rows, WIDTH, packing);
  const columns = tiles.map((tile) => new Tensor("int8", tile.codes, [width, tile.columns]));
  // Rows with more candidates than a tile told, by tile and in all.
  const open = tiles.map((): number[] => []);
  const unsettled = new Set<number>();
  const step = stripRows(exemplars.rows);
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
      const tops = await packed?.tops(tiles, a) ?? [];
      for (const [t, tile] of tiles.entries().drop(tops.length)) {
        tops.push(await integerProducts.tops(WIDTH, tile, a, columns[t], tile.columns));
      }
      settle(scores, strip, tops, (i, tile) => {
        open[tile].push(strip.first + i);
        unsettled.add(strip.first + i);
      });
      searched += to - from;
    }
  }
  if (searched === rows) {
    unsettled.clear();
    for (const [t, tile] of tiles.entries()) {
      const left = await settleOpen(
        best,
        { coder, queries: data, exemplars: values, share },
        open[t],
        tile,
        columns[t],
      );
      for (const row of left) unsettled.add(row);
    }
  }
  for (let row = searched; row < rows; row++) unsettled.add(row);
  await searchAgain(best, { data, dim }, exemplars, [...unsettled]);
  return best;
}

/** What is compared, and how. */
interface Compared {
  readonly coder: RowCoder;
  /** Values, `rows x dim` both. */
  readonly queries: Float32Array;
  readonly exemplars: Float32Array;
  readonly share: number;
}

/**
 * Settles rows that have more candidates in a tile than it told, by the products of all its codes.
 *
 * @returns Those with so many that integers are no help.
 */
async function settleOpen(
  best: Nearest,
  { coder, queries, exemplars, share }: Compared,
  rows: readonly number[],
  tile: CodedTile,
  columns: Tensor,
): Promise<number[]> {
  const { Tensor } = await nativeRuntime();
  const { dim, width } = coder;
  const left: number[] = [];
  const step = stripRows(tile.size);
  for (let first = 0; first < rows.length; first += step) {
    const some = rows.slice(first, first + step);
    const data = rowsOf(queries, dim, some);
    // As they were coded before, or they were not open.
    const { codes, ...bounds } = coder.queries(data)!;
    const strip: Strip = { data, dim, first: 0, rows: some.length, ...bounds, rounding: CODE_ROUNDING, share };
    const own = {
      regions: Int32Array.from(some, (row) => best.regions[row]),
      similarities: Float32Array.from(some, (row) => best.similarities[row]),
    };
    const products = await integerProducts.all(new Tensor("uint8", codes, [some.length, width]), columns);
    const all = [...some.keys()];
    const many = settleWhole(own, strip, all, tile, products, tile.columns, exemplars, MOST_CANDIDATES);
    some.forEach((row, i) => {
      [best.regions[row], best.similarities[row]] = [own.regions[i], own.similarities[i]];
    });
    for (const i of many) left.push(some[i]);
  }
  return left;
}

/** Searches some of the rows with float32 products. */
async function searchAgain(
  best: Nearest,
  { data, dim }: { readonly data: Float32Array; readonly dim: number },
  exemplars: CpuRows,
  rows: readonly number[],
): Promise<void> {
  if (rows.length === 0) return;
  const found = await searchFloats(new CpuMatrix(rowsOf(data, dim, rows), rows.length, dim), exemplars, 0);
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

/** The codes of queries, in parts; those of a matrix that is one part are kept with it. */
function* codesOf(coder: RowCoder, queries: CpuRows): Generator<Codes | undefined> {
  const most = Math.ceil(KEPT_BYTES / coder.width);
  if (queries.rows <= most) {
    const code = () => coder.queries(queries.view());
    yield queries.current ? queries.current.kept("codes of queries", code) : code();
    return;
  }
  for (let first = 0; first < queries.rows; first += most) {
    yield coder.queries(queries.view(first, Math.min(first + most, queries.rows)));
  }
}
