/** Vectors in columns of tables: lists of numbers, or a column a number. */
import { type Data, DataType, type RecordBatch, type Schema } from "../../files/apache_arrow.ts";
import { outlineArrow, readArrowBatches } from "../../files/read_arrow.ts";
import { listed } from "../../files/tensor.ts";
import { visibleText } from "../../files/visible_text.ts";
import { outlineParquet, readParquet } from "../parquet.ts";
import { assertAlike, checkedRows, type RowBlock, rowsAtOnce, type RowsOptions } from "./rows.ts";

/** Columns that number the rows, as pandas stores them. */
const INDEX = /^__index_level_\d+__$/;

/** The vectors' columns: one of lists, or as many as a vector has numbers. */
type Columns = { readonly list: string } | { readonly numbers: readonly string[] };

/** What a column is, for the choice among them. */
type ColumnKind = "lists" | "numbers" | "other";

/**
 * The columns that hold the vectors: the one of the name, the only one of lists of numbers, or all where each is of numbers.
 *
 * @throws {Error} A sentence that names the columns that there are.
 */
function vectorColumns(path: string, columns: ReadonlyMap<string, ColumnKind>, name?: string): Columns {
  const of = (kind: ColumnKind) =>
    [...columns].filter(([name, has]) => has === kind && !INDEX.test(name)).map(([name]) => name);
  if (name !== undefined) {
    if (columns.get(name) === "lists") return { list: name };
    const why = columns.has(name) ? "that column holds none" : `it has the columns ${listed(columns.keys())}`;
    throw new Error(`Expected a column of lists of numbers named ${visibleText(name)} in ${path} but ${why}.`);
  }
  const lists = of("lists");
  if (lists.length === 1) return { list: lists[0] };
  if (lists.length > 1) {
    throw new Error(
      `Expected one column of lists in ${path} but it has ${listed(lists)}: say which by the option name.`,
    );
  }
  const [numbers, others] = [of("numbers"), of("other")];
  if (numbers.length > 0 && others.length === 0) {
    assertAlike(path, numbers);
    return { numbers };
  }
  throw new Error(
    `Expected a column of lists of numbers in ${path}, or columns of numbers alone, but it has ${
      listed(others.length > 0 ? others : columns.keys())
    }: leave out what is no vector.`,
  );
}

/** The vectors of an Arrow file or stream. */
export async function* arrowRows(path: string, options: RowsOptions): AsyncGenerator<RowBlock> {
  const { schema } = await outlineArrow(path);
  const columns = vectorColumns(path, kindsOf(schema), options.name);
  const names = "list" in columns ? [columns.list] : columns.numbers;
  const source = "list" in columns ? `${visibleText(columns.list)} of ${path}` : path;
  let first = 0;
  for await (const table of readArrowBatches(path, { columns: names })) {
    for (const batch of table.batches) {
      const { values, dim } = "list" in columns
        ? listedValues(batch.getChild(columns.list)!.data[0], first, source)
        : sideBySide(batch, columns.numbers, first, source);
      yield* blocksOf(values, dim, first, source, options);
      first += batch.numRows;
    }
  }
}

function* blocksOf(
  values: Float32Array<ArrayBuffer>,
  dim: number,
  first: number,
  source: string,
  { batchRows }: RowsOptions,
): Generator<RowBlock> {
  if (values.length === 0) return;
  const count = rowsAtOnce(dim, batchRows, source);
  for (let start = 0; start < values.length; start += count * dim) {
    yield checkedRows(values.slice(start, start + count * dim), dim, first + start / dim, source);
  }
}

function kindsOf({ fields }: Schema): Map<string, ColumnKind> {
  const isNumber = (type: DataType) => DataType.isInt(type) || DataType.isFloat(type);
  return new Map(fields.map(({ name, type }) => {
    const isList = DataType.isList(type) || DataType.isLargeList(type) || DataType.isFixedSizeList(type);
    const kind = isNumber(type) ? "numbers" : isList && isNumber(type.children[0].type) ? "lists" : "other";
    return [name, kind];
  }));
}

