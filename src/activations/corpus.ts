import type { UnpackOptions } from "../files/unpacking.ts";
import { CorpusError } from "./errors.ts";
import { readRows, type Row } from "./rows.ts";

/** One text of a corpus. */
export interface CorpusEntry {
  /** The row's own `id`, or where it stands: `pile.jsonl:12`, or its number in an iterable. */
  readonly id: string;
  /** The text a model will read. */
  readonly text: string;
  /** All fields of the row, for labels and filters. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A row of a corpus that is not a file: a text, or an object with a `text` and any other fields. */
export type CorpusItem = string | { readonly id?: string | number; readonly text: string } | Record<string, unknown>;

/** Rows from anywhere but a file. */
export type CorpusItems = Iterable<CorpusItem> | AsyncIterable<CorpusItem>;

/** How to read a corpus. */
export interface CorpusOptions extends UnpackOptions {
  /** Field that holds the text; by default the first of `text` and `instruction` that a row has. */
  field?: string;
  /** Keeps the rows whose fields have these values, compared as text: `{ split: "train" }`. */
  where?: Readonly<Record<string, string | number | boolean>>;
}

const TEXT_FIELDS = ["text", "instruction"];
const VALUES_NAMED = 8;

/**
 * Reads a corpus one text at a time.
 *
 * Files are told apart by their extension: `.jsonl` (an object or a string a line), `.json` (an array, or JSON Lines),
 * `.txt` (one text a line) and `.parquet`. Blank lines are passed over; JSON Lines and text of any size stream.
 *
 * @param source Path of a file, or its name on the hub (`hf://datasets/owner/name/file.jsonl`), or texts, or objects
 * with a `text`.
 * @throws {CorpusError} at the first step if there is no such file; at the row that cannot be read or has no text; and
 * at the end if not one text was left.
 *
 * @example
 * ```ts
 * const rows = [{ text: "one", split: "train" }, { text: "two", split: "test" }];
 * const texts = readCorpus(rows, { where: { split: "test" } });
 * for await (const { id, text } of texts) if (`${id} ${text}` !== "1 two") throw new Error(`${id} ${text}`);
 * ```
 */
export async function* readCorpus(
  source: string | CorpusItems,
  options: CorpusOptions = {},
): AsyncGenerator<CorpusEntry> {
  const filter = new Filter(options.where ?? {});
  let kept = 0;
  for await (const row of typeof source === "string" ? readRows(source, options) : itemRows(source)) {
    const fields = fieldsOf(row);
    if (!filter.keeps(fields)) continue;
    kept++;
    yield { id: idOf(row, fields), text: textOf(row, fields, options.field), fields };
  }
  if (kept > 0) return;
  const name = typeof source === "string" ? `"${source}"` : "the corpus";
  throw new CorpusError(filter.seen === 0 ? `Expected texts but ${name} is empty: name another` : filter.explain(name));
}

async function* itemRows(items: CorpusItems): AsyncGenerator<Row> {
  let index = 0;
  for await (const value of items) {
    yield { value, id: String(index), place: `item ${index} of the corpus` };
    index++;
  }
}

function fieldsOf({ value, place }: Row): Record<string, unknown> {
  if (typeof value === "string") return { text: value };
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new CorpusError(`Expected an object or a text but ${place} is ${JSON.stringify(value)}: correct or delete it`);
}

function idOf(row: Row, { id }: Record<string, unknown>): string {
  return typeof id === "string" || typeof id === "number" ? String(id) : row.id;
}

function textOf({ value, place }: Row, fields: Record<string, unknown>, field?: string): string {
  if (typeof value === "string") return value;
  const name = field ?? TEXT_FIELDS.find((name) => name in fields);
  const text = name === undefined ? undefined : fields[name];
  if (typeof text === "string") return text;
  const expected = field ? `a text in field "${field}"` : `a text in field ${TEXT_FIELDS.join(" or ")}`;
  const found = name !== undefined && name in fields
    ? `holds ${JSON.stringify(text)} there`
    : `has the fields ${Object.keys(fields).join(", ") || "none"}`;
  throw new CorpusError(`Expected ${expected} but ${place} ${found}: name the field that holds the text`);
}

/** Keeps rows by their fields, and remembers what it saw, to say why nothing was kept. */
class Filter {
  seen = 0;
  readonly #values = new Map<string, Set<string>>();

  constructor(readonly where: NonNullable<CorpusOptions["where"]>) {
    for (const name of Object.keys(where)) this.#values.set(name, new Set());
  }

  keeps(fields: Record<string, unknown>): boolean {
    this.seen++;
    let keeps = true;
    for (const [name, wanted] of Object.entries(this.where)) {
      if (name in fields && String(fields[name]) === String(wanted)) continue;
      // All conditions are looked at, so that `explain` can tell what each field holds instead.
      keeps = false;
      const values = this.#values.get(name)!;
      if (name in fields && values.size < VALUES_NAMED) values.add(String(fields[name]).slice(0, 40));
    }
    return keeps;
  }

  explain(corpus: string): string {
    const wanted = Object.entries(this.where).map(([name, value]) => `${name} = ${value}`).join(" and ");
    const others = [...this.#values].map(([name, values]) =>
      values.size > 0 ? `${name} is ${[...values].join(", ")}` : `none has another ${name}`
    ).join("; ");
    return `Expected rows with ${wanted} but none of the ${this.seen} rows of ${corpus} is such (${others}): ` +
      `change the filter`;
  }
}
