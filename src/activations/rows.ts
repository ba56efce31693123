import { localPath } from "../hub/hub_file.ts";
import type { UnpackOptions } from "../files/unpacking.ts";
import { CorpusError } from "./errors.ts";
import { readLines } from "./lines.ts";
import { readParquet } from "./parquet.ts";

/** One row of a corpus before its text is picked. */
export interface Row {
  /** A text, or an object with fields. */
  readonly value: unknown;
  /** Identifier for a row that brings none, such as `pile.jsonl:12`. */
  readonly id: string;
  /** Where it stands, for messages, such as `line 12 of "corpora/pile.jsonl"`. */
  readonly place: string;
}

type Reader = (path: string, options: UnpackOptions) => AsyncIterable<Row>;

const READERS: Readonly<Record<string, Reader>> = {
  ".jsonl": readJsonLines,
  ".json": readJson,
  ".txt": readText,
  ".parquet": readParquetRows,
};

/**
 * The rows of a corpus file, here or on the hub (`hf://`); its extension says how it is read.
 *
 * @param options What a Parquet file may unpack to; see {@linkcode UnpackOptions}.
 * @throws {CorpusError} if there is no such file, it is a folder, its extension is unknown, or a row cannot be read.
 */
export async function* readRows(path: string, options: UnpackOptions = {}): AsyncGenerator<Row> {
  const extension = path.match(/\.[^./\\]*$/)?.[0].toLowerCase() ?? "";
  const reader = READERS[extension];
  if (!reader) {
    throw new CorpusError(
      `Expected a corpus file ending in ${Object.keys(READERS).join(", ")} but found "${path}": rename or convert it`,
    );
  }
  const file = await localPath(path);
  await assertFile(file);
  yield* reader(file, options);
}

async function assertFile(path: string): Promise<void> {
  try {
    if ((await Deno.stat(path)).isFile) return;
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new CorpusError(
      `Expected a corpus at "${path}" but there is no such file: check the path, seen from "${Deno.cwd()}"`,
      { cause },
    );
  }
  throw new CorpusError(`Expected a corpus file but "${path}" is a folder: name one of its files`);
}

function rowAt(path: string, unit: "line" | "row", number: number, value: unknown): Row {
  const name = path.split(/[\\/]/).at(-1);
  return { value, id: `${name}:${number}`, place: `${unit} ${number} of "${path}"` };
}

/** JSON Lines: one JSON value a line; blank lines are passed over. */
async function* readJsonLines(path: string): AsyncGenerator<Row> {
  for await (const { number, text } of readLines(path)) {
    if (text.trim() === "") continue;
    const place = `line ${number} of "${path}"`;
    yield rowAt(path, "line", number, parseJson(text, place, "correct or delete the line"));
  }
}

/** A JSON array, read whole; anything else is read as JSON Lines, which many `.json` data sets are. */
async function* readJson(path: string): AsyncGenerator<Row> {
  if (!await startsArray(path)) return yield* readJsonLines(path);
  const lines = await Array.fromAsync(readLines(path), (line) => line.text);
  const rows = parseJson(lines.join("\n"), `"${path}"`, "correct the file, or write one JSON object a line");
  for (const [i, value] of (rows as unknown[]).entries()) yield rowAt(path, "row", i + 1, value);
}

async function startsArray(path: string): Promise<boolean> {
  for await (const { text } of readLines(path)) {
    if (text.trim() !== "") return text.trimStart().startsWith("[");
  }
  return false;
}

/** Plain text: one text a line, so that a file of any length streams; blank lines are passed over. */
async function* readText(path: string): AsyncGenerator<Row> {
  for await (const { number, text } of readLines(path)) {
    if (text.trim() !== "") yield rowAt(path, "line", number, text);
  }
}

async function* readParquetRows(path: string, options: UnpackOptions): AsyncGenerator<Row> {
  let number = 0;
  for await (const row of readParquet(path, options)) yield rowAt(path, "row", ++number, row);
}

function parseJson(text: string, place: string, remedy: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CorpusError(`Expected JSON but ${place} is not: ${(cause as Error).message}; ${remedy}`, { cause });
  }
}
