/** A file whose bytes are read at any place, for formats with a table of contents. */

import { fileInfo, openFileSync, otherThanFile, unreadReason } from "./open.ts";

/** An open file. Close it, or let `using` do so. */
export interface ByteFile extends Disposable {
  /** Its name, for messages. */
  readonly path: string;
  /** Its length in bytes. */
  readonly size: number;
  /** Fills `bytes` from byte `start` on, and returns it. Reads happen one after the other. */
  read(start: number, bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>;
}

/**
 * Opens a file.
 *
 * @param path Where it is.
 * @param kind What it should be, for messages: `"an .npz file"`.
 * @throws {Error} A sentence if there is none, if it is a folder, or if it may not be read.
 */
export async function openByteFile(path: string, kind: string): Promise<ByteFile> {
  let file: Deno.FsFile;
  let info: Deno.FileInfo;
  try {
    info = await Deno.stat(path);
    const other = otherThanFile(info);
    if (other !== undefined) throw new Error(`it is ${other}. Give the name of ${kind}`);
    file = await Deno.open(path);
  } catch (cause) {
    throw new Error(`Cannot read ${path}: ${unreadReason(path, cause)}.`, { cause });
  }
  const { size } = info;
  // One position in the file serves all: a read begins when the one before has ended.
  let last: Promise<unknown> = Promise.resolve();
  return {
    path,
    size,
    read(start, bytes) {
      const next = last.then(() => readAt(path, file, start, bytes));
      last = next.catch(() => {});
      return next;
    },
    [Symbol.dispose]: () => file.close(),
  };
}

async function readAt(path: string, file: Deno.FsFile, start: number, bytes: Uint8Array<ArrayBuffer>) {
  await file.seek(start, Deno.SeekMode.Start);
  for (let done = 0; done < bytes.length;) {
    const count = await file.read(bytes.subarray(done));
    if (count === null) throw endsEarly(path);
    done += count;
  }
  return bytes;
}

/** `Deno.readFile` ends a little below 2 GiB, without a word. */
const MOST_AT_ONCE = 2 ** 31 - 4096;

/**
 * All bytes of a file, however long it is. Errors are those of `openFile`.
 *
 * @param most Bytes up to which it is read at once.
 */
export async function readWhole(path: string, most: number = MOST_AT_ONCE): Promise<Uint8Array<ArrayBuffer>> {
  const { size } = await fileInfo(path);
  if (size < most) return await Deno.readFile(path);
  using file = await Deno.open(path);
  return await readAt(path, file, 0, new Uint8Array(size));
}

/**
 * Reads parts of a file at once, without waiting: for what is asked for where nobody can wait.
 *
 * @throws {Error} A sentence if it is no longer there, or too short.
 */
export function readSync(
  path: string,
  parts: readonly { readonly start: number; readonly length: number }[],
): Uint8Array<ArrayBuffer>[] {
  let file: Deno.FsFile;
  try {
    file = openFileSync(path);
  } catch (cause) {
    throw new Error(`Cannot read ${path}: ${unreadReason(path, cause, "it is no longer there")}.`, { cause });
  }
  using _ = file;
  return parts.map(({ start, length }) => {
    const bytes = new Uint8Array(length);
    file.seekSync(start, Deno.SeekMode.Start);
    for (let done = 0; done < length;) {
      const count = file.readSync(bytes.subarray(done));
      if (count === null) throw endsEarly(path);
      done += count;
    }
    return bytes;
  });
}

function endsEarly(path: string): Error {
  return new Error(`Cannot read ${path}: it ends too early. Copy it again.`);
}
