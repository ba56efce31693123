import { join } from "node:path";
import { assertOptions } from "../../compute/known_options.ts";
import { isFolder } from "../../files/exists.ts";
import { calledFrame, type Frame, frameOf } from "../../files/frames.ts";
import { expandPattern, isPattern } from "../../files/glob.ts";
import { UNPACK_OPTIONS } from "../../files/unpacking.ts";
import { zipKindOf } from "../../files/zip.ts";
import { localPath } from "../../hub/hub_file.ts";
import { Batch } from "../batch.ts";
import { npyRows, npzRows, safetensorsRows, torchRows } from "./arrays.ts";
import { arrowRows, parquetRows } from "./columns.ts";
import { csvRows } from "./csv.ts";
import { byNumber, filesOfFolder, shardedRows } from "./folders.ts";
import { type ReadVectorsOptions, type RowBlock, ROWS, type RowsOptions, ZARR } from "./rows.ts";

/**
 * Streams vectors that other tools saved, as batches that `calibrate`, `Dictionary.add` and `Dictionary.assign` take. What
 * a file is, its bytes say, whatever its name:
 *
 * - `.npy` and `.npz` of NumPy, in any order of axes and bytes;
 * - `.safetensors`, or the folder or index (`*.safetensors.index.json`) of its shards: without a `name`, the arrays of all
 *   shards one after the other;
 * - files of `torch.save`, of before PyTorch 1.6 too, which are read as data and never run: a tensor, or tensors in
 *   dictionaries and lists;
 * - Parquet, Arrow and Feather: a column of lists of numbers, or columns of single numbers, each one number of a row;
 * - tables of numbers as text (`.csv`, `.tsv`, `numpy.savetxt`), with a header or without; a first line 0, 1, 2 and so on
 *   is a header of pandas'; a first column without a name numbers the rows, and is left out;
 * - a folder that `datasets` saved (`save_to_disk`), and a folder of any of these files, or those that a pattern names
 *   (`acts/part-*.npy`), in the order of the numbers in their names.
 *
 * Numbers are float64, float32, float16, bfloat16, whole numbers or booleans, and become float32. The last axis of an array
 * is a vector, the axes before it are numbered through; an array of one axis is one vector. Memory holds a batch; of Parquet
 * a row group, of Arrow a record batch, and of a packed `.npz` array in Fortran order the array.
 *
 * @param path A file, a folder or a pattern; of the hub as `hf://datasets/owner/name/file.npy`.
 * @throws {Error} A sentence if the file is missing, cut off, damaged, of another kind, has several arrays and no `name`
 * says which, holds vectors of several lengths, or a number that is NaN or infinite, whose row it names.
 * @throws {RangeError} if `batchRows` is no whole number from 1 on.
 *
 * @example A dictionary of one's own vectors
 * ```ts
 * import { calibrate, Dictionary, readVectors } from "../../../mod.ts";
 * import { float32Tensor, writeNpz } from "../../files/mod.ts";
 *
 * // What numpy.savez("acts.npz", resid=..., labels=...) writes.
 * const resid = float32Tensor(Float32Array.from({ length: 400 }, (_, i) => Math.sin(i * i)), [100, 4]);
 * await writeNpz("acts.npz", new Map([["resid", resid], ["labels", float32Tensor(new Float32Array(100), [100])]]));
 *
 * const vectors = () => readVectors("acts.npz", { name: "resid" });
 * const calibration = await calibrate(vectors(), { percentiles: [10], backend: "cpu" });
 * using dictionary = await Dictionary.create(calibration.at(10), { backend: "cpu" });
 * for await (const batch of vectors()) await dictionary.add(batch);
 * for await (const batch of vectors()) {
 *   const { regions } = await dictionary.assign(batch);
 *   if (regions.length !== 100 || regions[0] !== 0) throw new Error(`${regions}`);
 * }
 * await Deno.remove("acts.npz");
 * ```
 */
