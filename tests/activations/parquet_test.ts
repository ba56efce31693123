import { assertEquals, assertRejects } from "@std/assert";
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import { parquetWriteBuffer } from "npm:hyparquet-writer@0.17.0";
import { CorpusError } from "../../src/activations/mod.ts";
import { readParquet } from "../../src/activations/parquet.ts";

const TEXTS = Array.from({ length: 25 }, (_, i) => `text ${i} `.repeat(20));
const COUNTS = TEXTS.map((_, i) => i === 3 ? 2n ** 60n : BigInt(i));

type Codec = "UNCOMPRESSED" | "SNAPPY" | "GZIP" | "ZSTD" | "BROTLI";
const compressors = {
  GZIP: (bytes: Uint8Array) => new Uint8Array(gzipSync(bytes)),
  ZSTD: (bytes: Uint8Array) => new Uint8Array(zstdCompressSync(bytes)),
  BROTLI: (bytes: Uint8Array) => new Uint8Array(brotliCompressSync(bytes)),
};

/** A file of three row groups. */
function parquetBytes(codec: Codec): Uint8Array {
  const columnData = [
    { name: "text", data: TEXTS, type: "STRING" as const },
    { name: "count", data: COUNTS, type: "INT64" as const },
  ];
  return new Uint8Array(parquetWriteBuffer({ columnData, codec, compressors, rowGroupSize: 10 }));
}

async function withParquet(bytes: Uint8Array, body: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile({ suffix: ".parquet" });
  try {
    await Deno.writeFile(path, bytes);
    await body(path);
  } finally {
    await Deno.remove(path);
  }
}

for (const codec of ["UNCOMPRESSED", "SNAPPY", "GZIP", "ZSTD", "BROTLI"] as const) {
  Deno.test(`Parquet, ${codec}: every row of every row group, whole numbers as numbers where they fit`, async () => {
    await withParquet(parquetBytes(codec), async (path) => {
      const rows = await Array.fromAsync(readParquet(path));
      assertEquals(rows.map((row) => row.text), TEXTS);
      assertEquals(rows.map((row) => row.count), COUNTS.map((count, i) => i === 3 ? count : Number(count)));
    });
  });
}

/** By pyarrow 26: `{ text: ["a", "b"], n: [null, null] }` with zstd, whose column `n` has an empty page. */
const EMPTY_PAGE =
  "UEFSMRUEFRQVJkwVBBUAEgAAKLUv/SAKUQAAAQAAAGEBAAAAYhUAFRIVJCwVBBUQFQYVBhw2ACgBYhgBYRERAAAAKLUv/SAJSQAAAgAA" +
  "AAQBAQMCFQQVABUSTBUAFQASAAAotS/9IAABAAAVABUOFSAsFQQVEBUGFQYcNgQAAAAotS/9IAc5AAACAAAABAAAFQQZPDUAGAZzY2hl" +
  "bWEVBAAVDCUCGAR0ZXh0JQBMHAAAABUMJQIYAW4lAEwcAAAAFgQZHBksJgAcFQwZNQAGEBkYBHRleHQVDBYEFnwWoAEmSiYIHDYAKAFi" +
  "GAFhEREAGSwVBBUAFQIAFQAVEBUCADwWBBkGGSYABAAAACYAHBUMGTUABhAZGAFuFQwWBBZUFngm1gEmqAEcNgQAGSwVBBUAFQIAFQAV" +
  "EBUCADwWABkGGSYEAAAAABbQARYEJggWmAIAKCBwYXJxdWV0LWNwcC1hcnJvdyB2ZXJzaW9uIDI2LjAuMRksHAAAHAAAAO4AAABQQVIx";

Deno.test("Parquet: a column of nulls alone, packed as a page of no bytes, is read", async () => {
  await withParquet(Uint8Array.fromBase64(EMPTY_PAGE), async (path) => {
    assertEquals((await Array.fromAsync(readParquet(path))).map(({ text, n }) => [text, n ?? null]), [["a", null], [
      "b",
      null,
    ]]);
  });
});

Deno.test("Parquet: a file that is cut short, or no Parquet file, is refused with a sentence", async () => {
  const whole = parquetBytes("SNAPPY");
  for (const bytes of [whole.subarray(0, whole.length - 9), new TextEncoder().encode("text,count\nx,1\n")]) {
    await withParquet(bytes, async (path) => {
      await assertRejects(
        () => Array.fromAsync(readParquet(path)),
        CorpusError,
        `Expected "${path}" to be a whole Parquet`,
      );
    });
  }
});
