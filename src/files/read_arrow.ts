/**
 * Tables from Arrow IPC files. A file that was cut off or changed is an error, never a shorter or another table.
 */
import type { Schema, Table } from "./apache_arrow.ts";
import { ArrowFile } from "./arrow_file.ts";

/** How a file is read. */
export interface ReadArrowOptions {
  /** Columns that the table has; the bytes of others are not read. Default all. */
  columns?: readonly string[];
  /** What `writeArrow` gave for the file: another is refused. */
  identity?: string;
  /** Gets a sentence about a file of ours from before checksums; default `console.warn`. */
  onWarning?: (sentence: string) => void;
}

/**
 * Reads an Arrow IPC file.
 *
 * @throws {Error} A sentence if the file is missing, cut off, damaged, or of another format.
 */
export async function readArrow(path: string, options: ReadArrowOptions = {}): Promise<Table> {
  const { columns, identity, onWarning = console.warn } = options;
  using file = await ArrowFile.open(path, onWarning);
  if (identity !== undefined && file.identity !== identity) {
    throw new Error(
      `Cannot read ${path}: it is whole, but another file than the one that belongs here. Copy all files again.`,
    );
  }
  return await tableOf(file, columns);
}

/**
 * Reads some columns of an Arrow IPC file, and others not before they are asked for.
 *
 * @param later Columns of the second table.
 * @returns The table of `columns`, and what reads the table of `later`, without waiting; it throws a sentence if the file
 * is by then gone or another.
 * @throws {Error} A sentence if the file is missing, cut off, damaged, or of another format.
 */
export async function readArrowLater(
  path: string,
  { columns, later, onWarning = console.warn }: ReadArrowOptions & { later: readonly string[] },
): Promise<{ table: Table; later: () => Table }> {
  using file = await ArrowFile.open(path, onWarning);
  const read = file.later(later);
  return { table: await tableOf(file, columns), later: () => file.table(read(), later) };
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
  const { schema, lengths, identity } = file;
  return { identity, schema, rows: lengths.reduce((sum, length) => sum + length, 0), batches: lengths.length };
}

/**
 * Reads an Arrow IPC file one record batch at a time, for files larger than memory.
 *
 * @throws {Error} A sentence if the file is missing, cut off, damaged, or of another format.
 */
export async function* readArrowBatches(
  path: string,
  { columns, onWarning = console.warn }: ReadArrowOptions = {},
): AsyncGenerator<Table> {
  using file = await ArrowFile.open(path, onWarning);
  for await (const batch of file.batches(columns)) yield file.table([batch], columns);
}

async function tableOf(file: ArrowFile, columns?: readonly string[]): Promise<Table> {
  return file.table(await Array.fromAsync(file.batches(columns)), columns);
}
