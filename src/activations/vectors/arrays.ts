/** Vectors in files of arrays: `.npy`, `.npz`, `.safetensors`, `torch.save`. */
import { type ByteFile, openByteFile } from "../../files/byte_file.ts";
import { assertNpy, NPY_HEAD, type NpyHeader, parseNpy, readNpyHeader } from "../../files/npy.ts";
import { type NpzFile, openNpz } from "../../files/npz.ts";
import type { PickleArray } from "../../files/pickle/pickle.ts";
import { outlineSafetensors, readSafetensors } from "../../files/safetensors.ts";
import { type ArrayPlace, cStrides, fortranStrides, readRows } from "../../files/strided.ts";
import { type Dtype, itemBytes, swapBytes, type TensorOutline, toFloat32 } from "../../files/tensor.ts";
import { openTorch } from "../../files/torch/container.ts";
import { TorchTensor } from "../../files/torch/dialect.ts";
import { torchArrays, torchOutline, torchPlace } from "../../files/torch/tensors.ts";
import { visibleText } from "../../files/visible_text.ts";
import {
  checkedRows,
  chosenName,
  floatsOf,
  noSuchArray,
  type RowBlock,
  rowsAtOnce,
  type RowsOptions,
  vectorsOf,
} from "./rows.ts";

/** What sentences call an array of a file. */
function sourceOf(path: string, name = ""): string {
  return name === "" ? path : `${visibleText(name)} of ${path}`;
}

/** The vectors of an `.npy` file. */
export async function* npyRows(path: string, options: RowsOptions): AsyncGenerator<RowBlock> {
  using file = await openByteFile(path, "an .npy file");
  const head = await file.read(0, new Uint8Array(Math.min(NPY_HEAD, file.size)));
  const header = assertNpy(head, file.size, path);
  if (options.name !== undefined) {
    throw new Error(`Expected an .npy file's one array but the option name is "${options.name}": leave it out.`);
  }
  yield* placedRows(file, placeOf(header, header.start), options, path);
}

function placeOf(
  { dtype, outline: { shape }, isFortran, isBigEndian }: NpyHeader & { dtype: Dtype },
  offset: number,
): ArrayPlace {
  return { dtype, shape, strides: isFortran ? fortranStrides(shape) : cStrides(shape), offset, isBigEndian };
}

/** The vectors of an array of an `.npz` file. */
export async function* npzRows(path: string, options: RowsOptions): AsyncGenerator<RowBlock> {
  using archive = await openNpz(path);
  const name = options.name ?? await onlyName(archive);
  if (!archive.entries.has(name)) throw noSuchArray(path, name, archive.entries.keys());
  archive.assertUnpackable([name], options);
  const source = sourceOf(path, name);
  const { uncompressedSize } = archive.entries.get(name)!;
  const head = await beginning(archive, name);
  const header = assertNpy(head, uncompressedSize, source);
  // In C order rows come as the member is unpacked, and its checksum is compared at the end.
  if (!header.isFortran || header.outline.shape.length < 2) return yield* streamedRows(archive, name, header, options);
  const stored = await archive.storedAt(name);
  if (stored !== undefined) {
    return yield* placedRows(archive.file, placeOf(header, stored + header.start), options, source);
  }
  const { bytes } = await archive.read(name, "all of it");
  const { dim } = vectorsOf(header.outline.shape);
  const tensor = parseNpy(bytes!, source);
  const data = tensor.data instanceof BigInt64Array || tensor.data instanceof BigUint64Array
    ? Float32Array.from(tensor.data, Number)
    : toFloat32(tensor);
  const count = rowsAtOnce(dim, options.batchRows, source);
  for (let start = 0; start < data.length; start += count * dim) {
    yield checkedRows(data.slice(start, start + count * dim), dim, start / dim, source);
  }
}

/** The one array of numbers of an archive. */
async function onlyName(archive: NpzFile): Promise<string> {
  const outline = new Map<string, TensorOutline>();
  for (const [name, { uncompressedSize }] of archive.entries) {
    const header = readNpyHeader(await beginning(archive, name), uncompressedSize, sourceOf(archive.path, name));
    outline.set(name, header.outline);
  }
  return chosenName(archive.path, outline, undefined);
}

