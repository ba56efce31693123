import { assertOptions, type OptionKinds } from "../compute/known_options.ts";
import { UNPACK_OPTIONS, type UnpackOptions } from "../files/unpacking.ts";
import { CorpusError } from "./errors.ts";
import { exactText } from "./exact_text.ts";
import { readRows, type Row } from "./rows.ts";
import { type Fields, shapeAdvice, TEXT_FIELDS, textOf } from "./text_field.ts";

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
export type CorpusItem =
  | string
  | { readonly id?: string | number | bigint; readonly text: string }
  | Record<string, unknown>;

/** Rows from anywhere but a file. */
export type CorpusItems = Iterable<CorpusItem> | AsyncIterable<CorpusItem>;

/** Rows of a corpus that give nothing to read. */
export interface SkippedRows {
  /** Rows without a text. */
  readonly skipped: number;
  /** Rows whose text is empty, which are not skipped. */
  readonly empty: number;
  /** Rows that were looked at, those that a filter left out not counted. */
  readonly rows: number;
  /** Where the first of either stands: `line 2 of "texts.jsonl"`. */
  readonly first: string;
}

/** How to read a corpus. */
export interface CorpusOptions extends UnpackOptions {
  /**
   * Field that holds the text, or several, of which the first that a row has is taken; `document.text` is field `text` of
   * field `document`. By default `text`, `content`, `prompt`, `instruction`, `messages`, `conversations`, `conversation`,
   * `question`, `query`, `sentence`, `document`, `article`, in this order.
   */
  field?: string | readonly string[];
  /** Keeps the rows whose fields have these values, compared as text: `{ split: "train" }`. */
  where?: Readonly<Record<string, string | number | boolean>>;
  /** Told once reading ends, if rows had no text or an empty one. */
  onSkipped?: (skipped: SkippedRows) => void;
}

const OPTIONS: OptionKinds<CorpusOptions> = {
  ...UNPACK_OPTIONS,
  field: ["string", "strings"],
  where: "object",
  onSkipped: "function",
};

const VALUES_NAMED = 8;
/** Rows without a text after which no other is waited for. */
const MOST_WITHOUT = 10_000;

/**
 * Reads a corpus one text at a time.
 *
 * Files are told apart by their bytes where these are sure, else by their ending: `.jsonl` and `.ndjson` (an object or a
 * string a line), `.json` (an array, or JSON Lines), `.txt` (one text a line), `.csv` and `.tsv` (the first line names the
 * columns), `.parquet`, `.arrow` and `.feather` (files and streams); each may be packed (`.gz`, `.zst`). A pattern
 * (`shards/part-*.jsonl`) or a folder is read file by file in the order of their names, one that `datasets` saved in its
 * own order. All but JSON arrays stream. Pipes are refused (`/dev/stdin`, `<(...)` of a shell): a corpus is read more than
 * once.
 *
 * Text is UTF-8, or UTF-16 with its mark. Of a chat (`messages`, `conversations`) the text is what the user says first.
 * Blank lines are passed over. A row without a text (no such field, null, a chat without a user) is skipped and counted;
 * an empty text is one. Whole numbers beyond 2^53 are bigints, decimals texts, times dates (texts where these would round
 * them).
 *
 * @param source Path of a file or folder, a pattern, or a name on the hub (`hf://datasets/owner/name/file.jsonl`), or
 * texts, or objects with a `text`.
 * @throws {CorpusError} at the first step if there is no such file; at the row that cannot be read or holds something else
 * than a text; and at the end if not one text was left.
 *
 * @example
 * ```ts
 * const rows = [{ text: "one", split: "train" }, { text: "two", split: "test" }];
 * const texts = readCorpus(rows, { where: { split: "test" } });
 * for await (const { id, text } of texts) if (`${id} ${text}` !== "1 two") throw new Error(`${id} ${text}`);
 * ```
 *
 * @example What the user says of each chat, and how many chats have none
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const chats = [
 *   { messages: [{ role: "system", content: "Be brief." }, { role: "user", content: "What is the tide?" }] },
 *   { messages: [{ role: "assistant", content: "Hello." }] },
 * ];
 * let skipped = 0;
 * const texts = await Array.fromAsync(readCorpus(chats, { onSkipped: (rows) => skipped = rows.skipped }));
 * assertEquals([texts[0].text, texts.length, skipped], ["What is the tide?", 1, 1]);
 * ```
 */
