/** Checksums of our own files: CRC-32, which zlib, gzip and Python's `zlib.crc32` compute alike. */
import { crc32 } from "node:zlib";
import { openFile } from "./open.ts";

/** Bytes of a part whose checksum is taken at once. */
const LARGEST_PART = 2 ** 30;

/**
 * CRC-32 of pieces that follow each other, as eight hexadecimal digits.
 *
 * @example
 * ```ts
 * const [whole, pieces] = [checksumOf("123456789"), checksumOf("1234", Uint8Array.of(53, 54), "789")];
 * if (whole !== "cbf43926" || pieces !== whole) throw new Error(`${whole} ${pieces}`);
 * ```
 */
export function checksumOf(...pieces: readonly (Uint8Array | string)[]): string {
  let sum = 0;
  for (const piece of pieces) {
    if (typeof piece === "string") sum = crc32(piece, sum);
    else for (const part of partsOf(piece)) sum = crc32(part, sum);
  }
  return textOf(sum);
}

/** Bytes in parts: of more than 4 GiB `crc32` takes what is left over, without a word. */
function* partsOf(bytes: Uint8Array): Iterable<Uint8Array> {
  for (let from = 0; from < bytes.length; from += LARGEST_PART) yield bytes.subarray(from, from + LARGEST_PART);
}

/** {@linkcode checksumOf} a file's bytes, which are read a piece at a time. */
export async function checksumOfFile(path: string): Promise<string> {
  using file = await openFile(path);
  const buffer = new Uint8Array(1 << 20);
  let sum = 0;
  for (let count; (count = await file.read(buffer)) !== null;) sum = crc32(buffer.subarray(0, count), sum);
  return textOf(sum);
}

/**
 * Whether a file of a format must carry checksums: the first version of each of ours did not, all later ones do.
 *
 * @param format What the file says it is, `exemplar <kind> <version>`; others are not ours.
 */
export function mustCarryChecksums(format: unknown): boolean {
  const version = /^exemplar [a-z ]+ (\d+)$/.exec(String(format))?.[1];
  return version !== undefined && version !== "1";
}

/** What a reader says of a file that is older than checksums; see {@linkcode mustCarryChecksums}. */
export function unprovenWarning(path: string): string {
  return `${path} was written before files carried checksums: damage to it cannot be told. Write it again to have them.`;
}

const textOf = (sum: number) => sum.toString(16).padStart(8, "0");