export async function* readVectors(path: string, options: ReadVectorsOptions = {}): AsyncGenerator<Batch> {
  assertOptions("readVectors", options, { ...UNPACK_OPTIONS, name: "string", batchRows: "number" });
  const { batchRows = ROWS } = options;
  if (!Number.isInteger(batchRows) || batchRows < 1) {
    throw new RangeError(`Expected batchRows to be a whole number from 1 on but found ${batchRows}`);
  }
  let dim: number | undefined;
  const local = await localPath(path);
  for await (const { data, rows, dim: length, source } of rowsOf(local, { ...options, batchRows })) {
    dim ??= length;
    if (length !== dim) {
      throw new Error(`Expected vectors of length ${dim}, as before, but those of ${source} have ${length}.`);
    }
    yield Batch.of({ data, rows, dim });
  }
  if (dim === undefined) throw new Error(`Expected vectors in ${path} but it has none.`);
}

async function* rowsOf(path: string, options: RowsOptions): AsyncGenerator<RowBlock> {
  if (isPattern(path)) {
    const files = (await expandPattern(path)).sort(byNumber);
    if (files.length === 0) throw new Error(`Cannot read ${path}: there are no files that the pattern names.`);
    // A file may be called like a pattern.
    if (files[0] !== path) {
      for (const file of files) yield* rowsOf(file, options);
      return;
    }
  }
  if (await isFolder(path)) return yield* rowsOfFolder(path, options);
  if (/\.safetensors\.index\.json$/.test(path)) return yield* shardedRows(path, options);
  yield* rowsOfFile(path, options);
}

async function* rowsOfFolder(folder: string, options: RowsOptions): AsyncGenerator<RowBlock> {
  const files = await filesOfFolder(folder);
  if (files.kind === "index") return yield* shardedRows(join(folder, files.name), options);
  for (const name of files.names) yield* rowsOfFile(join(folder, name), options);
}

async function* rowsOfFile(path: string, options: RowsOptions): AsyncGenerator<RowBlock> {
  const frame = await frameOf(path);
  switch (frame) {
    case "npy":
      return yield* npyRows(path, options);
    case "zip":
      return yield* rowsOfZip(path, options);
    case "torch legacy":
      return yield* torchRows(path, options);
    case "safetensors":
      return yield* safetensorsRows(path, options);
    case "parquet":
      return yield* parquetRows(path, options);
    case "arrow":
    case "arrow stream":
      return yield* arrowRows(path, options);
    case "text":
      return yield* csvRows(path, options);
    default:
      throw refused(path, `it is ${calledFrame(frame)}`, adviceOn(frame));
  }
}

async function* rowsOfZip(path: string, options: RowsOptions): AsyncGenerator<RowBlock> {
  const kind = await zipKindOf(path);
  switch (kind) {
    case "npz":
      return yield* npzRows(path, options);
    case "torch":
      return yield* torchRows(path, options);
    case "zarr":
      throw refused(path, "it is a zarr store", ZARR);
    case "excel":
      throw refused(path, "it is an Excel workbook", "Save the sheet as CSV");
    case "other":
      throw refused(path, "it is a zip archive without arrays of NumPy", "Unpack it");
    default:
      kind satisfies never;
  }
}

/** What to do with a file that is of no kind that is read. */
function adviceOn(frame: Frame): string {
  switch (frame) {
    case "hdf5":
      return 'Convert it in Python: numpy.save("x.npy", h5py.File("x.h5")["x"][:])';
    case "matlab":
      return 'Convert it in Python: numpy.save("x.npy", scipy.io.loadmat("x.mat")["x"])';
    case "gzip":
    case "zstd":
    case "xz":
    case "bzip2":
    case "lz4":
    case "tar":
    case "zlib":
      return "Unpack it";
    case "pickle":
    case "old pickle":
      return "Save the array in Python with numpy.save, or torch.save";
    case "gguf":
      return "Give vectors, not a model";
    case "lfs":
      return "Run git lfs pull in its folder";
    case "encrypted parquet":
      return "Write it anew in the clear";
    case "feather 1":
      return "Write it anew with pyarrow.feather.write_feather";
    case "json":
    case "sqlite":
    case "orc":
    case "avro":
    case "pdf":
      return "Write the vectors as .npy, Parquet or CSV";
    case "html":
      return "If it is the answer of a server, fetch the file again";
    default:
      return "Copy it again, or write the vectors as .npy";
  }
}

/** For a file that holds no vectors that are read. */
function refused(path: string, why: string, advice: string): Error {
  return new Error(
    `Cannot read ${path} as vectors: expected .npy, .npz, .safetensors, a file of torch.save, Parquet, Arrow or CSV, but ` +
      `${why}. ${advice}.`,
  );
}
