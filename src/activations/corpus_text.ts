/** The text of a corpus file: unpacked, and as UTF-8 whatever its mark says. */
import { calledFrame, type Frame, frameOfBytes } from "../files/frames.ts";
import { beginning, type Chunks, chunksOf, gunzipped, unzstandarded } from "../files/unpacked_stream.ts";
import { CorpusError } from "./errors.ts";

/** Bytes by which files are told apart. */
const HEAD = 4096;

/** A file that is read from its start. */
export interface OpenText {
  /** What its bytes, unpacked, say that it is. */
  readonly frame: Frame;
  /** How it is packed, if it is. */
  readonly packed?: "gzip" | "zstd";
  /** All its bytes, unpacked; those of a text that is marked as UTF-16 as UTF-8. */
  readonly bytes: Chunks;
}

/**
 * Opens a file. Its bytes decide whether it is packed, not its name.
 *
 * @throws {CorpusError} if it is packed and cannot be unpacked, or a text of an encoding that is not read.
 */
export async function openText(path: string): Promise<OpenText> {
  const whole = await beginning(chunksOf(path), HEAD);
  const packed = frameOfBytes(whole.head);
  if (packed !== "gzip" && packed !== "zstd") return textOf(path, whole);
  const unpack = packed === "gzip" ? gunzipped : unzstandarded;
  const unpacked = await beginning(wholeOr(path, packed, unpack(whole.whole)), HEAD);
  return { ...textOf(path, unpacked), packed };
}

async function* wholeOr(path: string, packed: Frame, chunks: Chunks) {
  try {
    yield* chunks;
  } catch (cause) {
    throw new CorpusError(
      `Expected "${path}" to be whole, as ${calledFrame(packed)}, but unpacking it failed: ${
        (cause as Error).message
      }. ` +
        "Fetch the file again",
      { cause },
    );
  }
}

function textOf(path: string, { head, whole }: Awaited<ReturnType<typeof beginning>>): Omit<OpenText, "packed"> {
  const encoding = wideEncodingOf(head);
  if (encoding === undefined) return { frame: frameOfBytes(head), bytes: whole };
  if (encoding === "utf-32") {
    throw new CorpusError(
      `Expected UTF-8 or UTF-16 text but "${path}" is UTF-32: convert it, for example with iconv -f utf-32 -t utf-8`,
    );
  }
  return { frame: "text", bytes: asUtf8(path, whole, encoding) };
}

/** The encoding of a text with a mark of UTF-16, or without one but of ASCII letters in pairs of bytes. */
function wideEncodingOf(head: Uint8Array): "utf-16le" | "utf-16be" | "utf-32" | undefined {
  const [a, b, c, d] = head;
  if ((a === 0xff && b === 0xfe && c === 0 && d === 0) || (a === 0 && b === 0 && c === 0xfe && d === 0xff)) {
    return "utf-32";
  }
  if (a === 0xff && b === 0xfe) return "utf-16le";
  if (a === 0xfe && b === 0xff) return "utf-16be";
  // No text in UTF-8 has a byte of 0, and no packed file such pairs at its start.
  if (head.length < 4 || head.length % 2 !== 0 && head.length < HEAD) return undefined;
  const pairs = head.subarray(0, 64);
  const is = (low: 0 | 1) => pairs.every((byte, i) => i % 2 === low ? isAsciiText(byte) : byte === 0);
  return is(0) ? "utf-16le" : is(1) ? "utf-16be" : undefined;
}

const isAsciiText = (byte: number) => byte >= 0x20 && byte < 0x7f || byte === 0x09 || byte === 0x0a || byte === 0x0d;

async function* asUtf8(path: string, chunks: Chunks, encoding: "utf-16le" | "utf-16be") {
  const decoder = new TextDecoder(encoding, { fatal: true });
  const encoder = new TextEncoder();
  try {
    for await (const chunk of chunks) yield encoder.encode(decoder.decode(chunk, { stream: true }));
    yield encoder.encode(decoder.decode());
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new CorpusError(
      `Expected UTF-16 text in "${path}", as its first bytes say, but it holds other bytes: save it again, as UTF-8`,
      { cause },
    );
  }
}
