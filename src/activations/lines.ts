import { CorpusError } from "./errors.ts";

/** One line of a text file. */
export interface Line {
  /** Number of the line; the first is 1. */
  readonly number: number;
  /** The line without its end (`\n` or `\r\n`). */
  readonly text: string;
}

// In UTF-8 no byte of a longer letter is this one.
const NEWLINE = 0x0a;

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
  const file = await Deno.open(path);
  yield* linesOf(file.readable, path);
}

/**
 * The lines of a stream of UTF-8 bytes, one at a time; memory holds one chunk and one line.
 *
 * @param name Names the stream in messages.
 * @param options `replace` (default false): reads bytes that are not UTF-8 as U+FFFD instead of throwing. `longest`
 * (default no limit): bytes of a line that are kept, so that a stream without line ends does not fill the memory.
 * @throws {CorpusError} at a line that is not UTF-8, unless they are replaced.
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
  stream: ReadableStream<Uint8Array>,
  name: string,
  options: { replace?: boolean; longest?: number } = {},
): AsyncGenerator<Line> {
  const { replace = false, longest = Infinity } = options;
  const decoder = new TextDecoder("utf-8", { fatal: !replace });
  let number = 0;
  const lineOf = (bytes: Uint8Array): Line => {
    number++;
    try {
      const text = decoder.decode(bytes);
      return { number, text: text.endsWith("\r") ? text.slice(0, -1) : text };
    } catch (cause) {
      throw new CorpusError(
        `Expected UTF-8 text but line ${number} of "${name}" holds other bytes: convert the file, ` +
          `for example with iconv -f latin1 -t utf-8`,
        { cause },
      );
    }
  };

  /** Pieces of the line whose end has not been read yet, and how long they are together. */
  let [open, length]: [Uint8Array[], number] = [[], 0];
  const take = (bytes: Uint8Array) => {
    const kept = bytes.length <= longest - length ? bytes : bytes.subarray(0, longest - length);
    open.push(kept);
    length += kept.length;
  };
  for await (const chunk of stream) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      take(chunk.subarray(start, end));
      yield lineOf(open.length === 1 ? open[0] : concat(open));
      [open, length] = [[], 0];
      start = end + 1;
    }
    if (start < chunk.length && length < longest) take(chunk.subarray(start));
  }
  if (open.length > 0) yield lineOf(concat(open));
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
