/**
 * zip.js, a maintained zip library that reads any part of a file on demand, checks every checksum and refuses members that
 * overlap; named here and nowhere else. Workers are off: a module that is imported from a URL cannot start them everywhere.
 */
import { configure, Reader, ZipReader } from "npm:@zip.js/zip.js@2.24.0";
import { type ByteFile, openByteFile } from "./byte_file.ts";
import { unreadReason } from "./open.ts";
import { visibleText } from "./visible_text.ts";

configure({ useWebWorkers: false, chunkSize: 2 ** 20 });

export { type Entry, type FileEntry, Writer, ZipReader, ZipWriter } from "npm:@zip.js/zip.js@2.24.0";

/** A file as zip.js reads it, part by part. */
export class FileBytes extends Reader<ByteFile> {
  readonly #file: ByteFile;

  constructor(file: ByteFile) {
    super(file);
    this.#file = file;
    this.size = file.size;
  }

  override readUint8Array(index: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const there = Math.max(0, Math.min(length, this.#file.size - index));
    return this.#file.read(index, new Uint8Array(there));
  }
}

/** Where the bytes of a member begin, whose own header is at `offset`: its name and what follows stand before them. */
export async function memberStart(file: ByteFile, offset: number): Promise<number> {
  const header = new DataView((await file.read(offset, new Uint8Array(30))).buffer);
  return offset + 30 + header.getUint16(26, true) + header.getUint16(28, true);
}

/** What a zip archive is, by the names of its members. */
export type ZipKind = "npz" | "torch" | "zarr" | "excel" | "other";

/**
 * What a zip archive is.
 *
 * @throws {Error} A sentence if it is missing, cut off or damaged.
 */
export async function zipKindOf(path: string): Promise<ZipKind> {
  using file = await openByteFile(path, "a zip archive");
  let names: string[];
  try {
    names = (await new ZipReader(new FileBytes(file)).getEntries()).map(({ filename }) => filename);
  } catch (cause) {
    throw new Error(
      `Cannot read ${path}: the zip archive is cut off or damaged: ${
        visibleText(unreadReason(path, cause))
      }. Copy it again.`,
      { cause },
    );
  }
  if (names.some((name) => /^[^/]+\/data\.pkl$/.test(name))) return "torch";
  if (names.includes("xl/workbook.xml")) return "excel";
  if (names.some((name) => /(?:^|\/)(?:\.zarray|\.zgroup|zarr\.json)$/.test(name))) return "zarr";
  // `numpy.savez` without arrays writes an archive without members.
  return names.length === 0 || names.some((name) => name.endsWith(".npy")) ? "npz" : "other";
}
