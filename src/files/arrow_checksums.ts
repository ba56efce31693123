/**
 * Checksums of an Arrow file: of its schema, and of every record batch its description and each column. They stand in the
 * metadata of the footer's schema, which is written last, and where other readers of Arrow show them.
 */
import { checksumOf, mustCarryChecksums } from "./checksum.ts";

/** Their key in the metadata. */
export const CHECKSUMS = "checksums";

/** Checksums of a record batch, as {@linkcode checksumOf} gives them. */
export interface BatchChecksums {
  /** Of the message that describes it: lengths, and where its buffers lie. */
  readonly header: string;
  /** Of each column's buffers in turn, padding included, in the schema's order. */
  readonly columns: readonly string[];
}

/** Checksums of a file. */
export interface ArrowChecksums {
  /** Of the message at the file's start: names, types, metadata. */
  readonly schema: string;
  readonly batches: readonly BatchChecksums[];
}

/** As they are written. */
export function formatChecksums({ schema, batches }: ArrowChecksums): string {
  return JSON.stringify({ crc32: [schema, ...batches.map(({ header, columns }) => [header, ...columns])] });
}

/**
 * Reads them from a footer's metadata.
 *
 * @returns `undefined` if the file has none, being of others or of before.
 * @throws {Error} If what is there are none, or a file of ours of now lacks them.
 */
export function parseChecksums(metadata: ReadonlyMap<string, string>): ArrowChecksums | undefined {
  const text = metadata.get(CHECKSUMS);
  if (text === undefined) {
    if (mustCarryChecksums(metadata.get("format"))) throw new Error("its checksums are missing");
    return undefined;
  }
  try {
    const [schema, ...batches] = JSON.parse(text).crc32 as [string, ...string[][]];
    return { schema, batches: batches.map(([header, ...columns]) => ({ header, columns })) };
  } catch (cause) {
    // A foreign file may use the word for something else.
    if (!metadata.get("format")?.startsWith("exemplar ")) return undefined;
    throw new Error("its checksums make no sense", { cause });
  }
}

/** Throws unless bytes are what they were when they were written. */
export function assertChecksum(expected: string | undefined, bytes: readonly Uint8Array[], what: string): void {
  if (checksumOf(...bytes) !== expected) throw new Error(`${what} does not fit its checksum`);
}
