/**
 * Tables from Arrow IPC files. A file that was cut off or changed is an error, never a shorter or another table.
 */
import { assertOptions, type OptionKinds } from "../compute/known_options.ts";
import type { Schema, Table } from "./apache_arrow.ts";
import { ArrowFile } from "./arrow_file.ts";
import { UNPACK_OPTIONS, type UnpackOptions } from "./unpacking.ts";

/** How a file is read. */
export interface ReadArrowOptions extends UnpackOptions {
  /** Columns that the table has; the bytes of others are not read. Default all. */
  columns?: readonly string[];
  /** What `writeArrow` gave for the file: another is refused. */
  identity?: string;
  /** Gets a sentence about a file of ours from before checksums; default `console.warn`. */
  onWarning?: (sentence: string) => void;
}

const OPTIONS: OptionKinds<ReadArrowOptions> = {
  ...UNPACK_OPTIONS,
  columns: "strings",
  identity: "string",
  onWarning: "function",
};

/**
 * Reads an Arrow IPC file.
 *
 * @param path The file.
 * @param options Which columns, and of which file; default all of any. A column that the file lacks is left out.
 * @throws {Error} A sentence if the file is missing, cut off, damaged, or of another format or identity.
 *
 * @example
 * ```ts
 * import { assertEquals, assertRejects } from "@std/assert";
 * import { arrowTable, columnOf, int32Of, numberColumn, readArrow, writeArrow } from "./mod.ts";
 *
 * const path = await Deno.makeTempFile({ suffix: ".arrow" });
 * const [layer, count] = [Int32Array.of(1, 3), Int32Array.of(203, 83)].map(numberColumn);
 * const identity = await writeArrow(path, arrowTable({ layer, count }));
 * const table = await readArrow(path, { columns: ["count"], identity });
 * assertEquals(int32Of(columnOf(table, "count")), Int32Array.of(203, 83));
 *
 * await writeArrow(path, arrowTable({ layer }));
 * await assertRejects(() => readArrow(path, { identity }), Error, "another file than the one that belongs here");
 * await Deno.remove(path);
 * ```
 */
export async function readArrow(path: string, options: ReadArrowOptions = {}): Promise<Table> {
  assertOptions("readArrow", options, OPTIONS);
  using file = await openArrow(path, options);
  return file.table(await Array.fromAsync(file.batches(options.columns)), options.columns);
}

/**
 * Opens an Arrow IPC file, to read it batch by batch into arrays of one's own, or some columns later. Close it, or let
 * `using` do so.
 *
 * @param path The file.
 * @param options Of which file; `columns` are chosen for each reading.
 * @throws {Error} A sentence if the file is missing, cut off, damaged, or of another format or identity.
 */
export async function openArrow(path: string, options: ReadArrowOptions = {}): Promise<ArrowFile> {
  const { identity, onWarning = console.warn } = options;
  const file = await ArrowFile.open(path, onWarning, options);
  if (identity === undefined || file.identity === identity) return file;
  file[Symbol.dispose]();
  throw new Error(
    `Cannot read ${path}: it is whole, but another file than the one that belongs here. Copy all files again.`,
  );
}

/** What an Arrow IPC file says of itself. */
export interface ArrowOutline {
  readonly schema: Schema;
  readonly rows: number;
  readonly batches: number;
  /** What `writeArrow` gave for the file; files of others have none. */
  readonly identity?: string;
}

/**
 * Reads an Arrow IPC file's schema and numbers of rows, and none of its values.
 *
 * @throws {Error} A sentence if the file is missing, cut off, damaged, or of another format.
 */
export async function outlineArrow(
  path: string,
  { onWarning = console.warn }: Pick<ReadArrowOptions, "onWarning"> = {},
): Promise<ArrowOutline> {
  using file = await ArrowFile.open(path, onWarning);
  const { schema, rows, lengths, identity } = file;
  return { identity, schema, rows, batches: lengths.length };
}

/**
 * Reads an Arrow IPC file one record batch at a time, for files larger than memory.
 *
 * @param path The file.
 * @param options Which columns the tables have, as {@linkcode readArrow} takes them; `identity` is not compared.
 * @throws {Error} A sentence if the file is missing, cut off, damaged, or of another format.
 *
 * @example
 * ```ts
 * import { arrowTable, columnOf, int32Of, numberColumn, readArrowBatches, writeArrow } from "./mod.ts";
 *
 * const path = await Deno.makeTempFile({ suffix: ".arrow" });
 * const count = numberColumn(Int32Array.of(203, 83, 4));
 * await writeArrow(path, arrowTable({ count }), { batchBytes: 4 });
 * const largest: number[] = [];
 * for await (const table of readArrowBatches(path)) largest.push(Math.max(...int32Of(columnOf(table, "count"))));
 * if (largest.join() !== "203,83,4") throw new Error(`Expected a batch for each 4 bytes but read ${largest}`);
 * await Deno.remove(path);
 * ```
 */
export async function* readArrowBatches(
  path: string,
  options: ReadArrowOptions = {},
): AsyncGenerator<Table> {
  assertOptions("readArrowBatches", options, OPTIONS);
  const { columns, onWarning = console.warn } = options;
  using file = await ArrowFile.open(path, onWarning, options);
  for await (const batch of file.batches(columns)) yield file.table([batch], columns);
}
