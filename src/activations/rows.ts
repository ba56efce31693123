/** The rows of corpus files, whatever their format. */
import { calledFrame, type Frame } from "../files/frames.ts";
import { otherThanFile } from "../files/open.ts";
import { UnpackBudget, UnpackError, type UnpackOptions } from "../files/unpacking.ts";
import type { Chunks } from "../files/unpacked_stream.ts";
import { localPath } from "../hub/hub_file.ts";
import { readArrowRows } from "./arrow_rows.ts";
import { type CorpusFile, corpusFiles, type CorpusFormat, ENDINGS, formatOf, PACKED } from "./corpus_files.ts";
import { type OpenText, openText } from "./corpus_text.ts";
import { csvRows } from "./csv.ts";
import { CorpusError } from "./errors.ts";
import { parseExactJson } from "./exact_json.ts";
import { linesOf } from "./lines.ts";
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

/** Bytes of a line, or of a whole `.json` file: what V8 can hold in a text. */
const MOST_TEXT = 256e6;

/**
 * The rows of a corpus, here or on the hub (`hf://`): of a file, of those that a pattern names, or of a folder's.
 *
 * @param options What Parquet and Arrow files may unpack to; see {@linkcode UnpackOptions}.
 * @throws {CorpusError} if there is no such file, it is of no known format, or a row cannot be read.
 */
export async function* readRows(path: string, options: UnpackOptions = {}): AsyncGenerator<Row> {
  for (const file of await corpusFiles(await localPath(path))) yield* rowsOf(file, options);
}

async function* rowsOf(file: CorpusFile, options: UnpackOptions): AsyncGenerator<Row> {
  const { path } = file;
  const other = otherThanFile(await Deno.stat(path));
  if (other !== undefined) {
    throw new CorpusError(
      `Expected a corpus file but "${path}" is ${other}: name a file (a corpus is read more than once)`,
    );
  }
  const opened = await openText(path);
  const format = formatFor(path, opened);
  if (format !== "parquet" && format !== "arrow") return yield* textRows(file, format, opened.bytes);
  using unpacked = opened.packed ? await unpackedFile(path, opened, options) : undefined;
  const readable = unpacked?.path ?? path;
  const rows = format === "parquet" ? readParquet(readable, options) : readArrowRows(readable, options);
  let number = 0;
  for await (const row of rows) yield rowAt(file, "row", ++number, row);
}

/** How a file is read: as its bytes say where they are sure, else as its name says. */
function formatFor(path: string, { frame, isBinary }: OpenText): CorpusFormat {
  const format = formatOf(path);
  switch (frame) {
    case "parquet":
    case "encrypted parquet":
      return "parquet";
    case "arrow":
    case "arrow stream":
      return "arrow";
    case "zip":
      throw /\.xlsx?$/i.test(path)
        ? new CorpusError(`Expected texts but "${path}" is a workbook of Excel (.xlsx): save its sheet as .csv`)
        : unread(path, frame, UNPACK);
    case "tar":
      throw unread(path, frame, UNPACK);
    case "html":
      throw unread(
        path,
        frame,
        "if it is the answer of a server, fetch the file again; else write its texts, one a line",
      );
    case "lfs":
    case "hdf5":
    case "gzip":
    case "zstd":
    case "xz":
    case "bzip2":
    case "lz4":
    case "npy":
    case "gguf":
    case "feather 1":
    case "matlab":
    case "torch legacy":
    case "safetensors":
    case "sqlite":
    case "orc":
    case "avro":
    case "pdf":
      throw unread(path, frame, REWRITE);
    case "old pickle":
      // A text may begin so, JSON does not.
      if (format === "json" || format === "json lines") throw unread(path, frame, REWRITE);
      break;
    // What also begins as texts of other encodings than UTF-8 do, is told by the rest.
    case "pickle":
    case "zlib":
    case "unknown":
      if (isBinary && format !== "parquet" && format !== "arrow") throw unread(path, frame, REWRITE);
  }
  if (format) return format;
  // As caches name files, by a checksum, and then perhaps packed.
  if (frame === "json" && !/\.[^./\\]+$/.test(path.replace(PACKED, ""))) return "json";
  const remedy = ARCHIVE.test(path) ? UNPACK : "rename or convert it";
  throw new CorpusError(`Expected a corpus file ending in ${ENDINGS} but "${path}" ends otherwise: ${remedy}`);
}

const UNPACK = "unpack it, and name the file in it";
const REWRITE = `write its texts to a file that ends in ${ENDINGS}`;
/** What archives of several files end in. */
const ARCHIVE = /\.(?:tar|tgz|tbz2?|txz|zip|7z|rar)(?:\.\w+)?$/i;

function unread(path: string, frame: Frame, remedy: string): CorpusError {
  return new CorpusError(`Expected texts but "${path}" is ${calledFrame(frame)}: ${remedy}`);
}

