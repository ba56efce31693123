/**
 * Tables from Arrow IPC files. A file that was cut off is an error, never a shorter table.
 */
import { Footer, RecordBatch, RecordBatchReader, type Schema, Table, tableToIPC } from "./apache_arrow.ts";

const MAGIC = "ARROW1";
/** What follows the footer: its length (int32) and the magic. */
const TAIL = 4 + MAGIC.length;

/**
 * Reads an Arrow IPC file.
 *
 * @throws {Error} A sentence if the file is missing, cut off, damaged, or of another format.
 */
export async function readArrow(path: string): Promise<Table> {
  using file = await openArrow(path);
  const batches: RecordBatch[] = [];
  for await (const batch of file.batches()) batches.push(batch);
  return new Table(file.schema, batches);
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
  batches(): AsyncGenerator<RecordBatch>;
}

async function openArrow(path: string): Promise<ArrowFile> {
  const { file, size } = await openFile(path);
  try {
    const read: Read = (start, bytes) => readAt(path, file, start, bytes);
    const footer = await readFooter(path, size, read);
    const { schema } = footer;
    return {
      schema,
      async *batches() {
        const prefix = [tableToIPC(new Table(schema), "stream").subarray(0, -8)];
        for (const block of footer.dictionaryBatches()) prefix.push(await read(block.offset, blockBytes(block)));
        for (const block of footer.recordBatches()) yield await readBatch(path, read, prefix, block);
      },
      [Symbol.dispose]: () => file.close(),
    };
  } catch (error) {
    file.close();
    throw error;
  }
}

type Read = (start: number, bytes: Uint8Array<ArrayBuffer>) => Promise<Uint8Array<ArrayBuffer>>;
type Block = { offset: number; metaDataLength: number; bodyLength: number };

const blockBytes = (block: Block) => new Uint8Array(block.metaDataLength + block.bodyLength);

/** One record batch, read as the only batch of a stream of its own; its columns are views of the bytes read. */
async function readBatch(path: string, read: Read, prefix: Uint8Array[], block: Block): Promise<RecordBatch> {
  const start = prefix.reduce((sum, part) => sum + part.length, 0);
  const stream = new Uint8Array(start + block.metaDataLength + block.bodyLength);
  let end = 0;
  for (const part of prefix) {
    stream.set(part, end);
    end += part.length;
  }
  await read(block.offset, stream.subarray(start));
  const { value } = parse(path, () => RecordBatchReader.from(stream)[Symbol.iterator]().next());
  if (!(value instanceof RecordBatch)) throw damaged(path, "a record batch is missing");
  return value;
}

async function openFile(path: string): Promise<{ file: Deno.FsFile; size: number }> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path);
  } catch (cause) {
    const reason = cause instanceof Deno.errors.NotFound ? "there is no such file" : (cause as Error).message;
    throw new Error(`Cannot read ${path}: ${reason}.`, { cause });
  }
  const { size, isFile } = await file.stat();
  if (isFile) return { file, size };
  file.close();
  throw new Error(`Cannot read ${path}: it is a folder. Give the name of an Arrow file.`);
}

async function readAt(path: string, file: Deno.FsFile, start: number, bytes: Uint8Array<ArrayBuffer>) {
  await file.seek(start, Deno.SeekMode.Start);
  for (let done = 0; done < bytes.length;) {
    const count = await file.read(bytes.subarray(done));
    if (count === null) throw damaged(path, "it ends too early");
    done += count;
  }
  return bytes;
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
