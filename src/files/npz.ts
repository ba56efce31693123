/**
 * NumPy's `.npz`: a zip archive of one `.npy` file a tensor, stored or deflated.
 */
import { writeFileAtomic } from "./atomic.ts";
import { openByteFile } from "./byte_file.ts";
import { assertNpy, formatNpy, NPY_HEAD, parseNpy } from "./npy.ts";
import { listed, type Tensor, type Tensors } from "./tensor.ts";
import { UnpackBudget, type UnpackOptions } from "./unpacking.ts";
import { visibleText } from "./visible_text.ts";
import { FileBytes, type FileEntry, Writer, ZipReader, ZipWriter } from "./zip.ts";

// How a member that is not packed says so.
const STORED = 0;
// Deflate cannot make its input more than about 1032 times longer: a member that claims more lies.
const LARGEST_RATIO = 1040;

interface Member {
  readonly name: string;
  readonly parts: readonly Uint8Array<ArrayBuffer>[];
}

/**
 * Reads the tensors of an `.npz` file. Each is copied once, from the file to its array (deflated ones are inflated there,
 * once their beginning says that they are arrays of just this size).
 *
 * @param path The file.
 * @param names Which to read; default all.
 * @param options What it may unpack to; see {@linkcode UnpackOptions}.
 * @throws {Error} A sentence if the file is missing, cut off, damaged (checksums are verified), of another format, without
 * one of the names, or if it unpacks to more than is allowed.
 *
 * @example Some of the arrays
 * ```ts
 * import { float32Tensor, readNpz, writeNpz } from "./mod.ts";
 *
 * const path = await Deno.makeTempFile({ suffix: ".npz" });
 * const [W_enc, b_enc] = [float32Tensor(new Float32Array(6), [2, 3]), float32Tensor(Float32Array.of(1, 2, 3), [3])];
 * await writeNpz(path, new Map([["W_enc", W_enc], ["b_enc", b_enc]]));
 * const tensors = await readNpz(path, ["b_enc"]);
 * if (tensors.size !== 1 || tensors.get("b_enc")?.data.join() !== "1,2,3") throw new Error("not what was written");
 * await Deno.remove(path);
 * ```
 */
export async function readNpz(
  path: string,
  names?: readonly string[],
  options: UnpackOptions = {},
): Promise<Tensors> {
  using file = await openByteFile(path, "an .npz file");
  const head = await file.read(0, new Uint8Array(Math.min(4, file.size)));
  if (!(head[0] === 0x50 && head[1] === 0x4b)) {
    throw new Error(
      `Cannot read ${path}: expected an .npz file, a zip archive, but it does not start like one. Give one, or copy it again.`,
    );
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
  const budget = new UnpackBudget(path, options);
  for (const name of names ?? entries.keys()) {
    const { filename, compressionMethod, compressedSize, uncompressedSize } = entries.get(name)!;
    if (uncompressedSize > compressedSize * (compressionMethod === STORED ? 1 : LARGEST_RATIO)) {
      throw damaged(path, `${filename} claims ${uncompressedSize} bytes of the ${compressedSize} that are there`);
    }
    if (compressionMethod !== STORED) budget.take(uncompressedSize);
  }
  const tensors = new Map<string, Tensor>();
  for (const name of names ?? entries.keys()) {
    const called = `${name} of ${path}`;
    tensors.set(name, parseNpy(await memberBytes(path, entries.get(name)!, called), called));
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
 *
 * @example Any dtype that NumPy has
 * ```ts
 * import { readNpz, type Tensor, writeNpz } from "./mod.ts";
 *
 * const path = await Deno.makeTempFile({ suffix: ".npz" });
 * const labels: Tensor = { dtype: "int64", shape: [2, 1], data: BigInt64Array.of(-1n, 2n ** 62n) };
 * await writeNpz(path, new Map([["labels", labels]]));
 * const read = (await readNpz(path)).get("labels");
 * if (read?.shape.join() !== "2,1" || read.data[1] !== 2n ** 62n) throw new Error(`${read?.data}`);
 * await Deno.remove(path);
 * ```
 */
export async function writeNpz(path: string, tensors: Tensors): Promise<void> {
  const members = [...tensors].map(([name, tensor]) => ({ name, parts: formatNpy(tensor, `${name} of ${path}`) }));
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  // A failure aborts the stream, and so comes out of writeFileAtomic, which reads it.
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

async function memberBytes(path: string, entry: FileEntry, called: string): Promise<Uint8Array<ArrayBuffer>> {
  const writer = new MemoryWriter(entry.uncompressedSize, called);
  try {
    return await unzipped(path, entry.getData(writer));
  } catch (error) {
    throw writer.refusal ?? error;
  }
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
  const detail = visibleText(reason.replaceAll(/\s+/g, " ")).replace(/\.$/, "");
  return new Error(`Cannot read ${path}: the archive is cut off or damaged: ${detail}. Write or copy it again.`, {
    cause,
  });
}

/**
 * Collects a member in one array of the length that the archive's table of contents gives, which is made only when the
 * member's own header says the same.
 */
class MemoryWriter extends Writer<Uint8Array<ArrayBuffer>> {
  /** Why the member is no array. */
  refusal?: Error;
  #bytes: Uint8Array<ArrayBuffer>;
  #end = 0;

  constructor(readonly length: number, private readonly called: string) {
    super();
    this.#bytes = new Uint8Array(Math.min(length, NPY_HEAD));
  }

  override writeUint8Array(part: Uint8Array): Promise<void> {
    if (this.#end + part.length > this.length) return Promise.reject(new Error("A member is longer than it claims"));
    // The beginning goes to an array of its own, which is the whole of a short member.
    const head = part.subarray(0, Math.max(0, NPY_HEAD - this.#end));
    this.#bytes.set(head, this.#end);
    this.#end += head.length;
    if (this.#end === this.#bytes.length && head.length > 0) {
      try {
        assertNpy(this.#bytes, this.length, this.called);
      } catch (error) {
        this.refusal = error as Error;
        return Promise.reject(error);
      }
      // Only now is the whole array made, since the member's own header claims just this size.
      const bytes = new Uint8Array(this.length);
      bytes.set(this.#bytes);
      this.#bytes = bytes;
    }
    const rest = part.subarray(head.length);
    this.#bytes.set(rest, this.#end);
    this.#end += rest.length;
    return Promise.resolve();
  }

  override getData(): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#end < this.length) return Promise.reject(new Error("A member is shorter than it claims"));
    return Promise.resolve(this.#bytes);
  }
}
