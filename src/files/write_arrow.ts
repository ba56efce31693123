/**
 * Tables to Arrow IPC files, the format that pyarrow calls Feather v2, with checksums of all that is in them.
 */
import { assertOptions } from "../compute/known_options.ts";
import {
  type Data,
  DataType,
  Message,
  MessageHeader,
  RecordBatch,
  RecordBatchFileWriter,
  Schema,
  Table,
} from "./apache_arrow.ts";
import { type BatchChecksums, CHECKSUMS, formatChecksums } from "./arrow_checksums.ts";
import { largest } from "../compute/long_lists.ts";
import { buffersOf } from "./arrow_layout.ts";
import { WRITE_OPTIONS, writeFileAtomic, type WriteOptions } from "./atomic.ts";
import { checksumOf } from "./checksum.ts";

/** How a table is written. */
export interface WriteArrowOptions extends WriteOptions {
  /**
   * Bytes of a column that one record batch holds at most, less than 2 GiB; default 256 MiB. Readers map one batch without
   * copying it, and go through a long file batch by batch.
   */
  batchBytes?: number;
}

/** What {@linkcode WriteArrowOptions.batchBytes} is by default. */
export const BATCH_BYTES: number = 2 ** 28;
/** The library counts the bytes of a buffer, padded to 8, in 32 bits with a sign. */
const MOST_BYTES = 2 ** 31 - 8;

/**
 * The library's writer, changed in three ways: its bytes can be taken as they come; it writes the schema at the file's start
 * too, which the format asks for and readers of the stream format need; and its footer holds checksums.
 */
class FileWriter extends RecordBatchFileWriter {
  #pending: Uint8Array[] = [];
  #schemaChecksum = "";
  #headerChecksum = "";
  readonly #batches: BatchChecksums[] = [];

  /** Tells the file from all others, once it is written: the checksum of its checksums. */
  identity = "";

  take(): Uint8Array[] {
    return this.#pending.splice(0);
  }

  protected override _writeSchema(schema: Schema): this {
    super._writeSchema(schema);
    return this._writeMessage(Message.from(schema));
  }

