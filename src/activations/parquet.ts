/** Reads Parquet files by hyparquet, which unpacks Snappy itself; Deno and lz4js unpack the others. */
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import { loadLz4 } from "../files/lz4.ts";
import { openFile } from "../files/open.ts";
import { UnpackBudget, UnpackError, type UnpackOptions } from "../files/unpacking.ts";
import { assertDistinct } from "./distinct_columns.ts";
import { CorpusError } from "./errors.ts";
import {
  type AsyncBuffer,
  type ColumnMetaData,
  type Compressors,
  parquetHeader,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
  type RowGroup,
  type SchemaElement,
  type SchemaTree,
} from "./hyparquet.ts";
import { exactRows, PARSERS } from "./parquet_values.ts";

// A page is never unpacked beyond what its header says, which was compared with what is allowed. Empty ones are packed, too.
const COMPRESSORS: Compressors = {
  GZIP: (packed, size) => new Uint8Array(gunzipSync(packed, { maxOutputLength: Math.max(1, size) })),
  ZSTD: (packed, size) => new Uint8Array(zstdDecompressSync(packed, { maxOutputLength: Math.max(1, size) })),
  BROTLI: (packed, size) => new Uint8Array(brotliDecompressSync(packed, { maxOutputLength: Math.max(1, size) })),
};

/** Bytes that a value takes in arrays of hyparquet's and in rows, whatever it took in the file. */
const VALUE_BYTES = 48;

/**
 * The rows of a Parquet file (uncompressed, Snappy, gzip, Zstandard, Brotli or LZ4), one row group in memory at a time.
 * Whole numbers come as numbers, or as bigints where a number cannot hold them; decimals as text, with every digit; times
 * as `Date`, or as text where they have more digits; bytes as bytes, in a column of text those that are not UTF-8.
 *
 * @param options What a row group may unpack to, see {@linkcode UnpackOptions}; `columns`: those that are read, default all.
 * @throws {CorpusError} if the file is not a Parquet file, is cut short, encrypted, uses another compression, has columns of
 * one name, or unpacks to more than is allowed.
 */
export async function* readParquet(
  path: string,
  options: UnpackOptions & { readonly columns?: readonly string[] } = {},
): AsyncGenerator<Record<string, unknown>> {
  using handle = await openFile(path);
  const file = bufferOf(handle);
  const orExplain = (cause: unknown): never => {
    if (cause instanceof UnpackError) throw new CorpusError(cause.message, { cause });
    throw new CorpusError(
      `Expected "${path}" to be a whole Parquet file but reading it failed: ${(cause as Error).message}. ` +
        `Fetch the file again, or convert it to JSON Lines`,
      { cause },
    );
  };
  await assertNotEncrypted(path, file);
  const metadata = await parquetMetadataAsync(file).catch(orExplain);
  const chunks = metadata.row_groups.flatMap(({ columns }) => columns);
  if (chunks.some((column) => column.crypto_metadata || column.encrypted_column_metadata)) throw encrypted(path);
  const codecs = new Set(chunks.map(({ meta_data }) => meta_data?.codec));
  const compressors = codecs.has("LZ4") || codecs.has("LZ4_RAW") ? await withLz4() : COMPRESSORS;
  assertDistinct(path, parquetSchema(metadata).children.map(({ element }) => element.name));
  const exact = exactRows(metadata);
  const columns = options.columns && [...options.columns];
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows);
    const read = async () => {
      await assertUnpackable(group, file, new UnpackBudget(path, options), columns);
      const rows = { file, metadata, columns, rowStart, rowEnd };
      // Bytes that are not said to be text stay bytes.
      return await parquetReadObjects({ ...rows, compressors, parsers: PARSERS, utf8: false });
    };
    for (const row of await read().catch(orExplain)) yield exact(row);
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
  using handle = await openFile(path);
  const file = bufferOf(handle);
  await assertNotEncrypted(path, file);
  const metadata = await parquetMetadataAsync(file).catch((cause) => {
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

async function withLz4(): Promise<Compressors> {
  const { block, hadoop } = await loadLz4();
  return { ...COMPRESSORS, LZ4: hadoop, LZ4_RAW: block };
}

/** What an encrypted file ends in, in place of `PAR1`. */
const ENCRYPTED_FOOTER = "PARE";

async function assertNotEncrypted(path: string, file: AsyncBuffer): Promise<void> {
  const end = await file.slice(-ENCRYPTED_FOOTER.length);
  if (new TextDecoder("latin1").decode(end) === ENCRYPTED_FOOTER) throw encrypted(path);
}

function encrypted(path: string): CorpusError {
  return new CorpusError(
    `Expected a Parquet file that anybody can read but "${path}" is encrypted: decrypt it with its key, in pyarrow for ` +
      "example, and write it again",
  );
}
