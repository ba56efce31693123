/** Rows of Arrow files, with values as they are: whole numbers, decimals and times with every digit, bytes as bytes. */
import { type Data, DataType, type Decimal, Vector } from "../files/apache_arrow.ts";
import { readArrowBatches } from "../files/read_arrow.ts";
import type { UnpackOptions } from "../files/unpacking.ts";
import { decimalOf, decimalText } from "./decimals.ts";
import { assertDistinct } from "./distinct_columns.ts";
import { CorpusError } from "./errors.ts";
import { utf8Of } from "./exact_text.ts";
import { exactTime } from "./exact_time.ts";

/**
 * The rows of an Arrow file or stream, one record batch in memory at a time; values are of the kinds that those of
 * Parquet files have.
 *
 * @param options What a record batch may unpack to.
 * @throws {CorpusError} if the file is none, cut off or damaged, has columns of one name, or unpacks to more than is allowed.
 */
export async function* readArrowRows(
  path: string,
  options: UnpackOptions = {},
): AsyncGenerator<Record<string, unknown>> {
  try {
    for await (const table of readArrowBatches(path, { maxUnpacked: options.maxUnpacked })) {
      assertDistinct(path, table.schema.fields.map(({ name }) => name));
      for (const { data } of table.batches) {
        const columns = data.children.map((column, i) => {
          const { name } = table.schema.fields[i];
          // An id has its digits, also those that a number would not show.
          return [name, cellsOf(column, name === "id")] as const;
        });
        for (let row = 0; row < data.length; row++) {
          yield Object.fromEntries(columns.map(([name, cell]) => [name, cell(row)]));
        }
      }
    }
  } catch (cause) {
    if (cause instanceof CorpusError) throw cause;
    throw new CorpusError((cause as Error).message, { cause });
  }
}

/** The value in a row. */
type Cells = (row: number) => unknown;

function cellsOf(data: Data, isId = false): Cells {
  const cell = presentCellsOf(data, isId);
  return (row) => data.getValid(row) ? cell(row) : null;
}

function presentCellsOf(data: Data, isId: boolean): Cells {
  const { type, children } = data;
  if (DataType.isDictionary(type)) {
    // Rows name values by their numbers, which are looked up in all of the dictionary's parts.
    const values = (data.dictionary?.data ?? []).flatMap((part) => {
      const cell = cellsOf(part);
      return Array.from({ length: part.length }, (_, i) => cell(i));
    });
    return (row) => values[Number(data.values[row])] ?? null;
  }
  if (DataType.isUtf8(type) || DataType.isLargeUtf8(type)) {
    const bytes = bytesOf(data);
    return (row) => utf8Of(bytes(row)) ?? bytes(row);
  }
  if (DataType.isBinary(type) || DataType.isLargeBinary(type)) return bytesOf(data);
  if (DataType.isDecimal(type)) return decimalsOf(data, type, isId);
  if (DataType.isTimestamp(type)) {
    const perSecond = 1000n ** BigInt(type.unit);
    return (row) => exactTime(data.values[row], perSecond);
  }
  if (DataType.isList(type) || DataType.isLargeList(type)) {
    return listsOf(children[0], (row) => [Number(data.valueOffsets[row]), Number(data.valueOffsets[row + 1])]);
  }
  if (DataType.isFixedSizeList(type)) {
    return listsOf(children[0], (row) => [row * type.listSize, (row + 1) * type.listSize]);
  }
  if (DataType.isMap(type)) {
    const entries = listsOf(children[0], (row) => [data.valueOffsets[row], data.valueOffsets[row + 1]]);
    return (row) => Object.fromEntries((entries(row) as object[]).map((entry) => Object.values(entry)));
  }
  if (DataType.isStruct(type)) {
    const fields = children.map((child, i) => [type.children[i].name, cellsOf(child)] as const);
    return (row) => Object.fromEntries(fields.map(([name, cell]) => [name, cell(row)]));
  }
  const values = new Vector([data]);
  if (DataType.isDate(type)) return (row) => new Date(Number(values.get(row)));
  return (row) => {
    const value: unknown = values.get(row);
    if (typeof value === "bigint" && Number.isSafeInteger(Number(value))) return Number(value);
    return value instanceof Uint8Array ? value.slice() : value;
  };
}

function bytesOf(data: Data): (row: number) => Uint8Array {
  const { values, valueOffsets } = data;
  return (row) => (values as Uint8Array).slice(Number(valueOffsets[row]), Number(valueOffsets[row + 1]));
}

function listsOf(items: Data, range: (row: number) => [start: number, end: number]): Cells {
  const cell = cellsOf(items);
  return (row) => {
    const [start, end] = range(row);
    return Array.from({ length: end - start }, (_, i) => cell(start + i));
  };
}

/** Decimals lie as words of 32 bits, the lowest first, in two's complement. */
function decimalsOf({ values }: Data, { bitWidth, precision, scale }: Decimal, isId: boolean): Cells {
  const words = bitWidth / 32;
  const decimal = isId ? decimalText : decimalOf(precision);
  return (row) => {
    const word = (i: number) => BigInt((values as Uint32Array)[row * words + i]) << BigInt(32 * i);
    const unscaled = Array.from({ length: words }, (_, i) => word(i)).reduce((sum, part) => sum + part, 0n);
    return decimal(BigInt.asIntN(bitWidth, unscaled), scale);
  };
}