/** A member's first bytes; of a packed one no more is unpacked. */
async function beginning(archive: NpzFile, name: string): Promise<Uint8Array<ArrayBuffer>> {
  const { uncompressedSize } = archive.entries.get(name)!;
  const head = new Uint8Array(Math.min(NPY_HEAD, uncompressedSize));
  let end = 0;
  for await (const part of archive.parts(name)) {
    const taken = part.subarray(0, head.length - end);
    head.set(taken, end);
    end += taken.length;
    if (end === head.length) break;
  }
  return head.subarray(0, end);
}

async function* streamedRows(
  archive: NpzFile,
  name: string,
  { dtype, outline: { shape }, isBigEndian, start }: NpyHeader & { dtype: Dtype },
  { batchRows }: RowsOptions,
): AsyncGenerator<RowBlock> {
  const source = sourceOf(archive.path, name);
  const { rows, dim } = vectorsOf(shape);
  if (rows === 0) return;
  const size = itemBytes(dtype);
  const count = rowsAtOnce(dim, batchRows, source);
  let first = 0;
  for await (const bytes of inPieces(archive.parts(name), start, count * dim * size)) {
    if (isBigEndian) swapBytes(bytes, size);
    const block = checkedRows(floatsOf(dtype, bytes), dim, first, source);
    first += block.rows;
    yield block;
  }
}

/** Bytes of a stream, without the first few, in pieces of one length; the last may be shorter. */
async function* inPieces(
  parts: AsyncIterable<Uint8Array>,
  skip: number,
  length: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let [piece, end, skipped] = [new Uint8Array(length), 0, 0];
  for await (const part of parts) {
    let next = Math.min(part.length, skip - skipped);
    skipped += next;
    while (next < part.length) {
      const taken = part.subarray(next, next + length - end);
      piece.set(taken, end);
      next += taken.length;
      end += taken.length;
      if (end < length) continue;
      yield piece;
      [piece, end] = [new Uint8Array(length), 0];
    }
  }
  if (end > 0) yield piece.slice(0, end);
}

/** The vectors of a tensor of a `.safetensors` file. */
export async function* safetensorsRows(path: string, options: RowsOptions): AsyncGenerator<RowBlock> {
  const { outline } = await readSafetensors(path, []);
  const name = chosenName(path, outline, options.name);
  const { dtype, shape, offset } = (await outlineSafetensors(path, [name])).get(name)!;
  using file = await openByteFile(path, "a .safetensors file");
  yield* placedRows(file, { dtype, shape, strides: cStrides(shape), offset }, options, sourceOf(path, name));
}

/** The vectors of a tensor of a file of `torch.save`. */
export async function* torchRows(path: string, options: RowsOptions): AsyncGenerator<RowBlock> {
  using file = await openTorch(path);
  const arrays = torchArrays(file);
  if (arrays.size === 0) throw new Error(`Expected tensors in ${path}, a file of torch.save, but it has none.`);
  const outline = new Map<string, TensorOutline>([...arrays].map(([name, array]) => [name, torchOutline(array)]));
  const name = chosenName(path, outline, options.name);
  const [array, source] = [arrays.get(name)!, sourceOf(path, name)];
  if (array instanceof TorchTensor) yield* placedRows(file.file, torchPlace(file, name, array), options, source);
  else yield* heldRows(array, options, source);
}

/** The vectors of an array of NumPy, which lies in the pickle itself. */
function* heldRows(array: PickleArray, { batchRows }: RowsOptions, source: string): Generator<RowBlock> {
  const { rows, dim } = vectorsOf(array.shape);
  if (rows === 0) return;
  const count = rowsAtOnce(dim, batchRows, source);
  for (let first = 0; first < rows; first += count) {
    const data = new Float32Array(Math.min(count, rows - first) * dim);
    array.copyTo(data, 0, first * dim, data.length);
    yield checkedRows(data, dim, first, source);
  }
}

async function* placedRows(
  file: ByteFile,
  place: ArrayPlace,
  { batchRows }: RowsOptions,
  source: string,
): AsyncGenerator<RowBlock> {
  const { rows, dim } = vectorsOf(place.shape);
  if (rows === 0) return;
  const count = rowsAtOnce(dim, batchRows, source);
  for (let first = 0; first < rows; first += count) {
    const bytes = await readRows(file, place, first, Math.min(count, rows - first));
    yield checkedRows(floatsOf(place.dtype, bytes), dim, first, source);
  }
}
