/**
 * An Arrow IPC file, read column by column into arrays of their own. What it says of itself is checked before it is believed:
 * offsets and counts against the file's length, and, where it carries them, checksums of everything that is read.
 */
import {
  type DataType,
  Footer,
  makeData,
  Message,
  MessageBatch,
  MessageDictionary,
  RecordBatch,
  Schema,
  Struct,
  Table,
  Vector,
  VectorLoader,
} from "./apache_arrow.ts";
import {
  type ArrowChecksums,
  assertChecksum,
  type BatchChecksums,
  CHECKSUMS,
  parseChecksums,
} from "./arrow_checksums.ts";
import { columnBuffers } from "./arrow_layout.ts";
import { assertSound } from "./arrow_sound.ts";
import { verifyFooter, verifyMessage } from "./arrow_verify.ts";
import { type ByteFile, openByteFile, readSync } from "./byte_file.ts";
import { checksumOf, mustCarryChecksums, unprovenWarning } from "./checksum.ts";
import { visibleText } from "./visible_text.ts";

const MAGIC = "ARROW1";
/** The magic at the start, padded. */
const HEAD = 8;
/** What follows the footer: its length (int32) and the magic. */
const TAIL = 4 + MAGIC.length;

/** A record batch as the file describes it. */
interface Batch {
  readonly header: MessageBatch;
  /** Where its buffers begin in the file. */
  readonly body: number;
  readonly checksums?: BatchChecksums;
}

type Block = { offset: number; metaDataLength: number; bodyLength: number };

/** Bytes of a batch's buffers by the offset that the batch gives them. */
type Parts = Map<number, Uint8Array<ArrayBuffer>>;

/** An open file; dispose it. */
export class ArrowFile implements Disposable {
  readonly #file: ByteFile;
  readonly #batches: readonly Batch[];
  readonly #dictionaries = new Map<number, Vector>();

  /** @param identity The checksum of its checksums, if it has any. */
  private constructor(
    file: ByteFile,
    readonly schema: Schema,
    batches: readonly Batch[],
    readonly identity: string | undefined,
  ) {
    this.#file = file;
    this.#batches = batches;
  }

  /**
   * Opens a file and reads what it says of itself.
   *
   * @param onWarning Gets a sentence if it is of ours and from before checksums.
   * @throws {Error} A sentence if it is missing, cut off, damaged, or of another format.
   */
  static async open(path: string, onWarning: (sentence: string) => void): Promise<ArrowFile> {
    const file = await openByteFile(path, "an Arrow file");
    try {
      const { schema: told, blocks, dictionaries, end } = await readFooter(file);
      const checksums = sentences(path, () => parseChecksums(told.metadata));
      if (!checksums && told.metadata.get("format")?.startsWith("exemplar ")) onWarning(unprovenWarning(path));
      const first = await readFirstSchema(file, end, checksums?.schema);
      sentences(path, () => assertSameSchema(first, told, checksums));
      const schema = checksums ? first : told;
      if (checksums && checksums.batches.length !== blocks.length) {
        throw damaged(path, `it has ${blocks.length} record batches and checksums of ${checksums.batches.length}`);
      }
      const batches: Batch[] = [];
      for (const [i, block] of blocks.entries()) {
        batches.push(await readBatchHeader(file, block, end, checksums?.batches[i]));
      }
      const identity = checksums && checksumOf(told.metadata.get(CHECKSUMS)!);
      const opened = new ArrowFile(file, schema, batches, identity);
      for (const block of dictionaries) await opened.#readDictionary(block, end);
      return opened;
    } catch (error) {
      file[Symbol.dispose]();
      throw error;
    }
  }

  /** Rows of each record batch. */
  get lengths(): number[] {
    return this.#batches.map(({ header }) => header.length);
  }

