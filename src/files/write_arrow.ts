/**
 * Tables to Arrow IPC files, the format that pyarrow calls Feather v2.
 */
import { type Data, Message, RecordBatch, RecordBatchFileWriter, type Schema, Table } from "./apache_arrow.ts";
import { writeFileAtomic, type WriteOptions } from "./atomic.ts";

const LARGEST_BUFFER = 2 ** 31 - 8;

/**
 * The library's writer, changed in two ways: its bytes can be taken as they come, and it writes the schema at the file's
 * start too, which the format asks for and readers of the stream format need.
 */
class FileWriter extends RecordBatchFileWriter {
  private pending: Uint8Array[] = [];

  take(): Uint8Array[] {
    return this.pending.splice(0);
  }

  protected override _writeSchema(schema: Schema): this {
    super._writeSchema(schema);
    return this._writeMessage(Message.from(schema));
  }

  protected override _write(chunk: ArrayBufferView): this {
    if (this._started) {
      this.pending.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
      this._position += chunk.byteLength;
    }
    return this;
  }
}

/**
 * Writes a table as an Arrow IPC file, in one step: a failed run leaves what was there. Equal tables give equal bytes.
 *
 * @param path Where to.
 * @param table The table, or tables with one schema that are written as they come and never held together: the way to
 * write what does not fit into memory.
 * @throws {Error} If the schemas differ, nothing came, or the file cannot be written.
 */
export function writeArrow(
  path: string,
  table: Table | AsyncIterable<Table>,
  options?: WriteOptions,
): Promise<void> {
  return writeFileAtomic(path, ipcChunks(path, table instanceof Table ? [table] : table), options);
}

async function* ipcChunks(path: string, tables: Iterable<Table> | AsyncIterable<Table>): AsyncIterable<Uint8Array> {
  const writer = new FileWriter();
  let schema: Schema | undefined;
  for await (const table of tables) {
    if (!schema) writer.reset(undefined, schema = table.schema);
    if (String(table.schema) !== String(schema)) {
      throw new Error(`Cannot write ${path}: expected tables of ${schema} but got one of ${table.schema}.`);
    }
    for (const batch of table.batches) {
      requireWritable(path, batch.data);
      writer.write(new RecordBatch(schema, batch.data));
      yield* writer.take();
    }
  }
  if (!schema) throw new Error(`Cannot write ${path}: expected at least one table but got none.`);
  writer.finish();
  yield* writer.take();
}

/** The library counts a buffer's bytes in 32 bits. */
function requireWritable(path: string, data: Data): void {
  for (const buffer of [data.values, data.valueOffsets]) {
    if (buffer?.byteLength > LARGEST_BUFFER) {
      throw new Error(
        `Cannot write ${path}: a column of ${buffer.byteLength} bytes is too large for one record batch. ` +
          "Hand over several tables of fewer rows.",
      );
    }
  }
  for (const child of data.children) requireWritable(path, child);
}
