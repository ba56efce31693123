/** Reads Parquet files. hyparquet is named here and nowhere else; it unpacks Snappy itself, Deno the other codecs. */
import {
  type AsyncBuffer,
  type ColumnMetaData,
  type Compressors,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
  type RowGroup,
  type SchemaElement,
  type SchemaTree,
} from "npm:hyparquet@1.31.5";
import { parquetHeader } from "npm:hyparquet@1.31.5/src/column.js";
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import { UnpackBudget, UnpackError, type UnpackOptions } from "../files/unpacking.ts";
import { CorpusError } from "./errors.ts";

// A page is never unpacked beyond what its header says, which was compared with what is allowed. Empty ones are packed, too.
const compressors: Compressors = {
  GZIP: (packed, size) => new Uint8Array(gunzipSync(packed, { maxOutputLength: Math.max(1, size) })),
  ZSTD: (packed, size) => new Uint8Array(zstdDecompressSync(packed, { maxOutputLength: Math.max(1, size) })),
  BROTLI: (packed, size) => new Uint8Array(brotliDecompressSync(packed, { maxOutputLength: Math.max(1, size) })),
};

/** Bytes that a value takes in arrays of hyparquet's and in rows, whatever it took in the file. */
const VALUE_BYTES = 48;

/**
 * The rows of a Parquet file (uncompressed, Snappy, gzip, Zstandard or Brotli), one row group in memory at a time.
 * Whole numbers come as numbers, or as bigints where a number cannot hold them.
 *
 * @param options What a row group may unpack to, see {@linkcode UnpackOptions}; `columns`: those that are read, default all.
 * @throws {CorpusError} if the file is not a Parquet file, is cut short, uses another compression, or unpacks to more
 * than is allowed.
 */
export async function* readParquet(
  path: string,
  options: UnpackOptions & { readonly columns?: readonly string[] } = {},
): AsyncGenerator<Record<string, unknown>> {
  using handle = await Deno.open(path);
  const file = bufferOf(handle);
  const orExplain = (cause: unknown): never => {
    if (cause instanceof UnpackError) throw new CorpusError(cause.message, { cause });
    throw new CorpusError(
      `Expected "${path}" to be a whole Parquet file but reading it failed: ${(cause as Error).message}. ` +
        `Fetch the file again, or convert it to JSON Lines`,
      { cause },
    );
  };
  const metadata = await parquetMetadataAsync(file).catch(orExplain);
  const columns = options.columns && [...options.columns];
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows);
    const read = async () => {
      await assertUnpackable(group, file, new UnpackBudget(path, options), columns);
      return await parquetReadObjects({ file, metadata, columns, rowStart, rowEnd, compressors });
    };
    for (const row of await read().catch(orExplain)) yield withNumbers(row);
    rowStart = rowEnd;
  }
}

/** A column of a Parquet file. */
export interface ParquetColumn {
  readonly name: string;
  /** Its type in words, such as `list of FLOAT`. */
  readonly type: string;
  /** Whether a value is a number, or a list of numbers. */
  readonly kind: "numbers" | "lists" | "other";
}

/**
 * The columns of a Parquet file, and how many rows it has.
 *
 * @throws {CorpusError} if the file is not a Parquet file, or is cut short.
 */
export async function outlineParquet(
  path: string,
): Promise<{ columns: ParquetColumn[]; rows: number; groups: number }> {
  using handle = await Deno.open(path);
  const metadata = await parquetMetadataAsync(bufferOf(handle)).catch((cause) => {
    throw new CorpusError(
      `Expected "${path}" to be a whole Parquet file but reading it failed: ${(cause as Error).message}. ` +
        "Fetch the file again",
      { cause },
    );
  });
  const columns = parquetSchema(metadata).children.map((column) => {
    const [leaf, lists] = leafOf(column);
    const isNumber = leaf !== undefined && isNumeric(leaf);
    const kind = isNumber && lists < 2 ? (["numbers", "lists"] as const)[lists] : "other";
    return { name: column.element.name, type: `${"list of ".repeat(lists)}${typeOf(leaf)}`, kind } as const;
  });
  return { columns, rows: Number(metadata.num_rows), groups: metadata.row_groups.length };
}

