/**
 * Tables from Arrow IPC files. A file that was cut off is an error, never a shorter table.
 */
import { Footer, Message, RecordBatch, RecordBatchReader, type Schema, Table, tableToIPC } from "./apache_arrow.ts";
import { bufferCounts } from "./arrow_layout.ts";
import { type ByteFile, openByteFile } from "./byte_file.ts";

const MAGIC = "ARROW1";
/** What follows the footer: its length (int32) and the magic. */
const TAIL = 4 + MAGIC.length;

/** What of a file is read. */
export interface ReadArrowOptions {
  /** Columns that the table has; the bytes of others are not read. Default all. */
  columns?: readonly string[];
}

/**
 * Reads an Arrow IPC file.
 *
 * @throws {Error} A sentence if the file is missing, cut off, damaged, or of another format.
 */
export async function readArrow(path: string, options: ReadArrowOptions = {}): Promise<Table> {
  using file = await openArrow(path);
  const batches: RecordBatch[] = [];
  for await (const batch of file.batches(options.columns)) batches.push(batch);
  const table = new Table(file.schema, batches);
  return options.columns ? table.select([...options.columns]) : table;
}

/** What an Arrow IPC file says of itself. */
export interface ArrowOutline {
  readonly schema: Schema;
  readonly rows: number;
  readonly batches: number;
}

/**
 * Reads an Arrow IPC file's schema and numbers of rows, and none of its values.
 *
 * @throws {Error} A sentence if the file is missing, cut off, damaged, or of another format.
 */
export async function outlineArrow(path: string): Promise<ArrowOutline> {
  using file = await openArrow(path);
  const lengths = await file.lengths();
  return { schema: file.schema, rows: lengths.reduce((sum, length) => sum + length, 0), batches: lengths.length };
}

/**
 * Reads an Arrow IPC file one record batch at a time, for files larger than memory.
 *
 * @throws {Error} A sentence if the file is missing, cut off, damaged, or of another format.
 */
export async function* readArrowBatches(path: string): AsyncGenerator<Table> {
  using file = await openArrow(path);
  for await (const batch of file.batches()) yield new Table(file.schema, [batch]);
}

interface ArrowFile extends Disposable {
  readonly schema: Schema;
  /** Rows of each batch. */
  lengths(): Promise<number[]>;
  batches(columns?: readonly string[]): AsyncGenerator<RecordBatch>;
}

async function openArrow(path: string): Promise<ArrowFile> {
  const file = await openByteFile(path, "an Arrow file");
  try {
    const { read } = file;
    const footer = await readFooter(path, file.size, read);
    const { schema } = footer;
    return {
      schema,
      async lengths() {
        const lengths: number[] = [];
        for (const block of footer.recordBatches()) {
          const message = await read(block.offset, new Uint8Array(block.metaDataLength));
          lengths.push(parse(path, () => headerOf(message)).length);
        }
        return lengths;
      },
      async *batches(columns) {
        const prefix = [tableToIPC(new Table(schema), "stream").subarray(0, -8)];
        for (const block of footer.dictionaryBatches()) prefix.push(await read(block.offset, blockBytes(block)));
        for (const block of footer.recordBatches()) {
          yield await readBatch(path, read, prefix, block, columns && bufferCounts(schema, columns));
        }
      },
      [Symbol.dispose]: () => file[Symbol.dispose](),
    };
  } catch (error) {
    file[Symbol.dispose]();
    throw error;
  }
}

type Read = ByteFile["read"];
type Block = { offset: number; metaDataLength: number; bodyLength: number };

const blockBytes = (block: Block) => new Uint8Array(block.metaDataLength + block.bodyLength);

/** A record batch's description, behind the 8 bytes that tell its length. */
function headerOf(message: Uint8Array) {
  const header = Message.decode(message.subarray(8)).header();
  if (!("buffers" in header)) throw new Error("no record batch");
  return header;
}

/**
 * One record batch, read as the only batch of a stream of its own; its columns are views of the bytes read.
 *
 * @param wanted For each column in turn, how many buffers it has and whether to read them; default all.
 */
async function readBatch(
  path: string,
  read: Read,
  prefix: Uint8Array[],
  block: Block,
  wanted?: readonly { count: number; isRead: boolean }[],
): Promise<RecordBatch> {
  const start = prefix.reduce((sum, part) => sum + part.length, 0);
  const stream = new Uint8Array(start + block.metaDataLength + block.bodyLength);
  let end = 0;
  for (const part of prefix) {
    stream.set(part, end);
    end += part.length;
  }
  if (wanted) {
    const body = start + block.metaDataLength;
    await read(block.offset, stream.subarray(start, body));
    const buffers = [...parse(path, () => headerOf(stream.subarray(start, body))).buffers];
    for (const { count, isRead } of wanted) {
      for (const { offset, length } of buffers.splice(0, count)) {
        if (!isRead) continue;
        await read(
          block.offset + block.metaDataLength + offset,
          stream.subarray(body + offset, body + offset + length),
        );
      }
    }
  } else {
    await read(block.offset, stream.subarray(start));
  }
  const { value } = parse(path, () => RecordBatchReader.from(stream)[Symbol.iterator]().next());
  if (!(value instanceof RecordBatch)) throw damaged(path, "a record batch is missing");
  return value;
}

async function readFooter(path: string, size: number, read: Read): Promise<Footer> {
  const text = (bytes: Uint8Array) => new TextDecoder("latin1").decode(bytes);
  const head = await read(0, new Uint8Array(Math.min(size, MAGIC.length)));
  if (!MAGIC.startsWith(text(head))) {
    throw new Error(`Cannot read ${path}: expected an Arrow IPC file, which starts with ${MAGIC}, but it does not.`);
  }
  const shortest = 8 + TAIL;
  const tail = await read(Math.max(0, size - TAIL), new Uint8Array(Math.min(size, TAIL)));
  if (size < shortest || text(tail.subarray(4)) !== MAGIC) throw damaged(path, "it ends without its footer");
  const length = new DataView(tail.buffer).getInt32(0, true);
  const start = size - TAIL - length;
  if (length <= 0 || start < 8) throw damaged(path, "its footer has no sensible length");
  const bytes = await read(start, new Uint8Array(length));
  const footer = parse(path, () => Footer.decode(bytes));
  for (const { offset, metaDataLength, bodyLength } of [...footer.dictionaryBatches(), ...footer.recordBatches()]) {
    const inside = offset >= 8 && metaDataLength > 0 && bodyLength >= 0 &&
      offset + metaDataLength + bodyLength <= start;
    if (!inside) throw damaged(path, "its footer points outside of it");
  }
  return footer;
}

function parse<T>(path: string, decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    if (String(cause).includes("codec not found")) {
      throw new Error(`Cannot read ${path}: it is compressed. Write it again without compression.`, { cause });
    }
    throw damaged(path, `its bytes make no sense (${(cause as Error).message})`, cause);
  }
}

function damaged(path: string, reason: string, cause?: unknown): Error {
  return new Error(`Cannot read ${path}: the Arrow file is cut off or damaged: ${reason}. Write or copy it again.`, {
    cause,
  });
}
