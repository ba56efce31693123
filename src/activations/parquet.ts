/** Reads Parquet files. hyparquet is named here and nowhere else; it unpacks Snappy itself, Deno the other codecs. */
import { type AsyncBuffer, type Compressors, parquetMetadataAsync, parquetReadObjects } from "npm:hyparquet@1.31.5";
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import { CorpusError } from "./errors.ts";

const compressors: Compressors = {
  GZIP: (packed) => new Uint8Array(gunzipSync(packed)),
  ZSTD: (packed) => new Uint8Array(zstdDecompressSync(packed)),
  BROTLI: (packed) => new Uint8Array(brotliDecompressSync(packed)),
};

/**
 * The rows of a Parquet file (uncompressed, Snappy, gzip, Zstandard or Brotli), one row group in memory at a time.
 * Whole numbers come as numbers, or as bigints where a number cannot hold them.
 *
 * @throws {CorpusError} if the file is not a Parquet file, is cut short, or uses another compression.
 */
export async function* readParquet(path: string): AsyncGenerator<Record<string, unknown>> {
  using handle = await Deno.open(path);
  const file = bufferOf(handle);
  const orExplain = (cause: unknown): never => {
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
    const rows = await parquetReadObjects({ file, metadata, rowStart, rowEnd, compressors }).catch(orExplain);
    for (const row of rows) yield withNumbers(row);
    rowStart = rowEnd;
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