  /** The record batches in turn, with the given columns (default all); the bytes of others are not read. */
  async *batches(columns?: readonly string[]): AsyncGenerator<RecordBatch> {
    for (const batch of this.#batches) {
      const parts: Parts = new Map();
      for (const { offset, length } of this.#wanted(batch, columns)) {
        parts.set(offset, await this.#file.read(batch.body + offset, new Uint8Array(length)));
      }
      yield this.#assemble(batch, parts, columns);
    }
  }

  /**
   * How to read the given columns of all record batches later, without waiting, when this file is closed. Whether it is
   * then still what it is now, its checksums say.
   */
  later(columns: readonly string[]): () => RecordBatch[] {
    return () =>
      this.#batches.map((batch) => {
        const wanted = this.#wanted(batch, columns);
        const read = readSync(
          this.#file.path,
          wanted.map(({ offset, length }) => ({ start: batch.body + offset, length })),
        );
        return this.#assemble(batch, new Map(wanted.map(({ offset }, i) => [offset, read[i]])), columns);
      });
  }

  /** A table of some of its record batches, the columns in the order asked for. */
  table(batches: RecordBatch[], columns?: readonly string[]): Table {
    return sentences(this.#file.path, () => {
      if (!columns) return new Table(this.schema, batches);
      return new Table(this.schema.select([...columns]), batches.map((batch) => batch.select([...columns])));
    });
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }

  /** The buffers of columns. */
  #wanted({ header }: Batch, columns?: readonly string[]) {
    return columnBuffers(this.schema, header, columns).flatMap(({ isRead, buffers }) => isRead ? buffers : []);
  }

  #assemble({ header, checksums }: Batch, parts: Parts, columns?: readonly string[]): RecordBatch {
    const { path } = this.#file;
    const layout = columnBuffers(this.schema, header, columns);
    return sentences(path, () => {
      for (const [i, { isRead, buffers }] of layout.entries()) {
        if (!checksums || !isRead) continue;
        const bytes = buffers.map(({ offset }) => parts.get(offset)!);
        assertChecksum(checksums.columns[i], bytes, `column ${this.schema.fields[i].name}`);
      }
      const loaded = new PartsLoader(parts, header, this.#dictionaries, this.schema).visitMany(this.schema.fields);
      const children = loaded.filter((_, i) => layout[i].isRead);
      for (const child of children) assertSound(child, header.length);
      const schema = columns
        ? new Schema(this.schema.fields.filter((_, i) => layout[i].isRead), this.schema.metadata)
        : this.schema;
      return new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length: header.length, children }));
    });
  }

  /** Values that columns of a foreign file name by number. */
  async #readDictionary(block: Block, end: number): Promise<void> {
    const { path } = this.#file;
    const message = await readMessage(this.#file, block, end);
    await sentencesOf(path, async () => {
      const header = message.header();
      if (!(header instanceof MessageDictionary)) throw new Error("a batch of values is missing");
      const { id, isDelta, data: batch } = header;
      const type = this.schema.dictionaries.get(id);
      if (!type) throw new Error("values that no column names");
      assertRegions(batch, block);
      const parts: Parts = new Map();
      for (const { offset, length } of batch.buffers) {
        parts.set(offset, await this.#file.read(block.offset + block.metaDataLength + offset, new Uint8Array(length)));
      }
      const [data] = new PartsLoader(parts, batch, this.#dictionaries, this.schema).visitMany([type]);
      assertSound(data);
      const before = this.#dictionaries.get(id);
      const values = new Vector([data]);
      this.#dictionaries.set(id, (isDelta && before ? before.concat(values) : values).memoize());
    });
  }
}

/** The library's loader over buffers that lie apart. Those that were not read are empty. */
class PartsLoader extends VectorLoader {
  readonly #parts: Parts;

  constructor(parts: Parts, header: MessageBatch, dictionaries: Map<number, Vector>, schema: Schema) {
    super(
      new Uint8Array(0),
      header.nodes,
      header.buffers,
      dictionaries,
      schema.metadataVersion,
      header.variadicBufferCounts,
    );
    this.#parts = parts;
  }

  protected override readData<T extends DataType>(_type: T, { offset, length } = this.nextBufferRange()) {
    return (length > 0 && this.#parts.get(offset)) || new Uint8Array(0);
  }
}

/** The schema at the file's start. */
async function readFirstSchema(file: ByteFile, end: number, checksum?: string): Promise<Schema> {
  const { path } = file;
  if (HEAD + 8 > end) throw damaged(path, "its schema is missing");
  const head = new DataView((await file.read(HEAD, new Uint8Array(8))).buffer);
  const start = messageStart(head);
  const length = start + head.getInt32(start - 4, true);
  if (length <= start || HEAD + length > end) throw damaged(path, "its schema has no sensible length");
  const bytes = await file.read(HEAD, new Uint8Array(length));
  return sentences(path, () => {
    if (checksum !== undefined) assertChecksum(checksum, [bytes], "its schema");
    verifyMessage(bytes.subarray(start));
    const schema = Message.decode(bytes.subarray(start)).header();
    if (!(schema instanceof Schema)) throw new Error("its schema is missing");
    return schema;
  });
}

/** Throws unless a file of ours says the same at its start and in its footer. */
function assertSameSchema(first: Schema, footer: Schema, checksums?: ArrowChecksums): void {
  if (!checksums && mustCarryChecksums(first.metadata.get("format"))) throw new Error("its checksums are missing");
  if (checksums && outline(first) !== outline(footer)) throw new Error("its schema and its footer differ");
}

/** Names, types and metadata of a schema, but for the checksums. */
function outline({ fields, metadata }: Schema): string {
  const ofField = ({ name, type, nullable, metadata }: Schema["fields"][number]) =>
    [name, String(type), nullable, ...metadata] as const;
  return JSON.stringify([fields.map(ofField), [...metadata].filter(([key]) => key !== CHECKSUMS)]);
}

async function readBatchHeader(file: ByteFile, block: Block, end: number, checksums?: BatchChecksums): Promise<Batch> {
  const message = await readMessage(file, block, end, checksums?.header);
  return sentences(file.path, () => {
    const header = message.header();
    if (!(header instanceof MessageBatch)) throw new Error("a record batch is missing");
    if (header.compression) {
      throw new Error(`Cannot read ${file.path}: it is compressed. Write it again without compression.`);
    }
    assertRegions(header, block);
    return { header, body: block.offset + block.metaDataLength, ...(checksums && { checksums }) };
  });
}

/** A message of the file: the description of a batch. */
async function readMessage(file: ByteFile, block: Block, end: number, checksum?: string): Promise<Message> {
  const { path } = file;
  const { offset, metaDataLength, bodyLength } = block;
  const isInside = offset >= HEAD && metaDataLength > 8 && bodyLength >= 0 &&
    offset + metaDataLength + bodyLength <= end;
  if (!isInside) throw damaged(path, "its footer points outside of it");
  const bytes = await file.read(offset, new Uint8Array(metaDataLength));
  return sentences(path, () => {
    if (checksum !== undefined) assertChecksum(checksum, [bytes], "the description of a record batch");
    const start = messageStart(new DataView(bytes.buffer));
    verifyMessage(bytes.subarray(start));
    return Message.decode(bytes.subarray(start));
  });
}

/** Where a message begins behind its length; files of before Arrow 0.15 have no mark before that. */
function messageStart(head: DataView): number {
  return head.getInt32(0, true) === -1 ? 8 : 4;
}

/** Throws unless a batch's buffers lie in its body, one after the other: shared ones would be read as often as named. */
function assertRegions({ buffers }: MessageBatch, { bodyLength }: Block): void {
  let total = 0;
  for (const { offset, length } of buffers) {
    if (!(offset >= 0 && length >= 0 && offset + length <= bodyLength && (total += length) <= bodyLength)) {
      throw new Error("a buffer lies outside of its record batch");
    }
  }
}

async function readFooter(file: ByteFile) {
  const { path, size, read } = file;
  const text = (bytes: Uint8Array) => new TextDecoder("latin1").decode(bytes);
  const head = await read(0, new Uint8Array(Math.min(size, MAGIC.length)));
  if (!MAGIC.startsWith(text(head))) {
    throw new Error(
      `Cannot read ${path}: expected an Arrow IPC file, which starts with ${MAGIC}, but it does not. Give one, or copy it again.`,
    );
  }
  const tail = await read(Math.max(0, size - TAIL), new Uint8Array(Math.min(size, TAIL)));
  if (size < HEAD + TAIL || text(tail.subarray(4)) !== MAGIC) throw damaged(path, "it ends without its footer");
  const length = new DataView(tail.buffer).getInt32(0, true);
  const end = size - TAIL - length;
  if (length <= 0 || end < HEAD) throw damaged(path, "its footer has no sensible length");
  const bytes = await read(end, new Uint8Array(length));
  return sentences(path, () => {
    verifyFooter(bytes);
    const footer = Footer.decode(bytes);
    return {
      schema: footer.schema,
      blocks: [...footer.recordBatches()],
      dictionaries: [...footer.dictionaryBatches()],
      end,
    };
  });
}

/** Runs a step, and tells what it throws as a sentence about the file. */
function sentences<T>(path: string, step: () => T): T {
  try {
    return step();
  } catch (cause) {
    throw told(path, cause);
  }
}

async function sentencesOf<T>(path: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (cause) {
    throw told(path, cause);
  }
}

function told(path: string, cause: unknown): Error {
  const { message } = cause as Error;
  return message.startsWith(`Cannot read ${path}: `) ? cause as Error : damaged(path, message, cause);
}

function damaged(path: string, reason: string, cause?: unknown): Error {
  const detail = visibleText(reason.replaceAll(/\s+/g, " ").replace(/\.$/, ""));
  return new Error(
    `Cannot read ${path}: the Arrow file is cut off or damaged: ${detail}. Write or copy it again.`,
    { cause },
  );
}
