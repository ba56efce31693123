/**
 * Files: Arrow tables, `.npz` and `.safetensors` tensors, JSON with a checksum, read as data and checked.
 *
 * A file is written whole or not at all, and one that was damaged is refused by a sentence that says what to do.
 *
 * @example
 * ```ts
 * import { arrowTable, columnOf, int32Of, numberColumn, readArrow, writeArrow } from "./mod.ts";
 *
 * const path = await Deno.makeTempFile({ suffix: ".arrow" });
 * await writeArrow(path, arrowTable({ layer: numberColumn(Int32Array.of(1, 3)) }));
 * const table = await readArrow(path);
 * if (int32Of(columnOf(table, "layer")).join() !== "1,3") throw new Error("not what was written");
 * await Deno.remove(path);
 * ```
 *
 * @experimental Names of columns, their makers and readers are not settled.
 *
 * @module
 */
export { type Column, type NumberArray, type TableOptions } from "./columns.ts";
export {
  arrowTable,
  booleanColumn,
  fixedSizeListColumn,
  listColumn,
  numberColumn,
  stringColumn,
  structColumn,
} from "./columns.ts";
export * from "./values.ts";
export { writeArrow, type WriteArrowOptions } from "./write_arrow.ts";
export { readArrow, readArrowBatches, type ReadArrowOptions } from "./read_arrow.ts";
export type { WriteOptions } from "./atomic.ts";
export { readNpz, writeNpz } from "./npz.ts";
export { readSafetensors, type Safetensors, writeSafetensors } from "./safetensors.ts";
export {
  type Dtype,
  float32Tensor,
  type Tensor,
  type TensorData,
  tensorOf,
  type TensorOutline,
  type Tensors,
  toFloat32,
} from "./tensor.ts";
export { type JsonObject, readSealedJson, type ReadSealedOptions, writeSealedJson } from "./sealed_json.ts";
export { checksumOf } from "./checksum.ts";
export { configureUnpacking, UnpackError, type UnpackOptions } from "./unpacking.ts";
export { visibleJson, visibleText } from "./visible_text.ts";
