/** Reads tables of text, such as .csv. csv-parse is named here and nowhere else. */
import { Readable } from "node:stream";
import type { CsvError } from "npm:csv-parse@7.0.3";
import { assertDistinct } from "./distinct_columns.ts";
import { CorpusError } from "./errors.ts";
import { linesOf } from "./lines.ts";

/** Letters of the first line that are looked at. */
const BEGINNING = 1 << 16;

/**
 * The rows of a table, whose first line names the columns. Values are texts as they stand there. Quoted values may go
 * over several lines.
 *
 * Where the first line has more of `;` or tabs than of the usual delimiter, these delimit values, as spreadsheets write
 * in many countries.
 *
 * @param options `delimiter`: the usual one; `most`: bytes that a row may have.
 * @throws {CorpusError} at bytes that are not UTF-8, if columns have one name, and at a row that has other columns than the first line.
 */
export async function* csvRows(
  bytes: AsyncIterable<Uint8Array>,
  name: string,
  { delimiter, most }: { readonly delimiter: "," | "\t"; readonly most: number },
): AsyncGenerator<Record<string, string>> {
  const { parse } = await import("npm:csv-parse@7.0.3");
  const texts = utf8Texts(bytes, name);
  const { value: first = "" } = await texts.next();
  const parser = parse({
    bom: true,
    columns: (names: string[]) => {
      assertDistinct(name, names);
      return names;
    },
    delimiter: delimiterOf(first, delimiter),
    maxRecordSize: most,
    // A quote within a value that does not begin with one is a letter.
    relaxQuotes: true,
    skipEmptyLines: true,
  });
  const source = Readable.from(all());
  // What goes wrong with the texts comes out of the loop below.
  source.on("error", (error) => parser.destroy(error));
  source.pipe(parser);
  try {
    for await (const row of parser) yield row;
  } catch (cause) {
    if (cause instanceof CorpusError) throw cause;
    const { lines } = cause as CsvError & { lines?: number };
    throw new CorpusError(
      `Expected a table with as many values in each row as columns in the first line but near line ${lines} of "${name}" ` +
        `there is something else: ${(cause as Error).message}; correct the line`,
      { cause },
    );
  } finally {
    source.destroy();
    parser.destroy();
  }

  async function* all() {
    yield first;
    yield* texts;
  }
}

/** The text of UTF-8 bytes; those that are none are told by their line. */
async function* utf8Texts(bytes: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let lines = 0;
  for await (const chunk of bytes) {
    let text: string;
    try {
      text = decoder.decode(chunk, { stream: true });
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      throw await notUtf8(chunk, lines, name, error);
    }
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", end + 1)) lines++;
    yield text;
  }
  try {
    yield decoder.decode();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw await notUtf8(Uint8Array.of(0xff), lines, name, error);
  }
}

/** The sentence of {@linkcode linesOf}, with the number of the line in the whole file. */
async function notUtf8(chunk: Uint8Array, before: number, name: string, cause: unknown): Promise<CorpusError> {
  // Blank lines stand for those before.
  const numbered = ReadableStream.from([new Uint8Array(before).fill(0x0a), chunk]);
  try {
    await Array.fromAsync(linesOf(numbered, name));
  } catch (error) {
    if (error instanceof CorpusError) return error;
    throw error;
  }
  return new CorpusError(`Expected UTF-8 text but "${name}" holds other bytes: convert the file`, { cause });
}

function delimiterOf(text: string, usual: "," | "\t"): string {
  const header = text.slice(0, BEGINNING).split(/[\r\n]/, 1)[0].replaceAll(/"[^"]*"/g, "");
  const count = (letter: string) => header.split(letter).length - 1;
  return [usual, ",", ";", "\t"].reduce((best, letter) => count(letter) > count(best) ? letter : best);
}
