/**
 * NumPy's `.npz`: a zip archive of one `.npy` file a tensor, stored or deflated.
 */
import { writeFileAtomic } from "./atomic.ts";
import { openByteFile } from "./byte_file.ts";
import { formatNpy, parseNpy } from "./npy.ts";
import { listed, type Tensor, type Tensors } from "./tensor.ts";
import { FileBytes, type FileEntry, Writer, ZipReader, ZipWriter } from "./zip.ts";

// Deflate cannot make its input more than about 1032 times longer: a member that claims more lies.
const LARGEST_RATIO = 1040;

interface Member {
  readonly name: string;
  readonly parts: readonly Uint8Array<ArrayBuffer>[];
}

/**
 * Reads the tensors of an `.npz` file. Each is copied once, from the file to its array (deflated ones are inflated there).
 *
 * @param path The file.
 * @param names Which to read; default all.
 * @throws {Error} A sentence if the file is missing, cut off, damaged (checksums are verified), of another format or
 * without one of the names.
 */
export async function readNpz(path: string, names?: readonly string[]): Promise<Tensors> {
  using file = await openByteFile(path, "an .npz file");
  const head = await file.read(0, new Uint8Array(Math.min(4, file.size)));
  if (!(head[0] === 0x50 && head[1] === 0x4b)) {
    throw new Error(`Cannot read ${path}: expected an .npz file, a zip archive, but it does not start like one.`);
  }
  const archive = new ZipReader(new FileBytes(file), { checkSignature: true, checkOverlappingEntry: true });
  const members = await unzipped(path, archive.getEntries());
  const entries = new Map<string, FileEntry>();
  for (const member of members) {
    const name = member.filename.replace(/\.npy$/, "");
    if (member.directory || name === member.filename) continue;
    if (entries.has(name)) throw damaged(path, `it has ${name} twice`);
    entries.set(name, member);
  }
  const missing = names?.find((name) => !entries.has(name));
  if (missing !== undefined) {
    throw new Error(
      `Expected a tensor named ${missing} in ${path} but it has ${
        listed(entries.keys())
      }: give another file, or copy it again.`,
    );
  }
  const tensors = new Map<string, Tensor>();
  for (const name of names ?? entries.keys()) {
    const bytes = await memberBytes(path, entries.get(name)!);
    tensors.set(name, parseNpy(bytes, `${name} of ${path}`));
  }
  return tensors;
}

/**
 * Writes tensors as an `.npz` file that `numpy.load` opens, stored without compression as `numpy.savez` does. The same
 * tensors give the same bytes.
 *
 * @param path Where to; the file is whole or not there.
 * @param tensors By name, in this order; a name must not be empty.
 * @throws {Error} A sentence if it cannot be written, or if NumPy has no such dtype (bfloat16).
 */
export async function writeNpz(path: string, tensors: Tensors): Promise<void> {
  const members = [...tensors].map(([name, tensor]) => ({ name, parts: formatNpy(tensor, `${name} of ${path}`) }));
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const filled = fill(writable, members).catch((error) => writable.abort(error).catch(() => {}));
  await writeFileAtomic(path, readable);
  await filled;
}

async function fill(writable: WritableStream<Uint8Array>, members: readonly Member[]): Promise<void> {
  // No clock in the file; the earliest date that a zip archive can hold.
  const archive = new ZipWriter(writable, { level: 0, lastModDate: new Date(1980, 0, 1), extendedTimestamp: false });
  for (const { name, parts } of members) await archive.add(`${name}.npy`, ReadableStream.from(parts));
  await archive.close();
}

async function memberBytes(path: string, entry: FileEntry): Promise<Uint8Array<ArrayBuffer>> {
  const { compressedSize, uncompressedSize, filename } = entry;
  if (uncompressedSize > compressedSize * LARGEST_RATIO) {
    throw damaged(path, `${filename} claims ${uncompressedSize} bytes of the ${compressedSize} that are there`);
  }
  return await unzipped(path, entry.getData(new MemoryWriter(uncompressedSize)));
}

/** What zip.js says, as a sentence. */
async function unzipped<T>(path: string, step: Promise<T>): Promise<T> {
  try {
    return await step;
  } catch (cause) {
    throw damaged(path, (cause as Error).message, cause);
  }
}

function damaged(path: string, reason: string, cause?: unknown): Error {
  const detail = reason.replaceAll(/\s+/g, " ").replace(/\.$/, "");
  return new Error(`Cannot read ${path}: the archive is cut off or damaged: ${detail}. Write or copy it again.`, {
    cause,
  });
}

/** Collects a member in one array of the length that the archive's table of contents gives. */
class MemoryWriter extends Writer<Uint8Array<ArrayBuffer>> {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  #end = 0;

  constructor(size: number) {
    super();
    this.#bytes = new Uint8Array(size);
  }

  override writeUint8Array(part: Uint8Array): Promise<void> {
    if (this.#end + part.length > this.#bytes.length) {
      return Promise.reject(new Error("A member is longer than it claims"));
    }
    this.#bytes.set(part, this.#end);
    this.#end += part.length;
    return Promise.resolve();
  }

  override getData(): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#end < this.#bytes.length) return Promise.reject(new Error("A member is shorter than it claims"));
    return Promise.resolve(this.#bytes);
  }
}
