/** Arrow's stream format, which has no footer: what it holds is told by its messages, one after the other. */
import { Message, MessageBatch, MessageDictionary, Schema } from "./apache_arrow.ts";
import { type Block, damaged, sentences } from "./arrow_messages.ts";
import { verifyMessage } from "./arrow_verify.ts";
import type { ByteFile } from "./byte_file.ts";

/** The mark of a message, and the length behind it. */
const HEAD = 8;

/** Whether a file is a stream, as `datasets` and `pyarrow.ipc.new_stream` write it. */
export async function isArrowStream({ size, read }: ByteFile): Promise<boolean> {
  return size >= HEAD && new DataView((await read(0, new Uint8Array(4))).buffer).getInt32(0, true) === -1;
}

/** What a stream holds, as a footer would tell it. Of the values nothing is read. */
export async function readStreamContents(file: ByteFile) {
  const { path, size } = file;
  let schema: Schema | undefined;
  const [blocks, dictionaries]: [Block[], Block[]] = [[], []];
  const numbers = new Set<number>();
  for (let offset = 0; offset < size;) {
    if (offset + HEAD > size) throw damaged(path, "it ends within a message");
    const head = new DataView((await file.read(offset, new Uint8Array(HEAD))).buffer);
    const length = head.getInt32(4, true);
    if (head.getInt32(0, true) !== -1 || length < 0) throw damaged(path, "a message begins without its mark");
    // The end, for those who read from a pipe.
    if (length === 0) break;
    if (offset + HEAD + length > size) throw damaged(path, "it ends within a message");
    const bytes = await file.read(offset + HEAD, new Uint8Array(length));
    const message = sentences(path, () => {
      verifyMessage(bytes);
      return Message.decode(bytes);
    });
    const block = { offset, metaDataLength: HEAD + length, bodyLength: message.bodyLength };
    const end = offset + block.metaDataLength + block.bodyLength;
    if (!(block.bodyLength >= 0) || end > size) throw damaged(path, "it ends within a record batch");
    sentences(path, () => {
      const header = message.header();
      if (header instanceof Schema) {
        if (schema) throw new Error("it has two schemas");
        schema = header;
      } else if (!schema) throw new Error("its schema is missing");
      else if (header instanceof MessageBatch) blocks.push(block);
      else if (header instanceof MessageDictionary) {
        // All are read before the batches: one that others replace would be lost for those before.
        if (numbers.has(header.id) && !header.isDelta) {
          throw new Error(`Cannot read ${path}: values of a column are replaced halfway. Write it as an Arrow file.`);
        }
        numbers.add(header.id);
        dictionaries.push(block);
      } else throw new Error("a message of unknown kind");
    });
    offset = end;
  }
  if (!schema) throw damaged(path, "its schema is missing");
  return { schema, blocks, dictionaries, end: size };
}
