/** Quantised weights of a checkpoint: made once, and kept in the cache by what they were made of. */
import { createHash } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { openByteFile } from "../../files/byte_file.ts";
import { checksumOfFile } from "../../files/checksum.ts";
import { exists } from "../../files/exists.ts";
import { readSealedJson, writeSealedJson } from "../../files/sealed_json.ts";
import { outlineSafetensors, streamSafetensors, type TensorPlace } from "../../files/safetensors.ts";
import { type Dtype, numbersAt, toFloat32 } from "../../files/tensor.ts";
import { fileChecksum } from "../../hub/digest.ts";
import { bytesText, freeBytes } from "../../hub/disk.ts";
import { ModelError } from "../error.ts";
import { type Bits, BLOCK, quantise } from "./quantise.ts";
import type { StoredTensor } from "./tensors.ts";

/** Weights that are held at a time. */
const PART = 2 ** 22;

/** A matrix `[rows, columns]` to be quantised along its rows. */
export interface Matrix {
  readonly name: string;
  readonly stored: StoredTensor;
  readonly rows: number;
  /** A multiple of {@link BLOCK}. */
  readonly columns: number;
  /** Whether it is stored `[columns, rows]`. */
  readonly transposed: boolean;
}

/** How weights are quantised, and where they are kept. */
export interface PackOptions {
  readonly bits: Bits;
  /** Folder of the cache. */
  readonly folder: string;
  /** Called as weights are quantised, with those that are done and all. */
  readonly onQuantise?: (done: number, total: number) => void;
}

/** Names of a matrix's levels and scales. */
export function packedNames(name: string, bits: Bits): [levels: string, scales: string] {
  return [`${name}/q${bits}`, `${name}/q${bits}_scales`];
}

/** Types and shapes of a matrix's levels and scales. */
export function packedShapes(
  { rows, columns }: Pick<Matrix, "rows" | "columns">,
  bits: Bits,
): [levels: { dtype: Dtype; shape: number[] }, scales: { dtype: Dtype; shape: number[] }] {
  const blocks = columns / BLOCK;
  return [
    { dtype: "uint8", shape: [rows, blocks, BLOCK * bits / 8] },
    { dtype: "float32", shape: [rows * blocks] },
  ];
}

/**
 * The file of some matrices' quantised weights: of the cache, or made now.
 *
 * @returns Where each tensor lies in it.
 * @throws {ModelError} if a weight is not finite, or the disk has no room.
 */
export async function packedFile(
  matrices: readonly Matrix[],
  options: PackOptions,
): Promise<{ path: string; places: ReadonlyMap<string, TensorPlace> }> {
  const { bits, folder } = options;
  const files = [...new Set(matrices.map(({ stored }) => stored.path))];
  const sources: Record<string, string> = {};
  for (const file of files) sources[file] = await fileChecksum(file, join(folder, "sources"));
  const outline = matrices.flatMap((matrix) => {
    const shapes = packedShapes(matrix, bits);
    return packedNames(matrix.name, bits).map((name, i) => [name, shapes[i]] as const);
  });
  // The same bytes at other paths are the same weights.
  const made = matrices.map(({ stored, ...rest }) => [rest, sources[stored.path], stored.offset]);
  // Whoever changes what `quantise` gives changes the text here too, or weights of before are taken from the cache.
  const key = createHash("sha256").update(JSON.stringify(["blocks of 32, 1", bits, made])).digest("hex");
  const path = join(folder, `${key}.q${bits}.safetensors`);
  const known = await wholeFile(path);
  if (known) return { path, places: known };
  await sweep(path);
  await assertRoom(outline.reduce((sum, [, { dtype, shape }]) => sum + sizeOf(dtype, shape), 0), folder);
  const metadata = { format: "exemplar, blocks of 32 for MatMulNBits", sha256: Object.values(sources).join(" ") };
  await streamSafetensors(path, outline, pack(matrices, options), metadata);
  await writeSealedJson(sealOf(path), { format: SEAL, checksum: await checksumOfFile(path) });
  return { path, places: await outlineSafetensors(path) };
}