  protected override _writeMessage<T extends MessageHeader>(message: Message<T>, alignment?: number): this {
    const from = this.#pending.length;
    super._writeMessage(message, alignment);
    const checksum = checksumOf(...this.#pending.slice(from));
    if (message.headerType === MessageHeader.Schema) this.#schemaChecksum = checksum;
    else this.#headerChecksum = checksum;
    return this;
  }

  protected override _writeBodyBuffers(buffers: ArrayBufferView[]): this {
    const left = buffers.map(({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength));
    const columns = this._schema!.fields.map(({ type }) =>
      // The library pads each buffer to 8 bytes.
      checksumOf(...left.splice(0, buffersOf(type)).flatMap((bytes) => [bytes, new Uint8Array(-bytes.length & 7)]))
    );
    this.#batches.push({ header: this.#headerChecksum, columns });
    return super._writeBodyBuffers(buffers);
  }

  protected override _writeFooter({ fields, metadata }: Schema): this {
    const checksums = formatChecksums({ schema: this.#schemaChecksum, batches: this.#batches });
    this.identity = checksumOf(checksums);
    return super._writeFooter(new Schema(fields, new Map([...metadata, [CHECKSUMS, checksums]])));
  }

  protected override _write(chunk: ArrayBufferView): this {
    // As the library's own, which writes to its sink here.
    if (this._started) {
      this.#pending.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
      this._position += chunk.byteLength;
    }
    return this;
  }
}

/**
 * Writes a table as an Arrow IPC file, in one step: a failed run leaves what was there. Equal tables give equal bytes. The
 * columns are not copied.
 *
 * @returns What tells the file from all others; see {@linkcode ReadArrowOptions.identity}.
 * @param path Where to.
 * @param table The table, or tables with one schema that are written as they come and never held together: the way to
 * write what does not fit into memory.
 * @throws {Error} If the schemas differ, nothing came, one row of a column takes 2 GiB, or the file cannot be written.
 * @throws {RangeError} If `batchBytes` are none, or 2 GiB.
 *
 * @example Batches as they come
 * ```ts
 * import { arrowTable, numberColumn, readArrow, writeArrow } from "./mod.ts";
 *
 * async function* tables() {
 *   for (const layer of [1, 3]) yield arrowTable({ layer: numberColumn(Int32Array.of(layer)) });
 * }
 * const path = await Deno.makeTempFile({ suffix: ".arrow" });
 * await writeArrow(path, tables());
 * const { numRows, batches } = await readArrow(path);
 * if (numRows !== 2 || batches.length !== 2) throw new Error(`${numRows} rows in ${batches.length} batches`);
 * await Deno.remove(path);
 * ```
 */
export async function writeArrow(
  path: string,
  table: Table | AsyncIterable<Table>,
  options: WriteArrowOptions = {},
): Promise<string> {
  assertOptions("writeArrow", options, { ...WRITE_OPTIONS, batchBytes: "number" });
  const { batchBytes = BATCH_BYTES } = options;
  if (!(batchBytes >= 1 && batchBytes <= MOST_BYTES)) {
    throw new RangeError(`Expected record batches of 1 to ${MOST_BYTES} bytes a column but found ${batchBytes}`);
  }
  const writer = new FileWriter();
  const chunks = ipcChunks(writer, path, table instanceof Table ? [table] : table, batchBytes);
  await writeFileAtomic(path, chunks, options);
  return writer.identity;
}

async function* ipcChunks(
  writer: FileWriter,
  path: string,
  tables: Iterable<Table> | AsyncIterable<Table>,
  batchBytes: number,
): AsyncIterable<Uint8Array> {
  let schema: Schema | undefined;
  for await (const table of tables) {
    if (!schema) writer.reset(undefined, schema = withoutChecksums(table.schema));
    if (String(table.schema) !== String(schema)) {
      throw new Error(`Cannot write ${path}: expected tables of ${schema} but got one of ${table.schema}.`);
    }
    for (const batch of table.batches) {
      for (const part of parts(batch.data, batchBytes)) {
        if (longestBuffer(part, 0, part.length) > MOST_BYTES) {
          throw new Error(`Cannot write ${path}: one row of a column takes 2 GiB or more. Split it over several rows.`);
        }
        writer.write(new RecordBatch(schema, part));
        yield* writer.take();
      }
    }
  }
  if (!schema) throw new Error(`Cannot write ${path}: expected at least one table but got none.`);
  writer.finish();
  yield* writer.take();
}

/** Those of a table that was read are not those of the file to be. */
function withoutChecksums({ fields, metadata }: Schema): Schema {
  return new Schema(fields, new Map([...metadata].filter(([key]) => key !== CHECKSUMS)));
}

/** A batch in halves, and these again, until no buffer of theirs is too long, or a single row is left. */
function* parts<T extends DataType>(batch: Data<T>, batchBytes: number): Iterable<Data<T>> {
  const { length } = batch;
  if (length < 2 || longestBuffer(batch, 0, length) <= batchBytes) {
    yield batch;
    return;
  }
  const half = length >> 1;
  yield* parts(batch.slice(0, half), batchBytes);
  yield* parts(batch.slice(half, length - half), batchBytes);
}

/** Bytes of the longest buffer of rows `from` to `to` of a column. */
function longestBuffer(data: Data, from: number, to: number): number {
  const { type, children, valueOffsets, values } = data;
  if (DataType.isFixedSizeList(type)) return longestBuffer(children[0], from * type.listSize, to * type.listSize);
  if (DataType.isStruct(type)) {
    return largest(children.map((child: Data) => longestBuffer(child, from, to)));
  }
  if (valueOffsets) {
    const [first, last] = [Number(valueOffsets[from] ?? 0), Number(valueOffsets[to] ?? 0)];
    const own = (to - from + 1) * valueOffsets.BYTES_PER_ELEMENT;
    return Math.max(own, children?.[0] ? longestBuffer(children[0], first, last) : last - first);
  }
  return (to - from) * data.stride * (values?.BYTES_PER_ELEMENT ?? 0);
}
