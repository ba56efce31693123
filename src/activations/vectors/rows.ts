/** Rows of vectors as they come from files, bounded and checked. */
import {
  type Dtype,
  isDtype,
  itemBytes,
  listed,
  numbersAt,
  type TensorOutline,
  toFloat32,
} from "../../files/tensor.ts";
import { visibleText } from "../../files/visible_text.ts";
import type { UnpackOptions } from "../../files/unpacking.ts";

/** Rows of a batch where nothing else is said. */
export const ROWS = 4096;
/** Numbers of a batch at most (64 MB as float32), and of a row. */
const MOST_NUMBERS = 2 ** 24;

/** How a zarr store is converted. */
export const ZARR = 'Convert it in Python: numpy.save("x.npy", zarr.open("x.zarr")["x"][:])';

/** How vectors are read. */
export interface ReadVectorsOptions extends UnpackOptions {
  /**
   * Which array of many (`.npz`, `.safetensors`, `.pt`, where `layers.3` is key `3` of the dictionary `layers`), or which
   * column of lists (Parquet, Arrow, a data set). Default the only one.
   */
  name?: string;
  /** Rows a batch at most; default 4096, fewer where a row has more than 4096 numbers. */
  batchRows?: number;
}

/** Options, those that have a default filled in. */
export type RowsOptions = ReadVectorsOptions & { readonly batchRows: number };

/** Some rows of a file. */
export interface RowBlock {
  /** `rows x dim`. */
  readonly data: Float32Array<ArrayBuffer>;
  readonly rows: number;
  readonly dim: number;
  /** The file, and the array in it, for messages. */
  readonly source: string;
}

/**
 * Rows that a batch gets of vectors of a length.
 *
 * @throws {Error} A sentence if a single one is longer than any vector.
 */
export function rowsAtOnce(dim: number, batchRows: number, source: string): number {
  if (dim === 0) throw new Error(`Expected vectors but those of ${source} have no numbers.`);
  if (dim > MOST_NUMBERS) {
    throw new Error(
      `Expected vectors of at most ${MOST_NUMBERS} numbers but those of ${source} have ${dim}: the last axis is a vector.`,
    );
  }
  return Math.max(1, Math.min(batchRows, Math.floor(MOST_NUMBERS / dim)));
}

/** Rows and length of the vectors of an array: the last axis is a vector; of one axis the array is, of none its number. */
export function vectorsOf(shape: readonly number[]): { rows: number; dim: number } {
  const dim = shape.at(-1) ?? 1;
  return { dim, rows: shape.slice(0, -1).reduce((product, length) => product * length, 1) };
}

/**
 * Rows of which all numbers are finite.
 *
 * @param first Number of the first row in its file.
 * @throws {Error} A sentence that names the file and the row of a number that is not.
 */
export function checkedRows(data: Float32Array<ArrayBuffer>, dim: number, first: number, source: string): RowBlock {
  for (let i = 0; i < data.length; i++) {
    if (Number.isFinite(data[i])) continue;
    throw new Error(
      `Expected finite numbers in ${source} but row ${first + Math.floor(i / dim)}, counted from 0, has ${
        data[i]
      } at ` +
        `${i % dim}: leave the row out, or write it anew.`,
    );
  }
  return { data, rows: data.length / dim, dim, source };
}

/** Numbers' bytes as float32, rounded to the nearest; 64-bit whole numbers too. */
export function floatsOf(dtype: Dtype, bytes: Uint8Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  const data = numbersAt(dtype, bytes, 0, bytes.length / itemBytes(dtype));
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return Float32Array.from(data, Number);
  return toFloat32({ dtype, shape: [data.length], data });
}

/** Names of columns that say something of a vector and are no number of it. */
const NO_NUMBER =
  /^(?:index|idx|(?:.*[_ ])?ids?|labels?|class|target|tokens?|token_id|position|pos|layer|rows?|step|split)$/i;

/**
 * Throws if one of the columns whose numbers make up vectors does not belong to them: it is called as labels and ids are, or
 * otherwise than the rest, which are numbered.
 */
export function assertAlike(path: string, names: readonly string[]): void {
  const stem = (name: string) => name.replaceAll(/\d+/g, "");
  const isNumbered = names.filter((name) => /\d/.test(name)).length > names.length / 2;
  const usual = names.find((name) => /\d/.test(name));
  const odd = names.filter((name) => NO_NUMBER.test(name) || (isNumbered && stem(name) !== stem(usual!)));
  if (odd.length === 0) return;
  throw new Error(
    `Expected columns that are numbers of vectors alone in ${path} but ${listed(odd)} ${
      odd.length === 1 ? "is" : "are"
    } called otherwise: leave out what is no vector, or write the vectors as a column of lists.`,
  );
}

/** For a name that none of the arrays of a file has. */
export function noSuchArray(path: string, name: string, there: Iterable<string>): Error {
  return new Error(
    `Expected an array named ${visibleText(name)} in ${path} but it has ${
      listed(there)
    }: give one of these as the option name.`,
  );
}

/**
 * The array that is meant: the one of the name, or the only one whose numbers can be read.
 *
 * @param there All arrays of a file.
 * @throws {Error} A sentence that names those that there are.
 */
export function chosenName(
  path: string,
  there: ReadonlyMap<string, TensorOutline>,
  name: string | undefined,
): string {
  if (name !== undefined) {
    if (there.has(name)) return name;
    throw noSuchArray(path, name, there.keys());
  }
  const names = [...there].filter(([, { dtype }]) => isDtype(dtype)).map(([name]) => name);
  if (names.length === 1) return names[0];
  // Whoever reads it says why it cannot be.
  if (there.size === 1) return [...there.keys()][0];
  const list = listed([...there].map(([name, { dtype, shape }]) => `${name} (${dtype}, ${shape.join(" x ")})`));
  throw new Error(`Expected one array in ${path} but it has ${list}: say which by the option name.`);
}