/** What stands beside a file of the cache: its checksum, which was not known before all was written. */
const SEAL = "exemplar quantised 2";
const sealOf = (path: string) => `${path}.json`;

/** What a file of the cache holds; nothing if it is not there, or not what was written. */
async function wholeFile(path: string): Promise<ReadonlyMap<string, TensorPlace> | undefined> {
  if (!await exists(path)) return undefined;
  try {
    const seal = await readSealedJson(sealOf(path), { remedy: "none is needed" });
    return seal?.checksum === await checksumOfFile(path) ? await outlineSafetensors(path) : undefined;
  } catch {
    // A copy that is damaged is made anew, whatever is wrong with it: its weights are still there.
    return undefined;
  }
}

/** Milliseconds after which a file that is still being written has nobody who writes it. */
const ABANDONED = 3600_000;

/** Removes what runs that were killed have left of a file. */
async function sweep(path: string): Promise<void> {
  if (!await exists(dirname(path))) return;
  for await (const { name } of Deno.readDir(dirname(path))) {
    if (!name.startsWith(`.${basename(path)}.`) || !name.endsWith(".tmp")) continue;
    const part = join(dirname(path), name);
    const { mtime } = await Deno.stat(part);
    if (Date.now() - (mtime?.getTime() ?? 0) > ABANDONED) await Deno.remove(part);
  }
}

function sizeOf(dtype: Dtype, shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, dtype === "uint8" ? 1 : 4);
}

async function assertRoom(bytes: number, folder: string): Promise<void> {
  const free = await freeBytes(folder);
  if (free === undefined || free >= bytes) return;
  throw new ModelError(
    `Expected ${bytesText(bytes)} for the quantised weights but the disk of ${folder} has ${
      bytesText(free)
    }: make room, or ` +
      "choose another folder with --cache or EXEMPLAR_CACHE",
  );
}

/** Levels and scales of all matrices, in the order of the outline. */
async function* pack(matrices: readonly Matrix[], { bits, onQuantise }: PackOptions): AsyncGenerator<Uint8Array> {
  const total = matrices.reduce((sum, { rows, columns }) => sum + rows * columns, 0);
  let done = 0;
  for (const matrix of matrices) {
    // A matrix's scales lie behind all of its levels in the file, and are few enough to wait.
    const allScales: Uint8Array[] = [];
    for await (const weights of rowsOf(matrix)) {
      assertFinite(weights, matrix);
      const { levels, scales } = quantise(weights, bits);
      yield levels;
      allScales.push(new Uint8Array(scales.buffer));
      onQuantise?.(done += weights.length, total);
    }
    yield* allScales;
  }
}

/** The rows of a matrix as float32, so many at a time as is good; a transposed one is read whole. */
async function* rowsOf({ stored, rows, columns, transposed }: Matrix): AsyncGenerator<Float32Array<ArrayBuffer>> {
  using file = await openByteFile(stored.path, "a file of weights");
  const { dtype, offset, length } = stored;
  const itemBytes = length / (rows * columns);
  const step = transposed ? rows : Math.max(1, Math.floor(PART / columns));
  for (let row = 0; row < rows; row += step) {
    const count = Math.min(step, rows - row) * columns;
    const bytes = await file.read(offset + row * columns * itemBytes, new Uint8Array(count * itemBytes));
    const numbers = toFloat32({ dtype, shape: [count], data: numbersAt(dtype, bytes, 0, count) });
    yield transposed ? turned(numbers, rows, columns) : numbers;
  }
}

/** `[columns, rows]` as `[rows, columns]`. */
function turned(numbers: Float32Array, rows: number, columns: number): Float32Array<ArrayBuffer> {
  const result = new Float32Array(numbers.length);
  for (let column = 0; column < columns; column++) {
    for (let row = 0; row < rows; row++) result[row * columns + column] = numbers[column * rows + row];
  }
  return result;
}

function assertFinite(weights: Float32Array, { name, stored }: Matrix): void {
  const wrong = weights.find((weight) => !Number.isFinite(weight));
  if (wrong === undefined) return;
  throw new ModelError(
    `Expected finite weights but "${name}" in ${stored.path} has ${wrong}, which no scale can hold: get the file anew`,
  );
}
