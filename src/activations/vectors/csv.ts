/** Vectors in tables of numbers as text: CSV and its kin, `numpy.savetxt`. */
import { linesOf } from "../lines.ts";
import { openFile } from "../../files/open.ts";
import { visibleText } from "../../files/visible_text.ts";
import { assertAlike, checkedRows, type RowBlock, rowsAtOnce, type RowsOptions } from "./rows.ts";

/** Bytes of a line at most: the longest vector with all digits of its numbers. */
const LONGEST = 2 ** 28;
/** Characters of a value that a sentence quotes. */
const SHOWN = 40;

/** How the values of a line are told apart. */
type Delimiter = "," | ";" | "\t" | " ";

interface Layout {
  readonly delimiter: Delimiter;
  /** Names of the columns, that of the index too; undefined without a header. */
  readonly header?: readonly string[];
}

/** The vectors of a table of numbers, a row a line. */
export async function* csvRows(path: string, options: RowsOptions): AsyncGenerator<RowBlock> {
  if (options.name !== undefined) {
    throw new Error(
      `Expected a table of numbers alone, whose lines are vectors, in ${path} but the option name is "${options.name}": ` +
        "leave it out, or write a column of lists as Parquet.",
    );
  }
  using file = await openFile(path);
  let layout: Layout | undefined;
  let [dim, skipped, first, filled] = [0, 0, 0, 0];
  let data = new Float32Array();
  for await (const { number, text } of linesOf(file.readable, path, { longest: LONGEST })) {
    if (text.length >= LONGEST) throw new Error(`Cannot read ${path}: line ${number} is longer than any vector.`);
    // `numpy.savetxt` begins its header by #.
    if (text.trim() === "" || text.startsWith("#")) continue;
    if (!layout) {
      layout = layoutOf(number === 1 ? text.replace(/^\ufeff/, "") : text);
      if (layout.header) continue;
    }
    const all = valuesOf(text, layout.delimiter);
    if (dim === 0) {
      skipped = indexColumns(layout, all.length);
      dim = all.length - skipped;
      if (layout.header) assertAlike(path, layout.header.slice(layout.header.length - dim));
      data = new Float32Array(rowsAtOnce(dim, options.batchRows, path) * dim);
    }
    const values = all.slice(skipped);
    if (values.length !== dim) {
      throw new Error(`Expected ${dim} numbers a line in ${path} but line ${number} has ${values.length}.`);
    }
    for (const [j, value] of values.entries()) {
      data[filled + j] = numberOf(value, path, number, columnName(layout, skipped + j, all.length));
    }
    filled += dim;
    if (filled < data.length) continue;
    yield checkedRows(data, dim, first, path);
    first += filled / dim;
    [data, filled] = [new Float32Array(data.length), 0];
  }
  if (filled > 0) yield checkedRows(data.slice(0, filled), dim, first, path);
}

/** What a table of text holds, as its first lines tell. */
export interface TextTable {
  /** Names of the columns, where the first line has them. */
  readonly header?: readonly string[];
  /** Columns whose numbers are vectors; undefined where values are no numbers. */
  readonly dim?: number;
}

/** Looks at the first lines of a table of text: names of columns, and whether it holds numbers alone. */
export async function outlineCsv(path: string): Promise<TextTable> {
  using file = await openFile(path);
  let layout: Layout | undefined;
  for await (const { number, text } of linesOf(file.readable, path, { longest: LONGEST })) {
    if (text.trim() === "" || text.startsWith("#")) continue;
    const isFirst = layout === undefined;
    layout ??= layoutOf(number === 1 ? text.replace(/^\ufeff/, "") : text);
    if (isFirst && layout.header) continue;
    const { header, delimiter } = layout;
    const values = valuesOf(text, delimiter);
    const vector = values.slice(indexColumns(layout, values.length));
    const isNumbers = vector.every((value) => /^nan$/i.test(value) || !Number.isNaN(parsed(value)));
    return { ...(header && { header }), ...(isNumbers && { dim: vector.length }) };
  }
  return { ...(layout?.header && { header: layout.header }) };
}

/** How a table is laid out, as its first line tells: names, where one of its values is no number. */
function layoutOf(line: string): Layout {
  const delimiter = ([",", ";", "\t"] as const).find((sign) => line.includes(sign)) ?? " ";
  const values = valuesOf(line, delimiter);
  const isNumbers = values.every((value) => value !== "" && !Number.isNaN(parsed(value)));
  // What pandas calls columns without names: 0, 1, 2 and so on.
  const isCounted = values.length > 1 && values.every((value, i) => value === String(i));
  return isNumbers && !isCounted ? { delimiter } : { delimiter, header: values };
}

/** Columns at the start that number the rows: one without a name, as pandas writes it, or beyond the names, as R does. */
function indexColumns({ header }: Layout, columns: number): number {
  if (!header) return 0;
  if (header.length === columns - 1) return 1;
  return columns > 1 && /^(?:|Unnamed: 0)$/.test(header[0]) ? 1 : 0;
}

/** What a column is called; R names none for the first. */
function columnName({ header = [] }: Layout, column: number, columns: number): string {
  const name = header[column - (columns - header.length)];
  return header.length > 0 && name ? `column ${visibleText(name)}` : `column ${column + 1}`;
}

function valuesOf(line: string, delimiter: Delimiter): string[] {
  const values = delimiter === " " ? line.trim().split(/\s+/) : line.split(delimiter);
  return values.map((value) => value.trim().replace(/^"(.*)"$/, "$1").trim());
}

/** A number as Python and R write it; NaN for what is none, and for "nan". */
function parsed(value: string): number {
  if (/^[-+]?inf(?:inity)?$/i.test(value)) return value.startsWith("-") ? -Infinity : Infinity;
  // Not `0x10` and its kin, which JavaScript takes for numbers.
  return /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i.test(value) ? Number(value) : NaN;
}

function numberOf(value: string, path: string, line: number, column: string): number {
  const number = parsed(value);
  if (!Number.isNaN(number) || /^nan$/i.test(value)) return number;
  const what = value === "" ? "nothing" : JSON.stringify(value.slice(0, SHOWN));
  throw new Error(
    `Expected numbers alone in ${path} but line ${line} has ${what} in ${column}: leave the column out, or write the ` +
      "vectors as Parquet or .npy.",
  );
}
