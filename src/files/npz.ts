/**
 * NumPy's `.npz`: a zip archive of one `.npy` file a tensor, stored or deflated.
 */
import { assertOptions } from "../compute/known_options.ts";
import { writeFileAtomic } from "./atomic.ts";
import { type ByteFile, openByteFile } from "./byte_file.ts";
import { assertNpy, formatNpy, NPY_HEAD, type NpyHeader, parseNpy, readNpyHeader, unreadNpy } from "./npy.ts";
import { unreadReason } from "./open.ts";
import { listed, type Tensor, type TensorOutline, type Tensors, tensorsBeside } from "./tensor.ts";
import { UNPACK_OPTIONS, UnpackBudget, type UnpackOptions } from "./unpacking.ts";
import { visibleText } from "./visible_text.ts";
import { FileBytes, type FileEntry, memberStart, Writer, ZipReader, ZipWriter } from "./zip.ts";

// How a member that is not packed says so.
const STORED = 0;
// Bytes that are handed to the library at once.
const PIECE = 2 ** 24;
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
 * @param names Which to read; default all that hold numbers: texts, objects, complex numbers and records are left out, and
 * `get` of one of these throws why.
 * @param options What it may unpack to; see {@linkcode UnpackOptions}.
 * @throws {Error} A sentence if the file is missing, cut off, damaged (checksums are verified), of another format, without
 * one of the names, if one of these holds something else than numbers, or if it unpacks to more than is allowed.
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
  assertOptions("readNpz", options, UNPACK_OPTIONS);
  using archive = await openNpz(path);
  archive.assertNames(names ?? []);
  const wanted = names ?? [...archive.entries.keys()];
  archive.assertUnpackable(wanted, options);
  const tensors = new Map<string, Tensor>();
  const refusals = new Map<string, Error>();
  for (const name of wanted) {
    const called = `${name} of ${path}`;
    const { header, bytes } = await archive.read(name, names ? "all of it" : "what is read");
    if (bytes) tensors.set(name, parseNpy(bytes, called));
    else refusals.set(name, unreadNpy(header.outline, called));
  }
  return tensorsBeside(tensors, refusals);
}

/**
 * What arrays an `.npz` file holds, those too whose values are not read. The file is read whole, so that its checksums are
 * compared; nothing of it is kept.
 *
 * @param options What it may unpack to.
 * @param onDamaged Gets the arrays that are damaged, which are left out then; default the first of them is thrown.
 * @throws {Error} A sentence, as {@linkcode readNpz} does.
 */
export async function outlineNpz(
  path: string,
  options: UnpackOptions = {},
  onDamaged: (name: string, error: Error) => void = (_, error) => {
    throw error;
  },
): Promise<ReadonlyMap<string, TensorOutline>> {
  using archive = await openNpz(path);
  archive.assertUnpackable(archive.entries.keys(), options);
  const outline = new Map<string, TensorOutline>();
  for (const name of archive.entries.keys()) {
    try {
      outline.set(name, (await archive.read(name, "its header")).header.outline);
    } catch (error) {
      onDamaged(name, error as Error);
    }
  }
  return outline;
}

/** What of a member is kept: all of it, or an error; all of it if it holds numbers that are read; or its header. */
type Kept = "all of it" | "what is read" | "its header";

/**
 * Opens an `.npz` file. Close it, or let `using` do so.
 *
 * @throws {Error} A sentence if the file is missing, cut off, damaged, of another format, or has an array twice.
 */
export async function openNpz(path: string): Promise<NpzFile> {
  const file = await openByteFile(path, "an .npz file");
  try {
    const head = await file.read(0, new Uint8Array(Math.min(4, file.size)));
    if (!(head[0] === 0x50 && head[1] === 0x4b)) {
      throw new Error(
        `Cannot read ${path}: expected an .npz file, a zip archive, but it does not start like one. Give one, or copy it again.`,
      );
    }
    const archive = new ZipReader(new FileBytes(file), { checkSignature: true, checkOverlappingEntry: true });
    const entries = new Map<string, FileEntry>();
    for (const member of await unzipped(path, archive.getEntries())) {
      const name = member.filename.replace(/\.npy$/, "");
      if (member.directory || name === member.filename) continue;
      if (entries.has(name)) throw damaged(path, `it has ${name} twice`);
      entries.set(name, member);
    }
    return new NpzFile(file, entries);
  } catch (error) {
    file[Symbol.dispose]();
    throw error;
  }
}

/** An open `.npz` file: its arrays are read one by one. */
export class NpzFile implements Disposable {
  readonly path: string;

  /** @param entries The arrays' members by their names without `.npy`. */
  constructor(readonly file: ByteFile, readonly entries: ReadonlyMap<string, FileEntry>) {
    this.path = file.path;
  }

  /** Throws unless it has all of these. */
  assertNames(names: readonly string[]): void {
    const missing = names.find((name) => !this.entries.has(name));
    if (missing === undefined) return;
    throw new Error(
      `Expected a tensor named ${missing} in ${this.path} but it has ${
        listed(this.entries.keys())
      }: give another file, or copy it again.`,
    );
  }

