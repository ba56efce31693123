/**
 * Hugging Face's `.safetensors`: the length of a JSON header (8 bytes, little endian), the header, the tensors' bytes.
 *
 * Written here and not imported: npm has no maintained package that reads it, and the format is this page.
 *
 * https://github.com/huggingface/safetensors#format
 */
import { writeFileAtomic } from "./atomic.ts";
import { type ByteFile, openByteFile } from "./byte_file.ts";
import { checksumOf, mustCarryChecksums } from "./checksum.ts";
import {
  assertTensor,
  bytesOf,
  type Dtype,
  elementCount,
  itemBytes,
  listed,
  numbersAt,
  type Tensor,
  type TensorOutline,
  type Tensors,
  tensorsBeside,
} from "./tensor.ts";
import { visibleText } from "./visible_text.ts";

// The reference implementation reads no longer header.
const MOST_HEADER_BYTES = 100_000_000;
/** Bytes of tensors that are read at once. */
const READ_TOGETHER = 2 ** 20;
const METADATA = "__metadata__";
/** Of its metadata: the checksums of the rest of the header and of each tensor. */
const CHECKSUMS = "checksums";

const DTYPES = new Map<string, Dtype>([
  ["F64", "float64"],
  ["F32", "float32"],
  ["F16", "float16"],
  ["BF16", "bfloat16"],
  ["I64", "int64"],
  ["I32", "int32"],
  ["I16", "int16"],
  ["I8", "int8"],
  ["U64", "uint64"],
  ["U32", "uint32"],
  ["U16", "uint16"],
  ["U8", "uint8"],
  ["BOOL", "bool"],
]);
const CODES = new Map([...DTYPES].map(([code, dtype]) => [dtype, code]));
/** Bits of numbers that are told and not read. */
const UNREAD_BITS = new Map([
  ["F4", 4],
  ["F6_E2M3", 6],
  ["F6_E3M2", 6],
  ["F8_E4M3", 8],
  ["F8_E5M2", 8],
  ["F8_E8M0", 8],
  ["C64", 64],
]);