/** A packed file that is read in other than its own order, unpacked beside; it goes when it is disposed. */
async function unpackedFile(
  path: string,
  { bytes }: OpenText,
  options: UnpackOptions,
): Promise<Disposable & { path: string }> {
  const budget = new UnpackBudget(path, options);
  const unpacked = await Deno.makeTempFile();
  const file = { path: unpacked, [Symbol.dispose]: () => Deno.removeSync(unpacked) };
  try {
    using target = await Deno.open(unpacked, { write: true });
    for await (const chunk of bytes) {
      budget.take(chunk.length);
      for (let done = 0; done < chunk.length;) done += await target.write(chunk.subarray(done));
    }
    return file;
  } catch (cause) {
    file[Symbol.dispose]();
    throw cause instanceof UnpackError ? new CorpusError(cause.message, { cause }) : cause;
  }
}

function textRows(
  file: CorpusFile,
  format: Exclude<CorpusFormat, "parquet" | "arrow">,
  bytes: Chunks,
): AsyncIterable<Row> {
  switch (format) {
    case "json lines":
      return jsonLines(file, bytes);
    case "json":
      return json(file, bytes);
    case "text":
      return lines(file, bytes);
    case "csv":
      return table(file, bytes, ",");
    case "tsv":
      return table(file, bytes, "\t");
    default:
      return format satisfies never;
  }
}

function rowAt({ path, name }: CorpusFile, unit: "line" | "row", number: number, value: unknown): Row {
  return { value, id: `${name}:${number}`, place: `${unit} ${number} of "${path}"` };
}

/** JSON Lines: one JSON value a line; blank lines are passed over. */
async function* jsonLines(file: CorpusFile, bytes: Chunks): AsyncGenerator<Row> {
  for await (const { number, text } of linesOf(bytes, file.path, { most: MOST_TEXT })) {
    if (text.trim() === "") continue;
    const place = `line ${number} of "${file.path}"`;
    // A list, or an object that goes on below.
    const remedy = /^\ufeff?\s*(?:\[|\{\s*$)/.test(text)
      ? "if it is JSON over several lines, rename the file to .json"
      : "correct or delete the line";
    yield rowAt(file, "line", number, parseJson(text, place, remedy));
  }
}

/**
 * A JSON array, or one object over several lines, read whole; anything else is read as JSON Lines, which many `.json` data
 * sets are.
 */
async function* json(file: CorpusFile, bytes: Chunks): AsyncGenerator<Row> {
  const { path } = file;
  const read = linesOf(bytes, path, { most: MOST_TEXT });
  const before: string[] = [];
  let length = 0;
  let isWhole: boolean | undefined;
  for await (const { number, text } of read) {
    if (isWhole === undefined && text.trim() !== "") isWhole = text.trimStart().startsWith("[") || isCutOff(text);
    if (isWhole) {
      if ((length += text.length + 1) > MOST_TEXT) {
        throw new CorpusError(
          `Expected JSON of at most ${MOST_TEXT} letters but "${path}" has more: write one object a line (.jsonl), which ` +
            "is read a line at a time",
        );
      }
      before.push(text);
    } else if (text.trim() !== "") {
      yield rowAt(file, "line", number, parseJson(text, `line ${number} of "${path}"`, "correct or delete the line"));
    }
  }
  if (!isWhole) return;
  const value = parseJson(before.join("\n"), `"${path}"`, "correct the file, or write one JSON object a line");
  for (const [i, row] of (Array.isArray(value) ? value : [value]).entries()) yield rowAt(file, "row", i + 1, row);
}

/** Whether a line is the beginning of an object that goes on below. */
function isCutOff(line: string): boolean {
  const text = line.trim();
  return text.startsWith("{") && !text.endsWith("}");
}

/** Plain text: one text a line, so that a file of any length streams; blank lines are passed over. */
async function* lines(file: CorpusFile, bytes: Chunks): AsyncGenerator<Row> {
  for await (const { number, text } of linesOf(bytes, file.path, { most: MOST_TEXT })) {
    if (text.trim() !== "") yield rowAt(file, "line", number, text);
  }
}

/** A table whose first line names the columns. */
async function* table(file: CorpusFile, bytes: Chunks, delimiter: "," | "\t"): AsyncGenerator<Row> {
  let number = 0;
  for await (const row of csvRows(bytes, file.path, { delimiter, most: MOST_TEXT })) {
    yield rowAt(file, "row", ++number, row);
  }
}

function parseJson(text: string, place: string, remedy: string): unknown {
  try {
    return parseExactJson(text);
  } catch (cause) {
    throw new CorpusError(`Expected JSON but ${place} is not: ${(cause as Error).message}; ${remedy}`, { cause });
  }
}
