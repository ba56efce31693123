/** A file whose bytes are read at any place, for formats with a table of contents. */

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
  try {
    file = await Deno.open(path);
  } catch (cause) {
    const reason = cause instanceof Deno.errors.NotFound ? "there is no such file" : (cause as Error).message;
    throw new Error(`Cannot read ${path}: ${reason}.`, { cause });
  }
  const { size, isFile } = await file.stat();
  if (!isFile) {
    file.close();
    throw new Error(`Cannot read ${path}: it is a folder. Give the name of ${kind}.`);
  }
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
    if (count === null) throw new Error(`Cannot read ${path}: it ends too early. Copy it again.`);
    done += count;
  }
  return bytes;
}
