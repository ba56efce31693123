/** What is in corpora: JSON Lines, JSON arrays, tables and texts, packed or not, as their first rows tell. */
import { formatOf } from "../activations/corpus_files.ts";
import { openText } from "../activations/corpus_text.ts";
import { exactText } from "../activations/exact_text.ts";
import { linesOf } from "../activations/lines.ts";
import { readRows } from "../activations/rows.ts";
import { calledFrame, type Frame } from "../files/frames.ts";
import { type Contents, isRecord, type Json, told } from "./description.ts";
import { describePackedPickle } from "./published_files.ts";

/** Rows whose fields are told. */
const LOOKED_AT = 100;
/** Bytes of a line that are looked at, to tell JSON Lines from JSON. */
const LONGEST_LINE = 1 << 20;

/** The beginning of a corpus: the fields of its first rows, and the rows themselves. */
export async function describeCorpus(path: string, rows: number): Promise<Contents> {
  const { frame, packed } = await frameInside(path);
  const types = new Map<string, Set<string>>();
  const first: Record<string, Json>[] = [];
  let seen = 0;
  for await (const { value } of readRows(path)) {
    const fields = isRecord(value) ? value : { text: value };
    for (const [field, value] of Object.entries(fields)) {
      types.set(field, (types.get(field) ?? new Set()).add(typeOf(value)));
    }
    if (first.length < rows) {
      first.push(Object.fromEntries(Object.entries(fields).map(([field, value]) => [field, jsonOf(value)])));
    }
    if (++seen === LOOKED_AT) break;
  }
  return {
    kind: `corpus (${await calledFormat(path, frame)})`,
    facts: told({ packed, "rows looked at": seen }),
    tables: {
      fields: Array.from(types, ([field, types]) => ({ field, type: [...types].join(", ") })),
      [`first ${first.length} rows`]: first,
    },
  };
}

/** What a file is by what it unpacks to: a corpus, a published dictionary, or a file that must be unpacked first. */
export async function describePacked(path: string, rows: number): Promise<Contents> {
  const { frame, packed } = await frameInside(path);
  switch (frame) {
    // Of zlib too, which only pickles are packed by.
    case "zlib":
    case "pickle":
      return await describePackedPickle(path, rows);
    case "json":
    case "text":
    case "parquet":
    case "arrow":
    case "arrow stream":
      if (frame === "json" || frame === "parquet" || formatOf(path)) return await describeCorpus(path, rows);
  }
  throw new Error(
    `Cannot tell what ${path} holds: it is ${calledFrame(frame)}, packed (${packed}). Unpack it, with ` +
      `${packed === "zstd" ? "unzstd" : "gunzip"}, and give the file that comes out.`,
  );
}

/** What JSON is: an array, a value a line, of which the first is whole by itself, or one value. */
export async function jsonKindOf(path: string): Promise<"array" | "lines" | "value"> {
  const { bytes } = await openText(path);
  let first: string | undefined;
  for await (const { text } of linesOf(bytes, path, { longest: LONGEST_LINE })) {
    if (text.trim() === "") continue;
    if (first !== undefined) return isWhole(first) ? "lines" : "value";
    first = text.replace(/^\ufeff/, "");
    if (first.trimStart().startsWith("[")) return "array";
  }
  return "value";
}

function isWhole(json: string): boolean {
  try {
    JSON.parse(json);
    return true;
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

/** What a file unpacks to. */
async function frameInside(path: string): Promise<{ frame: Frame; packed?: string }> {
  const { frame, packed, bytes } = await openText(path);
  // Reading closes the file once it stops.
  for await (const _ of bytes) break;
  return { frame, packed };
}

async function calledFormat(path: string, frame: Frame): Promise<string> {
  if (frame === "parquet") return "Parquet";
  if (frame === "arrow" || frame === "arrow stream") return "Arrow";
  const format = formatOf(path) ?? "json";
  switch (format) {
    case "json":
      return await jsonKindOf(path) === "lines" ? "JSON Lines" : "JSON";
    case "json lines":
      return "JSON Lines";
    case "text":
      return "a text a line";
    case "csv":
    case "tsv":
    case "parquet":
    case "arrow":
      return `.${format}`;
    default:
      return format satisfies never;
  }
}

function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (typeof value === "string") return "text";
  if (typeof value === "number" || typeof value === "bigint") return "number";
  if (value instanceof Date) return "time";
  if (value instanceof Uint8Array) return "bytes";
  return Array.isArray(value) ? "list" : typeof value;
}

/** A field's value as it is shown: what JSON has no form for as text. */
function jsonOf(value: unknown): Json {
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  return value === null || ["string", "boolean", "bigint"].includes(typeof value) ? value as Json : exactText(value);
}