/** What a `.safetensors` file holds. */
export interface Safetensors {
  /** The tensors by name, in the order of their bytes. */
  readonly tensors: Tensors;
  /** Type and shape of every tensor in the file, read or not; a type that cannot be read is called as the file does. */
  readonly outline: ReadonlyMap<string, TensorOutline>;
  /** Strings beside them. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Where a tensor lies. */
interface Place {
  readonly name: string;
  /** Undefined where the numbers are of a type that is not read. */
  readonly dtype?: Dtype;
  /** The type as the file calls it. */
  readonly code: string;
  readonly shape: readonly number[];
  readonly count: number;
  /** First byte, and the one behind the last, counted from the end of the header. */
  readonly start: number;
  readonly end: number;
}

/**
 * Reads the tensors of a `.safetensors` file, each straight into its array.
 *
 * @param path The file.
 * @param names Which to read; default all whose type is read: float8 and its kin are in the outline only, and `get` of one
 * of these throws why.
 * @throws {Error} A sentence if the file is missing, cut off, damaged (tensors that overlap, leave gaps or lie outside of
 * the file), of another format, without one of the names, or if one of these is of a type that is not read.
 *
 * @example What a file holds, without reading it all
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { float32Tensor, readSafetensors, writeSafetensors } from "./mod.ts";
 *
 * const path = await Deno.makeTempFile({ suffix: ".safetensors" });
 * const [weight, bias] = [float32Tensor(new Float32Array(6), [2, 3]), float32Tensor(Float32Array.of(1, 2, 3), [3])];
 * await writeSafetensors(path, new Map([["weight", weight], ["bias", bias]]));
 * const { tensors, outline } = await readSafetensors(path, ["bias"]);
 * assertEquals([...tensors.keys()], ["bias"]);
 * assertEquals(outline.get("weight"), { dtype: "float32", shape: [2, 3] });
 * await Deno.remove(path);
 * ```
 */
export async function readSafetensors(path: string, names?: readonly string[]): Promise<Safetensors> {
  using file = await openByteFile(path, "a .safetensors file");
  const { places, start, metadata } = await readPlaces(file);

  const strings = stringsOf(path, metadata);
  const checksums = checksumsOf(path, strings, places);
  const asked = names && new Set(names);
  const known = new Set(places.map(({ name }) => name));
  const missing = names?.find((name) => !known.has(name));
  if (missing !== undefined) {
    const there = listed(places.map(({ name }) => name));
    throw new Error(
      `Expected a tensor named ${missing} in ${path} but it has ${there}: give another file, or copy it again.`,
    );
  }
  const tensors = new Map<string, Tensor>();
  const refusals = new Map<string, Error>();
  const wanted: Place[] = [];
  for (const place of places) {
    if (asked && !asked.has(place.name)) continue;
    if (!asked && !place.dtype) refusals.set(place.name, unread(path, place));
    else wanted.push(place);
  }
  for await (const [place, bytes] of valuesOf(file, start, wanted)) {
    const { name, shape, count } = place;
    if (checksums && checksumOf(bytes) !== checksums[name]) throw damaged(path, `${name} does not fit its checksum`);
    const dtype = readableDtype(path, place);
    tensors.set(name, { dtype, shape, data: numbersAt(dtype, bytes, 0, count) });
  }
  const outline = new Map(places.map(({ name, dtype, code, shape }) => [name, { dtype: dtype ?? code, shape }]));
  const { [CHECKSUMS]: _, ...others } = strings;
  return { tensors: tensorsBeside(tensors, refusals), outline, metadata: others };
}

/**
 * The bytes of tensors, each in an array of its own, which is aligned wherever the tensor lies in the file. Small ones that
 * lie one behind the other are read together: a read for each would take far longer than its bytes.
 */
async function* valuesOf(
  file: ByteFile,
  start: number,
  places: readonly Place[],
): AsyncGenerator<[Place, Uint8Array<ArrayBuffer>]> {
  for (let first = 0, next = 1; first < places.length; first = next++) {
    const { start: from } = places[first];
    while (places[next]?.start === places[next - 1].end && places[next].end - from <= READ_TOGETHER) next++;
    const bytes = await file.read(start + from, new Uint8Array(places[next - 1].end - from));
    if (next === first + 1) yield [places[first], bytes];
    else {for (const place of places.slice(first, next)) {
        yield [place, bytes.slice(place.start - from, place.end - from)];
      }}
  }
}

/** The checksums of the tensors, if the file has them and the rest of its header fits them. */
function checksumsOf(
  path: string,
  { [CHECKSUMS]: text, ...metadata }: Record<string, string>,
  places: readonly Place[],
): Record<string, string> | undefined {
  if (text === undefined) {
    if (mustCarryChecksums(metadata.format)) throw damaged(path, "its checksums are missing");
    return undefined;
  }
  const { header, tensors } = parsedChecksums(path, text);
  const outline = places.map(({ name, dtype, code, shape }) => [name, { dtype: dtype ?? code, shape }] as const);
  if (header !== headerChecksum(outline, metadata)) throw damaged(path, "its header does not fit its checksum");
  return tensors;
}

function parsedChecksums(path: string, text: string): { header?: string; tensors: Record<string, string> } {
  try {
    const { header, tensors } = JSON.parse(text).crc32;
    return { header, tensors: { ...tensors } };
  } catch (cause) {
    throw damaged(path, "its checksums make no sense", cause);
  }
}

/** The checksum of names, types, shapes and strings. */
function headerChecksum(
  outline: readonly (readonly [string, TensorOutline])[],
  metadata: Readonly<Record<string, string>>,
): string {
  const entries = outline.map(([name, { dtype, shape }]) => [name, dtype, shape]);
  return checksumOf(JSON.stringify([entries, Object.entries(metadata)]));
}

/** Where a tensor's bytes are in its file. */
export interface TensorPlace extends Pick<Tensor, "dtype" | "shape"> {
  /** First byte. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
}

/**
 * Where tensors of a `.safetensors` file lie; reads its header only.
 *
 * @param names Which; default all.
 * @throws {Error} A sentence, as {@link readSafetensors} does, also if one of them is of a type that is not read.
 */
export async function outlineSafetensors(
  path: string,
  names?: readonly string[],
): Promise<ReadonlyMap<string, TensorPlace>> {
  using file = await openByteFile(path, "a .safetensors file");
  const { places, start } = await readPlaces(file);
  const asked = names && new Set(names);
  const wanted = places.filter(({ name }) => asked?.has(name) ?? true);
  return new Map(wanted.map((place) => {
    const { name, shape, start: first, end } = place;
    return [name, { dtype: readableDtype(path, place), shape, offset: start + first, length: end - first }];
  }));
}

async function readPlaces(file: ByteFile): Promise<{ places: Place[]; start: number; metadata: unknown }> {
  const { header, start } = await readHeader(file);
  const { [METADATA]: metadata, ...entries } = header;
  const places = Object.entries(entries).map(([name, entry]) => placeOf(file.path, name, entry));
  places.sort((a, b) => a.start - b.start || a.end - b.end);
  assertGapless(file.path, places, file.size - start);
  return { places, start, metadata };
}

/**
 * Writes tensors as a `.safetensors` file, with checksums of each and of the header in its metadata. The same tensors give
 * the same bytes.
 *
 * @param path Where to; the file is whole or not there.
 * @param tensors By name. They are stored by the width of their numbers, the widest first.
 * @param metadata Strings beside them.
 * @throws {TypeError} If a tensor's array is not of its dtype.
 * @throws {RangeError} If a tensor's array does not hold as many numbers as its shape.
 * @throws {Error} A sentence if it cannot be written.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { float32Tensor, readSafetensors, writeSafetensors } from "./mod.ts";
 *
 * const path = await Deno.makeTempFile({ suffix: ".safetensors" });
 * const tensors = new Map([["direction", float32Tensor(Float32Array.of(0.6, 0.8), [2])]]);
 * await writeSafetensors(path, tensors, { layer: "3" });
 * const read = await readSafetensors(path);
 * assertEquals(read.metadata, { layer: "3" });
 * assertEquals(read.tensors.get("direction")?.data, Float32Array.of(0.6, 0.8));
 * await Deno.remove(path);
 * ```
 */
export async function writeSafetensors(
  path: string,
  tensors: Tensors,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  for (const [name, tensor] of tensors) assertTensor(tensor, `${name} of ${path}`);
  // The widest numbers first: every tensor is then aligned to its own.
  const sorted = [...tensors].sort(([, a], [, b]) => itemBytes(b.dtype) - itemBytes(a.dtype));
  const bytes = sorted.map(([, tensor]) => bytesOf(tensor));
  const checksums = {
    header: headerChecksum(sorted, metadata),
    tensors: Object.fromEntries(sorted.map(([name], i) => [name, checksumOf(bytes[i])])),
  };
  await streamSafetensors(path, sorted, bytes, { ...metadata, [CHECKSUMS]: JSON.stringify({ crc32: checksums }) });
}

/**
 * Writes a `.safetensors` file whose tensors come one after the other, larger ones in parts.
 *
 * @param path Where to; the file is whole or not there.
 * @param outline Name, type and shape of each tensor, in the order of their bytes.
 * @param content The bytes of all.
 * @param metadata Strings beside them.
 * @throws {Error} A sentence if it cannot be written. What `content` throws is passed on.
 */
export async function streamSafetensors(
  path: string,
  outline: readonly (readonly [string, Pick<Tensor, "dtype" | "shape">])[],
  content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const header: [string, unknown][] = Object.keys(metadata).length > 0 ? [[METADATA, metadata]] : [];
  let end = 0;
  for (const [name, { dtype, shape }] of outline) {
    if (name === METADATA) {
      throw new Error(`Cannot write ${path}: ${METADATA} is no name for a tensor. Choose another.`);
    }
    const start = end;
    end += elementCount(shape)! * itemBytes(dtype);
    header.push([name, { dtype: CODES.get(dtype), shape, data_offsets: [start, end] }]);
  }
  const text = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  // Padded with spaces, so that the numbers begin at a multiple of 8 bytes.
  const prefix = new Uint8Array(8 + Math.ceil(text.length / 8) * 8).fill(0x20, 8);
  new DataView(prefix.buffer).setBigUint64(0, BigInt(prefix.length - 8), true);
  prefix.set(text, 8);
  await writeFileAtomic(
    path,
    async function* () {
      yield prefix;
      yield* content;
    }(),
  );
}

async function readHeader(file: ByteFile): Promise<{ header: Record<string, unknown>; start: number }> {
  const { path, size } = file;
  if (size < 8) throw damaged(path, `it has ${size} bytes, and the length of its header alone takes 8`);
  const first = await file.read(0, new Uint8Array(8));
  if (new TextDecoder().decode(first) === "version ") {
    throw new Error(
      `Cannot read ${path}: expected a whole .safetensors file but it is a pointer of Git LFS to one. Run git lfs pull in its folder.`,
    );
  }
  const claimed = new DataView(first.buffer).getBigUint64(0, true);
  if (claimed > Math.min(MOST_HEADER_BYTES, size - 8)) {
    throw damaged(path, `its header should be ${claimed} bytes long, and the file has ${size}`);
  }
  const length = Number(claimed);
  const bytes = await file.read(8, new Uint8Array(length));
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw damaged(path, "its header is not JSON", cause);
  }
  if (!isRecord(header)) throw damaged(path, "its header is not a JSON object");
  return { header, start: 8 + length };
}

function placeOf(path: string, name: string, entry: unknown): Place {
  if (!isRecord(entry)) throw damaged(path, `its header says nothing of ${name}`);
  const { dtype: code, shape, data_offsets: offsets } = entry;
  if (typeof code !== "string") throw damaged(path, `the dtype of ${name} is ${JSON.stringify(code)}`);
  const dtype = DTYPES.get(code);
  const count = Array.isArray(shape) ? elementCount(shape) : undefined;
  if (count === undefined) throw damaged(path, `the shape of ${name} is ${JSON.stringify(shape)}`);
  const [start, end] = Array.isArray(offsets) && offsets.length === 2 ? offsets : [];
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || end < start) {
    throw damaged(path, `the offsets of ${name} are ${JSON.stringify(offsets)}`);
  }
  const bits = dtype ? 8 * itemBytes(dtype) : UNREAD_BITS.get(code);
  // How wide numbers of types to come are, nobody knows yet.
  if (bits !== undefined && 8 * (end - start) !== count * bits) {
    throw damaged(
      path,
      `${name} of shape (${(shape as number[]).join(", ")}) and dtype ${code} has ${end - start} bytes`,
    );
  }
  return { name, ...(dtype && { dtype }), code, shape: shape as number[], count, start, end };
}

