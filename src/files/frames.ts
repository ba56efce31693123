/**
 * What a file is, told by its bytes: names say nothing, for the hub's cache names files by their checksums and people
 * rename. One table for all who open files of unknown kind: `inspect`, `Dictionary.load`, `readVectors`.
 */
import { type ByteFile, openByteFile } from "./byte_file.ts";

/** Bytes of a file's beginning that tell its frame. */
const HEAD = 4096;
/** As the reference implementation of safetensors. */
const MOST_SAFETENSORS_HEADER = 100_000_000;

/** What a file's bytes say that it is. */
export type Frame =
  | "empty"
  | "lfs"
  | "zip"
  | "arrow"
  | "parquet"
  | "encrypted parquet"
  | "hdf5"
  | "gzip"
  | "zstd"
  | "xz"
  | "bzip2"
  | "lz4"
  | "npy"
  | "gguf"
  | "feather 1"
  | "matlab"
  | "tar"
  | "sqlite"
  | "orc"
  | "avro"
  | "pdf"
  | "html"
  | "safetensors"
  | "arrow stream"
  | "torch legacy"
  | "pickle"
  | "zlib"
  | "old pickle"
  | "json"
  | "text"
  | "unknown";

/** What of a file the table looks at. */
interface Look {
  readonly head: Uint8Array;
  /** The head, a character a byte. */
  readonly latin1: string;
  /** Bytes of the file. */
  readonly size: number;
  /** Its last byte. */
  readonly last: number;
}

interface Rule {
  readonly frame: Frame;
  /** What sentences call such a file. */
  readonly called: string;
  readonly is: (look: Look) => boolean;
}

const startsAs = (...magics: string[]) => ({ latin1 }: Look) => magics.some((magic) => latin1.startsWith(magic));

