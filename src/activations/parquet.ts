/** Reads Parquet files. hyparquet is named here and nowhere else; it unpacks Snappy itself, Deno the other codecs. */
import {
  type AsyncBuffer,
  type ColumnMetaData,
  type Compressors,
  parquetMetadataAsync,
  parquetReadObjects,
  type RowGroup,
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
 * @param options What a row group may unpack to; see {@linkcode UnpackOptions}.
 * @throws {CorpusError} if the file is not a Parquet file, is cut short, uses another compression, or unpacks to more
 * than is allowed.
 */
export async function* readParquet(
  path: string,
  options: UnpackOptions = {},
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
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows);
    const read = async () => {
      await assertUnpackable(group, file, new UnpackBudget(path, options));
      return await parquetReadObjects({ file, metadata, rowStart, rowEnd, compressors });
    };
    for (const row of await read().catch(orExplain)) yield withNumbers(row);
    rowStart = rowEnd;
  }
}

/**
 * Goes through the headers of a row group's pages before any of them is unpacked.
 *
 * @throws {UnpackError} if they unpack to more than is allowed.
 * @throws {Error} if they are none, or hold fewer values than there should be rows: hyparquet would make these up.
 */
async function assertUnpackable(group: RowGroup, file: AsyncBuffer, budget: UnpackBudget): Promise<void> {
  for (const { meta_data: column } of group.columns) {
    if (!column) throw new Error("a column chunk has no metadata");
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