  /** Throws if members would unpack to more than is allowed, or than deflate can. */
  assertUnpackable(names: Iterable<string>, options: UnpackOptions): void {
    const budget = new UnpackBudget(this.path, options);
    for (const name of names) {
      const { filename, compressionMethod, compressedSize, uncompressedSize } = this.entries.get(name)!;
      if (uncompressedSize > compressedSize * (compressionMethod === STORED ? 1 : LARGEST_RATIO)) {
        throw damaged(
          this.path,
          `${filename} claims ${uncompressedSize} bytes of the ${compressedSize} that are there`,
        );
      }
      if (compressionMethod !== STORED) budget.take(uncompressedSize);
    }
  }

  /** Reads a member to its end, so that its checksum is compared; keeps what is asked for. */
  async read(name: string, kept: Kept): Promise<{ header: NpyHeader; bytes?: Uint8Array<ArrayBuffer> }> {
    const entry = this.entries.get(name)!;
    const writer = new MemberWriter(entry.uncompressedSize, `${name} of ${this.path}`, kept);
    try {
      const bytes = await unzipped(this.path, entry.getData(writer));
      return { header: writer.header!, ...(bytes && { bytes }) };
    } catch (error) {
      throw writer.refusal ?? error;
    }
  }

  /** Unpacks a member part by part; damage is told at its end. */
  async *parts(name: string): AsyncGenerator<Uint8Array> {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const done = this.entries.get(name)!.getData(writable).catch((error) => writable.abort(error).catch(() => {}));
    try {
      yield* readable;
    } catch (cause) {
      throw damaged(this.path, unreadReason(this.path, cause), cause);
    }
    await done;
  }

  /** First byte of a member that is stored as it is; undefined of one that is packed. */
  async storedAt(name: string): Promise<number | undefined> {
    const { compressionMethod, encrypted, offset } = this.entries.get(name)!;
    return compressionMethod === STORED && !encrypted ? await memberStart(this.file, offset) : undefined;
  }

  [Symbol.dispose](): void {
    this.file[Symbol.dispose]();
  }
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
  for (const { name, parts } of members) await archive.add(`${name}.npy`, ReadableStream.from(pieces(parts)));
  await archive.close();
}

/** Bytes some at a time: the library holds a copy of what it is given at once. */
function* pieces(parts: readonly Uint8Array<ArrayBuffer>[]): Iterable<Uint8Array<ArrayBuffer>> {
  for (const part of parts) {
    for (let from = 0; from < part.length; from += PIECE) yield part.subarray(from, from + PIECE);
  }
}

/** What zip.js says, as a sentence. */
async function unzipped<T>(path: string, step: Promise<T>): Promise<T> {
  try {
    return await step;
  } catch (cause) {
    throw damaged(path, unreadReason(path, cause), cause);
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
 * member's own header says the same; or its header alone.
 */
class MemberWriter extends Writer<Uint8Array<ArrayBuffer> | undefined> {
  /** Why the member is no array. */
  refusal?: Error;
  /** What the member says of itself, once that is read. */
  header?: NpyHeader;
  #bytes: Uint8Array<ArrayBuffer>;
  #isKept = true;
  #end = 0;

  constructor(readonly length: number, private readonly called: string, private readonly kept: Kept) {
    super();
    this.#bytes = new Uint8Array(Math.min(length, NPY_HEAD));
    // Of a member without bytes nothing is ever written.
    if (length === 0) this.#begin();
  }

  override writeUint8Array(part: Uint8Array): Promise<void> {
    if (this.#end + part.length > this.length) return Promise.reject(new Error("A member is longer than it claims"));
    // The beginning goes to an array of its own, which is the whole of a short member.
    const head = part.subarray(0, Math.max(0, NPY_HEAD - this.#end));
    if (head.length > 0) this.#bytes.set(head, this.#end);
    this.#end += head.length;
    if (this.#end === Math.min(this.length, NPY_HEAD) && head.length > 0) {
      this.#begin();
      if (this.refusal) return Promise.reject(this.refusal);
    }
    const rest = part.subarray(head.length);
    if (this.#isKept) this.#bytes.set(rest, this.#end);
    this.#end += rest.length;
    return Promise.resolve();
  }

  /** Reads the header, and makes the whole array if that claims just this size and the array is kept. */
  #begin(): void {
    const { length, called, kept } = this;
    try {
      this.header = kept === "all of it"
        ? assertNpy(this.#bytes, length, called)
        : readNpyHeader(this.#bytes, length, called);
    } catch (error) {
      this.refusal = error as Error;
      return;
    }
    this.#isKept = this.header.dtype !== undefined && kept !== "its header";
    if (!this.#isKept) return;
    const bytes = new Uint8Array(length);
    bytes.set(this.#bytes);
    this.#bytes = bytes;
  }

  override getData(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    if (this.refusal) return Promise.reject(this.refusal);
    if (this.#end < this.length) return Promise.reject(new Error("A member is shorter than it claims"));
    return Promise.resolve(this.#isKept ? this.#bytes : undefined);
  }
}