/** Strongest first: long magics, then what only fits together with the file's size, then what texts could be, too. */
const RULES: readonly Rule[] = [
  { frame: "empty", called: "an empty file", is: ({ size }) => size === 0 },
  {
    frame: "lfs",
    called: "a pointer of Git LFS to the file itself, which git lfs pull fetches",
    is: startsAs("version https://git-lfs"),
  },
  { frame: "zip", called: "a zip archive", is: startsAs("PK\x03\x04", "PK\x05\x06", "PK\x07\x08") },
  {
    frame: "arrow",
    called: "an Arrow IPC file",
    // What is cut off within the magic is damaged Arrow.
    is: ({ latin1 }) => latin1.startsWith("ARROW1") || (latin1.length >= 3 && "ARROW1".startsWith(latin1)),
  },
  { frame: "parquet", called: "a Parquet file", is: startsAs("PAR1") },
  { frame: "encrypted parquet", called: "an encrypted Parquet file", is: startsAs("PARE") },
  {
    frame: "hdf5",
    called: "an HDF5 file",
    // Behind a block of the user's, of 512 bytes or a power of two times as many.
    is: ({ latin1 }) => [0, 512, 1024, 2048].some((start) => latin1.startsWith("\x89HDF\r\n\x1a\n", start)),
  },
  { frame: "gzip", called: "gzip", is: startsAs("\x1f\x8b") },
  {
    frame: "zstd",
    called: "Zstandard",
    // Or a frame that is passed over, in which pzstd and others say something of theirs.
    is: ({ latin1 }) =>
      /^[P-_]$/.test(latin1.charAt(0)) && latin1.startsWith("\x2a\x4d\x18", 1) ||
      latin1.startsWith("\x28\xb5\x2f\xfd"),
  },
  { frame: "xz", called: "xz", is: startsAs("\xfd7zXZ\0") },
  { frame: "bzip2", called: "bzip2", is: ({ latin1 }) => /^BZh[1-9]1AY&SY/.test(latin1) },
  { frame: "lz4", called: "LZ4", is: startsAs("\x04\x22\x4d\x18") },
  { frame: "npy", called: "an .npy file of NumPy", is: startsAs("\x93NUMPY") },
  { frame: "gguf", called: "a GGUF file of llama.cpp", is: startsAs("GGUF") },
  { frame: "feather 1", called: "a Feather file of version 1", is: startsAs("FEA1") },
  { frame: "matlab", called: "a MATLAB file", is: startsAs("MATLAB 5.0 MAT-file") },
  { frame: "tar", called: "a tar archive", is: ({ latin1 }) => latin1.startsWith("ustar", 257) },
  { frame: "sqlite", called: "an SQLite database", is: startsAs("SQLite format 3\0") },
  { frame: "orc", called: "an ORC file", is: ({ latin1, head }) => latin1.startsWith("ORC") && !isText(head) },
  { frame: "avro", called: "an Avro file", is: startsAs("Obj\x01") },
  { frame: "pdf", called: "a PDF document", is: startsAs("%PDF-") },
  {
    frame: "html",
    called: "an HTML page",
    is: ({ latin1 }) => /^(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html|head)[\s>]/i.test(latin1),
  },
  // Before pickles: a header of 128 bytes begins with the byte that they do.
  { frame: "safetensors", called: "a .safetensors file", is: isSafetensors },
  {
    frame: "arrow stream",
    called: "an Arrow stream",
    // A message's mark, and a length that is a multiple of 8.
    is: ({ head, size }) => size >= 16 && uint32(head, 0) === 0xffffffff && head[4] % 8 === 0 && head[7] === 0,
  },
  {
    frame: "torch legacy",
    called: "a file of torch.save (PyTorch, before 1.6)",
    // The pickle of a number that PyTorch writes first.
    is: startsAs("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."),
  },
  { frame: "pickle", called: "a Python pickle", is: ({ head }) => head[0] === 0x80 && head[1] >= 2 && head[1] < 0x80 },
  // As joblib packs: 0x78 and a second byte that makes both a multiple of 31.
  { frame: "zlib", called: "a zlib stream", is: startsAs("x\x01", "x\x9c", "x\xda") },
  {
    frame: "old pickle",
    called: "a Python pickle of protocol 0 or 1",
    is: ({ latin1, last }) => last === 0x2e && OLD_PICKLE.test(latin1),
  },
  { frame: "json", called: "JSON", is: ({ latin1, head }) => /^(?:\xef\xbb\xbf)?\s*[[{]/.test(latin1) && isText(head) },
  { frame: "text", called: "a text", is: ({ head }) => isText(head) },
  { frame: "unknown", called: "a file of no known kind", is: () => true },
];

/**
 * How pickles of protocols 0 and 1 begin, which have no mark of their own: an object by `copy_reg`, a container and its
 * number in the memo, or a number or text on a line.
 */
const OLD_PICKLE = new RegExp(
  [
    String.raw`^(?:c[\w.]+\n[\w.]+\n`,
    String.raw`\([dl](?:p\d+\n|\.)`,
    String.raw`\([ci][\w.]+\n[\w.]+\n`,
    String.raw`[\]})][qr.]`,
    String.raw`\(?(?:[IL]-?\d+L?\n|F[-+.\de]+\n|[VS][^\n]*\np\d+\n|X[^]{2}\0\0))`,
  ].join("|"),
);

function isSafetensors({ head, size }: Look): boolean {
  if (size < 10 || head[8] !== 0x7b) return false;
  const length = uint32(head, 0) + 2 ** 32 * uint32(head, 4);
  return length >= 2 && length <= MOST_SAFETENSORS_HEADER;
}

function uint32(bytes: Uint8Array, offset: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(offset, true);
}

/** Whether bytes are UTF-8 without control characters; a character may be cut off at the end. */
function isText(head: Uint8Array): boolean {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(head, { stream: head.length === HEAD });
    // deno-lint-ignore no-control-regex
    return !/[\u0000-\u0008\u000e-\u001a\u001c-\u001f]/.test(text);
  } catch {
    return false;
  }
}

/**
 * What a file is.
 *
 * @throws {Error} A sentence if it is missing, no file, or may not be read.
 */
export async function frameOf(path: string): Promise<Frame> {
  using file = await openByteFile(path, "a file");
  return await frameOfFile(file);
}

/** What an open file is. */
export async function frameOfFile({ size, read }: ByteFile): Promise<Frame> {
  const head = await read(0, new Uint8Array(Math.min(HEAD, size)));
  const [last] = size > 0 ? await read(size - 1, new Uint8Array(1)) : [];
  return frameOfBytes(head, size, last);
}

/** What a file is of whose bytes there are so many, and which ends so. */
export function frameOfBytes(
  head: Uint8Array,
  size: number = head.length,
  last: number = head[head.length - 1],
): Frame {
  const look = { head: head.subarray(0, HEAD), latin1: String.fromCharCode(...head.subarray(0, HEAD)), size, last };
  return RULES.find(({ is }) => is(look))!.frame;
}

/** What sentences call a file of a frame: `"a Parquet file"`. */
export function calledFrame(frame: Frame): string {
  return RULES.find((rule) => rule.frame === frame)!.called;
}
