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
  /** Whether its beginning has bytes that are in no text of any encoding. */
  readonly isBinary: boolean;
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
  if (encoding === undefined) {
    const frame = frameOfBytes(head);
    const unmarked = frame === "unknown" ? unmarkedEncodingOf(head) : undefined;
    if (unmarked !== undefined) {
      throw new CorpusError(
        `Expected UTF-8, or UTF-16 with its mark, but "${path}" looks like UTF-16 without one: convert it, for example ` +
          `with iconv -f ${unmarked} -t utf-8`,
      );
    }
    return {
      frame,
      isBinary: utf8Of(head, head.length === HEAD) === undefined && CONTROLS.test(latin1Of(head)),
      bytes: whole,
    };
  }
  if (encoding === "utf-32") {
    throw new CorpusError(
      `Expected UTF-8 or UTF-16 text but "${path}" is UTF-32: convert it, for example with iconv -f utf-32 -t utf-8`,
    );
  }
  return { frame: "text", isBinary: false, bytes: asUtf8(path, whole, encoding) };
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

/** Control characters that texts do not have; the end of a file of DOS, and what colours a terminal, are in some. */
// deno-lint-ignore no-control-regex
const CONTROLS = /[\x00-\x08\x0e-\x19\x1c-\x1f]/;
/** A text of letters and signs that Unicode has. */
const LETTERS = /^[\p{L}\p{M}\p{N}\p{P}\p{S}\p{Z}\t\r\n]+$/u;
/** Bytes that are enough to tell a text from bytes that make letters by chance. */
const ENOUGH = 12;

/**
 * The encoding of a text in UTF-16 of other than ASCII letters and without a mark, such as of Chinese: its bytes hold control
 * characters, and read in pairs they are letters. Bytes that are UTF-8, too, are it only where half of each pair is one, as
 * in Cyrillic or Greek.
 */
function unmarkedEncodingOf(head: Uint8Array): "utf-16le" | "utf-16be" | undefined {
  const latin1 = latin1Of(head);
  if (head.length < ENOUGH || !CONTROLS.test(latin1)) return undefined;
  if (utf8Of(head, head.length === HEAD) !== undefined) {
    const share = (low: 0 | 1) => [...latin1].filter((byte, i) => i % 2 === low && CONTROLS.test(byte)).length;
    if (Math.max(share(0), share(1)) < head.length / 4) return undefined;
  }
  return (["utf-16le", "utf-16be"] as const).find((encoding) => {
    const text = decoded(head, encoding, head.length === HEAD);
    return text !== undefined && LETTERS.test(text);
  });
}

const latin1Of = (bytes: Uint8Array) => String.fromCharCode(...bytes);
const utf8Of = (bytes: Uint8Array, isCut: boolean) => decoded(bytes, "utf-8", isCut);

/** Bytes as text; undefined if they are none in the encoding. A letter may be cut off at their end. */
function decoded(bytes: Uint8Array, encoding: string, isCut: boolean): string | undefined {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes, { stream: isCut });
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
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
