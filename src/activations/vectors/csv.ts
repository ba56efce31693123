/** Vectors in tables of numbers as text: CSV and its kin, `numpy.savetxt`. */
import { linesOf } from "../lines.ts";
import { visibleText } from "../../files/visible_text.ts";
import { checkedRows, type RowBlock, rowsAtOnce, type RowsOptions } from "./rows.ts";

/** Bytes of a line at most: the longest vector with all digits of its numbers. */
const LONGEST = 2 ** 28;
/** Characters of a value that a sentence quotes. */
const SHOWN = 40;

/** How the values of a line are told apart. */
type Delimiter = "," | ";" | "\t" | " ";

interface Layout {
  readonly delimiter: Delimiter;
  /** Names of the columns, those that are left out too; undefined without a header. */
  readonly header?: readonly string[];
  /** Columns at the start that number the rows. */
  readonly skipped: number;
}

/** The vectors of a table of numbers, a row a line. */
export async function* csvRows(path: string, options: RowsOptions): AsyncGenerator<RowBlock> {
  if (options.name !== undefined) {
    throw new Error(
      `Expected a table of numbers alone, whose lines are vectors, in ${path} but the option name is "${options.name}": ` +
        "leave it out, or write a column of lists as Parquet.",
    );
  }
  using file = await Deno.open(path);
  let layout: Layout | undefined;
  let [dim, first, filled] = [0, 0, 0];
  let data = new Float32Array();
  for await (const { number, text } of linesOf(file.readable, path, { longest: LONGEST })) {
    if (text.length >= LONGEST) throw new Error(`Cannot read ${path}: line ${number} is longer than any vector.`);
    // `numpy.savetxt` begins its header by #.
    if (text.trim() === "" || text.startsWith("#")) continue;
    const isHeader = !layout;
    layout ??= layoutOf(number === 1 ? text.replace(/^\ufeff/, "") : text);
    if (isHeader && layout.header) continue;
    const values = valuesOf(text, layout.delimiter).slice(layout.skipped);
    if (dim === 0) {
      dim = values.length;
      data = new Float32Array(rowsAtOnce(dim, options.batchRows, path) * dim);
    }
    if (values.length !== dim) {
      throw new Error(`Expected ${dim} numbers a line in ${path} but line ${number} has ${values.length}.`);
    }
    for (const [j, value] of values.entries()) data[filled + j] = numberOf(value, path, number, layout, j);
    filled += dim;
    if (filled < data.length) continue;
    yield checkedRows(data, dim, first, path);
    first += filled / dim;
    [data, filled] = [new Float32Array(data.length), 0];
  }
  if (filled > 0) yield checkedRows(data.slice(0, filled), dim, first, path);
}

/** How a table is laid out, as its first line tells: names, where one of its values is no number. */
function layoutOf(line: string): Layout {
  const delimiter = ([",", ";", "\t"] as const).find((sign) => line.includes(sign)) ?? " ";
  const values = valuesOf(line, delimiter);
  if (values.every((value) => value !== "" && !Number.isNaN(parsed(value)))) return { delimiter, skipped: 0 };
  // As pandas writes an index, and reads it again.
  const isIndex = values.length > 1 && /^(?:|Unnamed: 0)$/.test(values[0]);
  return { delimiter, header: values, skipped: isIndex ? 1 : 0 };
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

function numberOf(value: string, path: string, line: number, { header, skipped }: Layout, column: number): number {
  const number = parsed(value);
  if (!Number.isNaN(number) || /^nan$/i.test(value)) return number;
  const name = header?.[column + skipped];
  const called = name ? `column ${visibleText(name)}` : `column ${column + skipped + 1}`;
  const what = value === "" ? "nothing" : JSON.stringify(value.slice(0, SHOWN));
  throw new Error(
    `Expected numbers alone in ${path} but line ${line} has ${what} in ${called}: leave the column out, or write the ` +
      "vectors as Parquet or .npy.",
  );
}
