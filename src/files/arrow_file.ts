/**
 * An Arrow IPC file or stream, read column by column into arrays of their own. What it says of itself is checked before it is believed:
 * offsets and counts against the file's length, and, where it carries them, checksums of everything that is read.
 */
import {
  type DataType,
  makeData,
  type MessageBatch,
  MessageDictionary,
  RecordBatch,
  Schema,
  Struct,
  Table,
  Vector,
  VectorLoader,
} from "./apache_arrow.ts";
import { assertChecksum, CHECKSUMS, parseChecksums } from "./arrow_checksums.ts";
import { columnBuffers } from "./arrow_layout.ts";
import { assertSound } from "./arrow_sound.ts";
import { isArrowStream, readStreamContents } from "./arrow_stream.ts";
import { unpackBuffer, unpackOf } from "./arrow_unpacking.ts";
import {
  assertRegions,
  assertSameSchema,
  type Batch,
  type Block,
  damaged,
  readBatchHeader,
  readFirstSchema,
  readFooter,
  readMessage,
  sentences,
  sentencesOf,
} from "./arrow_messages.ts";
import { type ByteFile, openByteFile, readSync } from "./byte_file.ts";
import { checksumOf, mustCarryChecksums, unprovenWarning } from "./checksum.ts";
import type { Unpack } from "./lz4.ts";
import { UnpackBudget, type UnpackOptions } from "./unpacking.ts";

/** Bytes of a batch's buffers by the offset that the batch gives them. */
type Parts = Map<number, Uint8Array<ArrayBuffer>>;

/** An open file; dispose it. */
export class ArrowFile implements Disposable {
  readonly #file: ByteFile;
  readonly #batches: readonly Batch[];
  readonly #options: UnpackOptions;
  readonly #dictionaries = new Map<number, Vector>();

  /** @param identity The checksum of its checksums, if it has any. */
  private constructor(
    file: ByteFile,
    readonly schema: Schema,
    batches: readonly Batch[],
    readonly identity: string | undefined,
    options: UnpackOptions,
  ) {
    this.#file = file;
    this.#batches = batches;
    this.#options = options;
  }

  /**
   * Opens a file and reads what it says of itself.
   *
   * @param onWarning Gets a sentence if it is of ours and from before checksums.
   * @param options What a record batch may unpack to.
   * @throws {Error} A sentence if it is missing, cut off, damaged, or of another format.
   */
  static async open(
    path: string,
    onWarning: (sentence: string) => void,
    options: UnpackOptions = {},
  ): Promise<ArrowFile> {
    const file = await openByteFile(path, "an Arrow file");
    try {
      const isStream = await isArrowStream(file);
      const { schema: told, blocks, dictionaries, end } = await (isStream ? readStreamContents : readFooter)(file);
      const checksums = sentences(path, () => parseChecksums(told.metadata));
      if (!checksums && told.metadata.get("format")?.startsWith("exemplar ")) onWarning(unprovenWarning(path));
      const isOurs = checksums !== undefined || mustCarryChecksums(told.metadata.get("format"));
      const first = isStream ? told : await readFirstSchema(file, end, checksums?.schema).catch((error) => {
        // Others go by the footer: polars puts a schema first that has no length, as no reader reads it.
        if (isOurs) throw error;
        return told;
      });
      sentences(path, () => assertSameSchema(first, told, checksums));
      // They say the same by now; the footer's has the checksums among its metadata, which are nobody else's concern.
      const schema = checksums ? first! : told;
      if (checksums && checksums.batches.length !== blocks.length) {
        throw damaged(path, `it has ${blocks.length} record batches and checksums of ${checksums.batches.length}`);
      }
      const batches: Batch[] = [];
      for (const [i, block] of blocks.entries()) {
        batches.push(await readBatchHeader(file, block, end, checksums?.batches[i]));
      }
      const identity = checksums && checksumOf(told.metadata.get(CHECKSUMS)!);
      const opened = new ArrowFile(file, schema, batches, identity, options);
      for (const block of dictionaries) await opened.#readDictionary(block, end);
      return opened;
    } catch (error) {
      file[Symbol.dispose]();
      throw error;
    }
  }

  /** Rows of all record batches, as they say. */
  get rows(): number {
    return this.lengths.reduce((sum, length) => sum + length, 0);
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
      yield this.#assemble(batch, this.#unpacked(parts, batch.unpack), columns);
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
        const parts: Parts = new Map(wanted.map(({ offset }, i) => [offset, read[i]]));
        return this.#assemble(batch, this.#unpacked(parts, batch.unpack), columns);
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

  /** Buffers as they are in memory. */
  #unpacked(parts: Parts, unpack?: Unpack): Parts {
    if (!unpack) return parts;
    const { path } = this.#file;
    const budget = new UnpackBudget(path, this.#options);
    return sentences(
      path,
      () => new Map([...parts].map(([start, bytes]) => [start, unpackBuffer(bytes, unpack, budget)])),
    );
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
      const unpacked = this.#unpacked(parts, await unpackOf(batch));
      const [data] = new PartsLoader(unpacked, batch, this.#dictionaries, this.schema).visitMany([type]);
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
