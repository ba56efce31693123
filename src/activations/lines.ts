import { assertOptions } from "../compute/known_options.ts";
import { openFile } from "../files/open.ts";
import { CorpusError } from "./errors.ts";

/** One line of a text file. */
export interface Line {
  /** Number of the line; the first is 1. */
  readonly number: number;
  /** The line without its end (`\n`, `\r\n`, or `\r` in a file that has no other). */
  readonly text: string;
  /** Whether bytes were left out, since it is longer than what is kept of a line; absent where it is whole. */
  readonly truncated?: boolean;
}

// In UTF-8 no byte of a longer letter is one of these.
const [NEWLINE, RETURN] = [0x0a, 0x0d];

/**
 * The lines of a UTF-8 file, one at a time: memory holds one chunk of the file and one line.
 *
 * Lines are cut as bytes and decoded one by one, so that bytes that are not UTF-8 have a line number.
 *
 * @param path The file.
 * @throws {CorpusError} at a line that is not UTF-8.
 * @throws {Deno.errors.NotFound} if there is no such file.
 *
 * @example
 * ```ts
 * for await (const { number, text } of readLines("fixtures/corpora/pile.jsonl")) {
 *   if (number !== 1 || !text.startsWith("{")) throw new Error(`line ${number}: ${text}`);
 *   break;
 * }
 * ```
 */
export async function* readLines(path: string): AsyncGenerator<Line> {
  const file = await openFile(path);
  yield* linesOf(file.readable, path);
}

/**
 * The lines of a stream of UTF-8 bytes, one at a time; memory holds one chunk and one line. Where the first chunk with an
 * end of a line has `\r` but no `\n`, as old Macs wrote, both end lines.
 *
 * @param name Names the stream in messages.
 * @param options `replace` (default false): reads bytes that are not UTF-8 as U+FFFD instead of throwing. `longest`
 * (default no limit): bytes of a line that are kept, so that a stream without line ends does not fill the memory. `most`
 * (default no limit): bytes that a line may have.
 * @throws {CorpusError} at a line that is not UTF-8, unless they are replaced; at one of more bytes than it may have.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const lines = await Array.fromAsync(linesOf(new Blob(["one\r\ntwo"]).stream(), "two lines"));
 * assertEquals(lines, [{ number: 1, text: "one" }, { number: 2, text: "two" }]);
 * ```
 */
export async function* linesOf(
  stream: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>,
  name: string,
  options: { replace?: boolean; longest?: number; most?: number } = {},
): AsyncGenerator<Line> {
  assertOptions("linesOf", options, { replace: "boolean", longest: "number", most: "number" });
  const { replace = false, longest = Infinity, most = Infinity } = options;
  const decoder = new TextDecoder("utf-8", { fatal: !replace });
  let number = 0;
  const lineOf = (bytes: Uint8Array): Line => {
    number++;
    try {
      const text = decoder.decode(bytes);
      return { number, text: text.endsWith("\r") ? text.slice(0, -1) : text, ...(isCut && { truncated: true }) };
    } catch (cause) {
      throw new CorpusError(
        `Expected UTF-8 text but line ${number} of "${name}" holds other bytes: convert the file, ` +
          `for example with iconv -f latin1 -t utf-8`,
        { cause },
      );
    }
  };

  /** Pieces of the line whose end has not been read yet, how long they are together, and whether some was left out. */
  let [open, length, isCut]: [Uint8Array[], number, boolean] = [[], 0, false];
  const take = (bytes: Uint8Array) => {
    const kept = bytes.length <= longest - length ? bytes : bytes.subarray(0, longest - length);
    isCut ||= kept.length < bytes.length;
    open.push(kept);
    length += kept.length;
    if (length <= most) return;
    throw new CorpusError(
      `Expected lines of at most ${most} bytes but line ${
        number + 1
      } of "${name}" has more: if it is no file of lines, ` +
        "write one object or text a line",
    );
  };
  /** What else than `\n` ends lines; undefined while no end of a line has been seen. */
  let returns: boolean | undefined;
  /** A `\r` at a chunk's end, of which the next one tells what it is. */
  let held: Uint8Array = new Uint8Array(0);
  for await (const read of stream) {
    const chunk = held.length > 0 ? concat([held, read]) : read;
    held = new Uint8Array(0);
    if (returns === undefined) {
      const first = chunk.indexOf(RETURN);
      if (chunk.includes(NEWLINE)) returns = false;
      else if (first >= 0 && first < chunk.length - 1) returns = true;
      else if (first >= 0) {
        take(chunk.subarray(0, first));
        held = chunk.subarray(first);
        continue;
      }
    }
    let start = 0;
    for (let end = endOfLine(chunk, 0, returns); end >= 0; end = endOfLine(chunk, start, returns)) {
      take(chunk.subarray(start, end));
      yield lineOf(open.length === 1 ? open[0] : concat(open));
      [open, length, isCut] = [[], 0, false];
      start = end + 1;
    }
    if (start === chunk.length) continue;
    if (length < longest) take(chunk.subarray(start));
    else isCut = true;
  }
  if (open.length > 0) yield lineOf(concat(open));
}

/** Where the line that begins at `start` ends; below 0 if it goes on. */
function endOfLine(chunk: Uint8Array, start: number, returns = false): number {
  const newline = chunk.indexOf(NEWLINE, start);
  if (!returns) return newline;
  const carriage = chunk.indexOf(RETURN, start);
  return newline < 0 || carriage < 0 ? Math.max(newline, carriage) : Math.min(newline, carriage);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
