/**
 * The two forms of a file of `torch.save`: a zip archive of stored members (since PyTorch 1.6), or pickles and storages one
 * after the other (before). Both hold a pickle that says what each tensor is, and the storages themselves.
 *
 * https://docs.pytorch.org/docs/stable/notes/serialization.html
 */
import { unreadReason } from "../open.ts";
import { type ByteFile, openByteFile } from "../byte_file.ts";
import { calledFrame, frameOfFile } from "../frames.ts";
import { type PickleDialect, PickleDict, pickleLength, PickleList, PickleText, readPickle } from "../pickle/pickle.ts";
import type { PickleValue } from "../pickle/pickle.ts";
import { type Dtype, itemBytes } from "../tensor.ts";
import { visibleText } from "../visible_text.ts";
import { type Entry, FileBytes, memberStart, ZipReader } from "../zip.ts";
import { torchDialect, type TorchStorage } from "./dialect.ts";

/** Bytes of an old file that are looked at first: its pickles end within, unless they hold arrays of NumPy. */
const FIRST_LOOK = 2 ** 20;

/** A part of a file. */
export interface Part {
  /** First byte. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
}

/** An open file of `torch.save`. Close it, or let `using` do so. */
export interface TorchFile extends Disposable {
  readonly path: string;
  readonly file: ByteFile;
  /** What was saved. Tensors name their storages. */
  readonly value: PickleValue;
  /** The storages that tensors name, by their keys. */
  readonly storages: ReadonlyMap<string, TorchStorage>;
  /** Where each of them lies. */
  readonly parts: ReadonlyMap<string, Part>;
  /** Whether a big-endian machine wrote it. */
  readonly isBigEndian: boolean;
}

/**
 * Opens a file of `torch.save` and reads its pickle as data; nothing of it is run.
 *
 * @param more What its pickle may ask for besides tensors, arrays of NumPy and plain values.
 * @throws {Error} A sentence if the file is missing, cut off, damaged, of another format, or asks for anything else.
 */
export async function openTorch(
  path: string,
  more?: Pick<PickleDialect, "admits" | "globals">,
): Promise<TorchFile> {
  const file = await openByteFile(path, "a file of torch.save");
  try {
    const frame = await frameOfFile(file);
    if (frame === "zip") return await openZip(file, more);
    if (frame === "torch legacy") return await openLegacy(file, more);
    throw new Error(`Cannot read ${path}: expected a file of torch.save but it is ${calledFrame(frame)}.`);
  } catch (error) {
    file[Symbol.dispose]();
    throw error;
  }
}

type More = Pick<PickleDialect, "admits" | "globals"> | undefined;

async function openZip(file: ByteFile, more: More): Promise<TorchFile> {
  const { path } = file;
  const members = await membersOf(file);
  const [root] = [...members.keys()].filter((name) => /^[^/]+\/data\.pkl$/.test(name)).map((name) => name.slice(0, -8));
  if (root === undefined) throw damaged(path, "it has no data.pkl");
  const order = members.get(`${root}byteorder`);
  const byteOrder = order ? new TextDecoder().decode(await bytesOf(file, order)) : "little";
  if (byteOrder !== "little" && byteOrder !== "big") throw damaged(path, `its byte order is "${byteOrder}"`);
  const storages = new Map<string, TorchStorage>();
  const pickle = await bytesOf(file, members.get(`${root}data.pkl`)!);
  const value = readPickle(pickle, `${path} (data.pkl)`, torchDialect(storages, more), file.size);
  const parts = new Map<string, Part>();
  for (const key of storages.keys()) {
    const member = members.get(`${root}data/${key}`);
    if (!member) throw damaged(path, `the storage ${key} is not there`);
    parts.set(key, member);
  }
  return opened(file, { value, storages, parts, isBigEndian: byteOrder === "big" });
}

function opened(file: ByteFile, rest: Pick<TorchFile, "value" | "storages" | "parts" | "isBigEndian">): TorchFile {
  return { path: file.path, file, ...rest, [Symbol.dispose]: () => file[Symbol.dispose]() };
}

async function membersOf(file: ByteFile): Promise<Map<string, Part>> {
  let entries: Entry[];
  try {
    entries = await new ZipReader(new FileBytes(file), { checkOverlappingEntry: true }).getEntries();
  } catch (cause) {
    throw damaged(file.path, unreadReason(file.path, cause), cause);
  }
  const members = new Map<string, Part>();
  for (const { filename, offset, compressionMethod, uncompressedSize } of entries) {
    if (compressionMethod !== 0) throw damaged(file.path, `its member ${filename} is packed`);
    const start = await memberStart(file, offset);
    if (start + uncompressedSize > file.size) throw damaged(file.path, `its member ${filename} ends after the file`);
    if (members.has(filename)) throw damaged(file.path, `it has ${filename} twice`);
    members.set(filename, { offset: start, length: uncompressedSize });
  }
  return members;
}

function bytesOf(file: ByteFile, { offset, length }: Part): Promise<Uint8Array<ArrayBuffer>> {
  return file.read(offset, new Uint8Array(length));
}

/** Magic, version, what the machine was, what was saved, the storages' keys, and of each storage its length and bytes. */
async function openLegacy(file: ByteFile, more: More): Promise<TorchFile> {
  const { path } = file;
  const storages = new Map<string, TorchStorage>();
  const dialect = torchDialect(storages, more);
  let offset = await legacyPickleEnd(file, 0);
  const next = async (name: string) => {
    const end = await legacyPickleEnd(file, offset);
    const bytes = await bytesOf(file, { offset, length: end - offset });
    offset = end;
    return readPickle(bytes, `${path} (${name})`, dialect, file.size);
  };
  const version = await next("its version");
  if (version !== 1001) throw damaged(path, `its version is ${typeof version === "number" ? version : "no number"}`);
  const system = await next("its system");
  const isLittle = system instanceof PickleDict ? system.entries.get("little_endian") : undefined;
  if (typeof isLittle !== "boolean") throw damaged(path, "it does not say in which order its bytes are");
  const value = await next("its value");
  const keys = await next("its storages");
  if (!(keys instanceof PickleList)) throw damaged(path, "it does not list its storages");
  const parts = new Map<string, Part>();
  for (const key of keys) {
    const storage = key instanceof PickleText ? storages.get(key.toString()) : undefined;
    if (!storage || parts.has(storage.key)) throw damaged(path, "it lists storages that no tensor names");
    if (offset + 8 > file.size) throw damaged(path, `it ends before its storage ${storage.key}`);
    const length = new DataView((await file.read(offset, new Uint8Array(8))).buffer).getBigInt64(0, isLittle);
    const bytes = Number(length) * storageItemBytes(storage);
    if (!(bytes >= 0 && offset + 8 + bytes <= file.size)) {
      throw damaged(path, `its storage ${storage.key} ends after it`);
    }
    parts.set(storage.key, { offset: offset + 8, length: bytes });
    offset += 8 + bytes;
  }
  const missing = [...storages.keys()].find((key) => !parts.has(key));
  if (missing !== undefined) throw damaged(path, `the storage ${missing} is not there`);
  return opened(file, { value, storages, parts, isBigEndian: !isLittle });
}

/** Bytes of one number of a storage; one of a storage of bytes. */
function storageItemBytes({ type }: TorchStorage): number {
  if (type === undefined) return 1;
  if (type === "complex64") return 8;
  return type === "complex128" ? 16 : itemBytes(type as Dtype);
}

/** Where a pickle ends that begins somewhere in the file: what follows it is looked at only as far as need be. */
async function legacyPickleEnd(file: ByteFile, start: number): Promise<number> {
  const left = file.size - start;
  for (let look = Math.min(left, FIRST_LOOK);; look = Math.min(left, 8 * look)) {
    const length = pickleLength(await file.read(start, new Uint8Array(look)), file.path, look < left);
    if (length !== undefined) return start + length;
  }
}

/** For a file that makes no sense. */
export function damaged(path: string, reason: string, cause?: unknown): Error {
  return new Error(
    `Cannot read ${path}: expected a whole file of torch.save but ${visibleText(reason)}. Copy it again.`,
    { cause },
  );
}
