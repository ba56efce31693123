/** Buffers of Arrow files that are packed, as pyarrow's Feather files are where nothing else is said. */
import { zstdDecompressSync } from "node:zlib";
import type { MessageBatch } from "./apache_arrow.ts";
import { loadLz4, type Unpack } from "./lz4.ts";
import type { UnpackBudget } from "./unpacking.ts";

/** How the buffers of a record batch are unpacked; undefined where they are not packed. */
export async function unpackOf({ compression }: MessageBatch): Promise<Unpack | undefined> {
  if (!compression) return undefined;
  // The format's `CompressionType`.
  const [LZ4_FRAME, ZSTD] = [0, 1];
  const kind: number = compression.type;
  if (kind === LZ4_FRAME) return (await loadLz4()).frame;
  // A decoder that must not give more has nothing to say of an empty one.
  if (kind === ZSTD) {
    return (packed, size) => new Uint8Array(zstdDecompressSync(packed, { maxOutputLength: Math.max(1, size) }));
  }
  throw new Error(`it is packed by a way of number ${kind}, not by LZ4 or Zstandard`);
}

/** A packed buffer: the number of bytes that it unpacks to, -1 if it was left as it is, and then the bytes. */
export function unpackBuffer(bytes: Uint8Array<ArrayBuffer>, unpack: Unpack, budget: UnpackBudget) {
  if (bytes.length < 8) throw new Error("a packed buffer has no length");
  const size = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigInt64(0, true));
  // The library wants values at multiples of 8 in their own array.
  if (size === -1) return bytes.slice(8);
  if (size < 0) throw new Error(`a packed buffer says that it unpacks to ${size} bytes`);
  budget.take(size);
  const unpacked = unpack(bytes.subarray(8), size);
  if (unpacked.length !== size) throw new Error(`a buffer unpacks to ${unpacked.length} bytes, not ${size}`);
  return unpacked;
}