/** A tensor's type, if its numbers are read. */
function readableDtype(path: string, place: Place): Dtype {
  if (place.dtype) return place.dtype;
  throw unread(path, place);
}

/** For a tensor of a type that is not read. */
function unread(path: string, { name, code }: Place): Error {
  return new Error(
    `Cannot read ${path}: expected ${visibleText(name)} in one of ${[...DTYPES.keys()].join(" ")} but its dtype is ` +
      `${visibleText(code)}. Convert it, or copy the file again.`,
  );
}

/** The format allows neither overlaps nor gaps, so every byte is somebody's. */
function assertGapless(path: string, places: readonly Place[], bytes: number): void {
  let end = 0;
  for (const place of places) {
    if (place.start !== end) throw damaged(path, `${place.name} begins at byte ${place.start}, not at ${end}`);
    end = place.end;
  }
  if (end !== bytes) throw damaged(path, `its tensors take ${end} bytes and the file has ${bytes} for them`);
}

function stringsOf(path: string, metadata: unknown): Record<string, string> {
  if (metadata === undefined) return {};
  if (!isRecord(metadata) || !Object.values(metadata).every((value) => typeof value === "string")) {
    throw damaged(path, "its metadata are not strings");
  }
  return metadata as Record<string, string>;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function damaged(path: string, reason: string, cause?: unknown): Error {
  return new Error(
    `Cannot read ${path}: expected a whole .safetensors file but ${visibleText(reason)}. Write or copy it again.`,
    { cause },
  );
}
