/**
 * zip.js, a maintained zip library that reads any part of a file on demand, checks every checksum and refuses members that
 * overlap; named here and nowhere else. Workers are off: a module that is imported from a URL cannot start them everywhere.
 */
import { configure, Reader } from "npm:@zip.js/zip.js@2.24.0";
import type { ByteFile } from "./byte_file.ts";

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