/** What a column's values are in the end, and how many lists they are in; undefined for a struct or a map. */
function leafOf({ element, children }: SchemaTree): [leaf: SchemaElement | undefined, lists: number] {
  const own = element.repetition_type === "REPEATED" ? 1 : 0;
  if (children.length === 0) return [element, own];
  if (children.length > 1) return [undefined, own];
  const [leaf, lists] = leafOf(children[0]);
  const isList = element.converted_type === "LIST" || element.logical_type?.type === "LIST" || own > 0;
  return isList || lists > 0 ? [leaf, own + lists] : [undefined, own];
}

function isNumeric({ type, converted_type, logical_type }: SchemaElement): boolean {
  if (logical_type?.type === "FLOAT16" || type === "FLOAT" || type === "DOUBLE") return true;
  const isWhole = type === "INT32" || type === "INT64";
  return isWhole && (converted_type === undefined || /^U?INT_\d+$/.test(converted_type)) &&
    (logical_type === undefined || logical_type.type === "INTEGER");
}

function typeOf(leaf: SchemaElement | undefined): string {
  return leaf ? leaf.logical_type?.type ?? leaf.converted_type ?? leaf.type ?? "unknown" : "struct";
}

/**
 * Goes through the headers of a row group's pages before any of them is unpacked.
 *
 * @throws {UnpackError} if they unpack to more than is allowed.
 * @throws {Error} if they are none, or hold fewer values than there should be rows: hyparquet would make these up.
 */
async function assertUnpackable(
  group: RowGroup,
  file: AsyncBuffer,
  budget: UnpackBudget,
  columns?: readonly string[],
): Promise<void> {
  for (const { meta_data: column } of group.columns) {
    if (!column) throw new Error("a column chunk has no metadata");
    if (columns && !columns.includes(column.path_in_schema[0])) continue;
    let values = 0;
    for await (const page of pagesOf(column, file)) {
      // Before anything is unpacked, by what the headers say: pages that hold more are stopped by the codecs above.
      if (column.codec !== "UNCOMPRESSED") budget.take(page.bytes);
      budget.take(page.values * VALUE_BYTES);
      if (page.isData) values += page.values;
    }
    if (values < group.num_rows) {
      throw new Error(`${column.path_in_schema.join(".")} has ${values} values in ${group.num_rows} rows`);
    }
  }
}

/** The pages of a column chunk, as their headers tell of them. */
async function* pagesOf(column: ColumnMetaData, file: AsyncBuffer) {
  // A dictionary page comes before the data.
  const start = Number(column.dictionary_page_offset || column.data_page_offset);
  const view = new DataView(await file.slice(start, start + Number(column.total_compressed_size)));
  const reader = { view, offset: 0 };
  // As hyparquet itself goes on while there are two bytes or more.
  while (reader.offset < view.byteLength - 1) {
    const header = parquetHeader(reader);
    const bytes = header.uncompressed_page_size;
    const values = {
      DATA_PAGE: header.data_page_header,
      DATA_PAGE_V2: header.data_page_header_v2,
      DICTIONARY_PAGE: header.dictionary_page_header,
      INDEX_PAGE: undefined,
    }[header.type]?.num_values;
    if (![bytes, header.compressed_page_size, values].every((size) => typeof size === "number" && size >= 0)) {
      throw new Error("the header of a page is damaged");
    }
    reader.offset += header.compressed_page_size;
    yield { bytes, values: values!, isData: header.type !== "DICTIONARY_PAGE" };
  }
}

/** hyparquet's view of a file. Seeking and reading are one step, as hyparquet may ask for several slices at once. */
function bufferOf(file: Deno.FsFile): AsyncBuffer {
  const byteLength = file.statSync().size;
  return {
    byteLength,
    slice(start, end = byteLength) {
      const from = start < 0 ? Math.max(0, byteLength + start) : start;
      const bytes = new Uint8Array(Math.max(0, Math.min(end, byteLength) - from));
      file.seekSync(from, Deno.SeekMode.Start);
      let filled = 0;
      while (filled < bytes.length) {
        const read = file.readSync(bytes.subarray(filled));
        if (read === null) break;
        filled += read;
      }
      return bytes.buffer;
    },
  };
}

function withNumbers(row: Record<string, unknown>): Record<string, unknown> {
  for (const [name, value] of Object.entries(row)) {
    if (typeof value === "bigint" && Number.isSafeInteger(Number(value))) row[name] = Number(value);
  }
  return row;
}
