/** What an Arrow IPC file says of itself: footer, schema, descriptions of record batches, all checked before they are believed. */
import { Footer, Message, MessageBatch, Schema } from "./apache_arrow.ts";
import { type ArrowChecksums, assertChecksum, type BatchChecksums, CHECKSUMS } from "./arrow_checksums.ts";
import { unpackOf } from "./arrow_unpacking.ts";
import { verifyFooter, verifyMessage } from "./arrow_verify.ts";
import type { ByteFile } from "./byte_file.ts";
import { mustCarryChecksums } from "./checksum.ts";
import type { Unpack } from "./lz4.ts";
import { UnpackError } from "./unpacking.ts";
import { visibleText } from "./visible_text.ts";

const MAGIC = "ARROW1";
/** The magic at the start, padded. */
const HEAD = 8;
/** What follows the footer: its length (int32) and the magic. */
const TAIL = 4 + MAGIC.length;

/** A record batch as the file describes it. */
export interface Batch {
  readonly header: MessageBatch;
  /** Where its buffers begin in the file. */
  readonly body: number;
  /** How its buffers are unpacked, if they are packed. */
  readonly unpack?: Unpack;
  readonly checksums?: BatchChecksums;
}

/** Where a message lies in the file, and how long it and the buffers behind it are. */
export type Block = { offset: number; metaDataLength: number; bodyLength: number };

/**
 * The schema at the file's start. A file without checksums need not have one: Arrow's JavaScript library, of all, writes
 * only that of the footer, which readers go by.
 */
export async function readFirstSchema(file: ByteFile, end: number, checksum?: string): Promise<Schema | undefined> {
  const { path } = file;
  const bytes = await firstMessage(file, end);
  if (!bytes) {
    if (checksum === undefined) return undefined;
    throw damaged(path, "its schema is missing");
  }
  return sentences(path, () => {
    if (checksum !== undefined) assertChecksum(checksum, [bytes], "its schema");
    const message = bytes.subarray(messageStart(new DataView(bytes.buffer)));
    verifyMessage(message);
    const schema = Message.decode(message).header();
    if (schema instanceof Schema) return schema;
    if (checksum === undefined) return undefined;
    throw new Error("its schema is missing");
  });
}

/** The first message with its length; undefined if the end of the stream, or of the file, follows the magic. */
async function firstMessage(file: ByteFile, end: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (HEAD + 8 > end) return undefined;
  const head = new DataView((await file.read(HEAD, new Uint8Array(8))).buffer);
  const start = messageStart(head);
  const length = head.getInt32(start - 4, true);
  if (length === 0) return undefined;
  if (length < 0 || HEAD + start + length > end) throw damaged(file.path, "its schema has no sensible length");
  return await file.read(HEAD, new Uint8Array(start + length));
}

/** Throws unless a file of ours says the same at its start and in its footer. */
export function assertSameSchema(first: Schema | undefined, footer: Schema, checksums?: ArrowChecksums): void {
  const format = (first ?? footer).metadata.get("format");
  if (!checksums && mustCarryChecksums(format)) throw new Error("its checksums are missing");
  if (checksums && (!first || outline(first) !== outline(footer))) throw new Error("its schema and its footer differ");
}

/** Names, types and metadata of a schema, but for the checksums. */
function outline({ fields, metadata }: Schema): string {
  const ofField = ({ name, type, nullable, metadata }: Schema["fields"][number]) =>
    [name, String(type), nullable, ...metadata] as const;
  return JSON.stringify([fields.map(ofField), [...metadata].filter(([key]) => key !== CHECKSUMS)]);
}

export async function readBatchHeader(
  file: ByteFile,
  block: Block,
  end: number,
  checksums?: BatchChecksums,
): Promise<Batch> {
  const message = await readMessage(file, block, end, checksums?.header);
  return await sentencesOf(file.path, async () => {
    const header = message.header();
    if (!(header instanceof MessageBatch)) throw new Error("a record batch is missing");
    assertRegions(header, block);
    const unpack = await unpackOf(header);
    return {
      header,
      body: block.offset + block.metaDataLength,
      ...(unpack && { unpack }),
      ...(checksums && { checksums }),
    };
  });
}

/** A message of the file: the description of a batch. */
export async function readMessage(file: ByteFile, block: Block, end: number, checksum?: string): Promise<Message> {
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
export function assertRegions({ buffers }: MessageBatch, { bodyLength }: Block): void {
  let total = 0;
  for (const { offset, length } of buffers) {
    if (!(offset >= 0 && length >= 0 && offset + length <= bodyLength && (total += length) <= bodyLength)) {
      throw new Error("a buffer lies outside of its record batch");
    }
  }
}

export async function readFooter(file: ByteFile) {
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
export function sentences<T>(path: string, step: () => T): T {
  try {
    return step();
  } catch (cause) {
    throw told(path, cause);
  }
}

export async function sentencesOf<T>(path: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (cause) {
    throw told(path, cause);
  }
}

function told(path: string, cause: unknown): Error {
  const { message } = cause as Error;
  // The library's words for types that it has not learnt: of others' files, and nothing is wrong with them.
  const [, type] = /^Unrecognized type: "(\w+)" \(\d+\)$/.exec(message) ?? [];
  if (type !== undefined && type !== "undefined") {
    return new Error(
      `Cannot read ${path}: it has a column of the type ${type}, which is not read here. Leave it out, or write it as ` +
        "another, in pyarrow for example with cast.",
      { cause },
    );
  }
  if (cause instanceof UnpackError) return new Error(`Cannot read ${path}: ${message}`, { cause });
  return message.startsWith(`Cannot read ${path}: `) ? cause as Error : damaged(path, message, cause);
}

export function damaged(path: string, reason: string, cause?: unknown): Error {
  const detail = visibleText(reason.replaceAll(/\s+/g, " ").replace(/\.$/, ""));
  return new Error(
    `Cannot read ${path}: the Arrow file is cut off or damaged: ${detail}. Write or copy it again.`,
    { cause },
  );
}