export async function* readCorpus(
  source: string | CorpusItems,
  options: CorpusOptions = {},
): AsyncGenerator<CorpusEntry> {
  assertOptions("readCorpus", options, OPTIONS);
  const filter = new Filter(options.where ?? {});
  const named = typeof options.field === "string" ? [options.field] : options.field;
  const without = new WithoutText(typeof source === "string" ? `"${source}"` : "the corpus", named);
  let kept = 0;
  try {
    for await (const row of typeof source === "string" ? readRows(source, options) : itemRows(source)) {
      const fields = fieldsOf(row);
      if (!filter.keeps(fields)) continue;
      const text = typeof row.value === "string" ? row.value : textOf(fields, named ?? TEXT_FIELDS, row.place);
      if (text !== undefined) {
        kept++;
        if (text === "") without.addEmpty(row);
        yield { id: idOf(row, fields), text, fields };
        continue;
      }
      without.add(row, fields);
      if (kept === 0 && without.count === MOST_WITHOUT) throw without.error();
    }
  } finally {
    without.tell(kept, options.onSkipped);
  }
  if (kept > 0) return;
  if (without.count > 0) throw without.error();
  throw new CorpusError(
    filter.seen === 0 ? `Expected texts but ${without.corpus} is empty: name another` : filter.explain(without.corpus),
  );
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

function idOf(row: Row, { id }: Fields): string {
  return id === undefined || id === null ? row.id : exactText(id);
}

/** The rows that have no text. */
class WithoutText {
  count = 0;
  #empty = 0;
  #first?: string;
  #place = "";
  #fields: Fields = {};

  constructor(readonly corpus: string, private readonly named?: readonly string[]) {}

  add({ place }: Row, fields: Fields): void {
    this.#first ??= place;
    if (this.count++ > 0) return;
    this.#place = place;
    this.#fields = fields;
  }

  addEmpty({ place }: Row): void {
    this.#first ??= place;
    this.#empty++;
  }

  tell(kept: number, onSkipped?: (skipped: SkippedRows) => void): void {
    if (this.#first === undefined) return;
    onSkipped?.({ skipped: this.count, empty: this.#empty, rows: kept + this.count, first: this.#first });
  }

  /** Why a corpus without a text is none. */
  error(): CorpusError {
    const names = this.named ?? TEXT_FIELDS;
    const expected = `a text in field ${names.map((name) => `"${name}"`).join(", ")}`;
    const here = names.find((name) => Object.hasOwn(this.#fields, name));
    const holds = here === undefined
      ? `has the fields ${Object.keys(this.#fields).join(", ") || "none"}`
      : `holds ${exactText(this.#fields[here]).slice(0, 200)} in field "${here}"`;
    const advice = shapeAdvice(this.#fields) ?? "name the field that holds the text, with --field or the option field";
    return new CorpusError(
      `Expected ${expected} but none of the ${this.count} rows read of ${this.corpus} has one: ${this.#place} ` +
        `${holds}; ${advice}`,
    );
  }
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
      if (Object.hasOwn(fields, name) && exactText(fields[name]) === String(wanted)) continue;
      // All conditions are looked at, so that `explain` can tell what each field holds instead.
      keeps = false;
      const values = this.#values.get(name)!;
      if (Object.hasOwn(fields, name) && values.size < VALUES_NAMED) values.add(exactText(fields[name]).slice(0, 40));
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
