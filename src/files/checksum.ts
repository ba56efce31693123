/** Checksums of our own files: CRC-32, which zlib, gzip and Python's `zlib.crc32` compute alike. */
import { crc32 } from "node:zlib";
import { openFile } from "./open.ts";

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
  return textOf(pieces.reduce<number>((sum, piece) => crc32(piece, sum), 0));
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