/** Vectors of a column of lists, which must be of one length and without nulls. */
function listedValues(data: Data, first: number, source: string): { values: Float32Array<ArrayBuffer>; dim: number } {
  const { length, children: [child], type } = data;
  assertNoNulls(data, first, source);
  if (length === 0) return { values: new Float32Array(), dim: 0 };
  const fixed = DataType.isFixedSizeList(type) ? type.listSize : undefined;
  const offsetOf = (row: number) => fixed === undefined ? Number(data.valueOffsets[row]) : (data.offset + row) * fixed;
  const begin = offsetOf(0);
  const dim = offsetOf(1) - begin;
  for (let row = 0; row < length; row++) {
    const length = offsetOf(row + 1) - offsetOf(row);
    if (length !== dim) throw otherLength(dim, first + row, length, source);
  }
  const floats = numbersOf(child);
  const values = floats.slice(begin, begin + length * dim);
  if (child.nullCount > 0) {
    for (let i = 0; i < values.length; i++) {
      if (!child.getValid(begin + i)) throw missing(first + Math.floor(i / dim), source);
    }
  }
  return { values, dim };
}

/** Vectors whose numbers stand in columns of their own. */
function sideBySide(
  batch: RecordBatch,
  names: readonly string[],
  first: number,
  source: string,
): { values: Float32Array<ArrayBuffer>; dim: number } {
  const dim = names.length;
  const values = new Float32Array(batch.numRows * dim);
  for (const [j, name] of names.entries()) {
    const data = batch.getChild(name)!.data[0];
    assertNoNulls(data, first, source);
    const numbers = numbersOf(data);
    for (let row = 0; row < batch.numRows; row++) values[row * dim + j] = numbers[row];
  }
  return { values, dim };
}

function assertNoNulls(data: Data, first: number, source: string): void {
  if (data.nullCount === 0) return;
  for (let row = 0; row < data.length; row++) if (!data.getValid(row)) throw missing(first + row, source);
}

function otherLength(dim: number, row: number, length: number, source: string): Error {
  return new Error(
    `Expected vectors of length ${dim}, as in row 0, in ${source} but row ${row}, counted from 0, has ${length} numbers.`,
  );
}

/** For a row without a value. */
function missing(row: number, source: string): Error {
  return new Error(
    `Expected numbers in ${source} but row ${row}, counted from 0, has a null: leave the row out, or fill it in.`,
  );
}

/** A column's numbers as float32. */
function numbersOf({ values, type, length }: Data): Float32Array<ArrayBuffer> {
  if (values instanceof Float32Array) return values as Float32Array<ArrayBuffer>;
  if (values instanceof BigInt64Array || values instanceof BigUint64Array) return Float32Array.from(values, Number);
  // Halves come as their 16 bits.
  if (DataType.isFloat(type) && values instanceof Uint16Array) {
    return new Float32Array(new Float16Array(values.buffer, values.byteOffset, Math.max(length, values.length)));
  }
  return new Float32Array(values as ArrayLike<number>);
}

/** The vectors of a Parquet file. */
export async function* parquetRows(path: string, options: RowsOptions): AsyncGenerator<RowBlock> {
  const outline = await outlineParquet(path);
  const columns = vectorColumns(path, new Map(outline.columns.map(({ name, kind }) => [name, kind])), options.name);
  const names = "list" in columns ? [columns.list] : columns.numbers;
  const source = "list" in columns ? `${visibleText(columns.list)} of ${path}` : path;
  let [dim, first, row] = [0, 0, 0];
  let data = new Float32Array();
  for await (const record of readParquet(path, { maxUnpacked: options.maxUnpacked, columns: names })) {
    const values = "list" in columns ? record[columns.list] : names.map((name) => record[name]);
    if (!isSequence(values)) throw missing(row, source);
    if (row === 0) {
      dim = values.length;
      data = new Float32Array(rowsAtOnce(dim, options.batchRows, source) * dim);
    }
    if (values.length !== dim) throw otherLength(dim, row, values.length, source);
    const start = (row - first) * dim;
    for (let j = 0; j < dim; j++) {
      const value = values[j];
      if (typeof value !== "number" && typeof value !== "bigint") throw missing(row, source);
      data[start + j] = Number(value);
    }
    row++;
    if (start + dim < data.length) continue;
    yield checkedRows(data, dim, first, source);
    [data, first] = [new Float32Array(data.length), row];
  }
  if (row > first) yield checkedRows(data.slice(0, (row - first) * dim), dim, first, source);
}

function isSequence(values: unknown): values is ArrayLike<unknown> {
  return Array.isArray(values) || ArrayBuffer.isView(values);
}
