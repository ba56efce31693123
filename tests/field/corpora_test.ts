/** Corpora as people have them: kinds of public reports, and files that real packages saved. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { CorpusError, type CorpusOptions, readCorpus } from "../../src/activations/mod.ts";

const INPUTS = new URL("inputs/", import.meta.url).pathname;

/** Reads a corpus of a case. */
function read(path: string, options?: CorpusOptions) {
  return Array.fromAsync(readCorpus(`${INPUTS}${path}`, options));
}

async function expectedOf(id: string) {
  return JSON.parse(await Deno.readTextFile(`${INPUTS}${id}/expected.json`));
}

/** Cases whose `expected.json` has the texts. */
const REPORTED: Readonly<Record<string, string>> = {
  "corpus-content": "texts.jsonl",
  "corpus-messages": "chats.jsonl",
  "corpus-gz": "texts.jsonl.gz",
  "corpus-ndjson": "texts.ndjson",
  "corpus-shards": "shards",
  "corpus-glob": "shards/part-*.jsonl",
  "parquet-lz4": "texts.parquet",
  "parquet-zstd": "texts.parquet",
  "parquet-brotli": "texts.parquet",
  "parquet-snappy": "texts.parquet",
  "utf16-marked": "texts.txt",
  "utf8-marked": "texts.jsonl",
  "null-text": "texts.jsonl",
  "pretty-json": "texts.json",
  "json-nan": "texts.jsonl",
  "cr-only": "texts.txt",
  "line-separators": "texts.jsonl",
};

for (const [id, path] of Object.entries(REPORTED)) {
  Deno.test(`${id}: the texts`, async () => {
    assertEquals((await read(`${id}/${path}`)).map(({ text }) => text), await expectedOf(id));
  });
}

Deno.test("field-option: the texts of the field that is named", async () => {
  const texts = await read("corpus-content/texts.jsonl", { field: "content" });
  assertEquals(texts.map(({ text }) => text), await expectedOf("corpus-content"));
});

Deno.test("json-big-id: ids digit by digit", async () => {
  assertEquals((await read("json-big-id/texts.jsonl")).map(({ id }) => id), await expectedOf("json-big-id"));
});

Deno.test("null-text: rows without a text are counted", async () => {
  const skipped: number[] = [];
  await read("null-text/texts.jsonl", { onSkipped: (rows) => skipped.push(rows.skipped, rows.rows) });
  const kept = (await expectedOf("null-text")).length;
  assertEquals(skipped, [2, kept + 2]);
});

/** What a package's own reader gives, or the words that a refusal must have, as `cause` says. */
interface Expected {
  readonly path: string;
  readonly texts: readonly string[];
  readonly ids?: readonly string[];
  readonly fields?: Readonly<Record<string, readonly unknown[]>>;
  readonly options?: CorpusOptions;
  readonly cause?: string;
}

/** Files that are refused, by what their sentence names. */
const REFUSED: Readonly<Record<string, RegExp>> = {
  "excel": /is a workbook of Excel \(\.xlsx\): save its sheet as \.csv/,
  "json-pandas-columns": /these are columns, as pandas writes a table by default: .* orient="records", lines=True/,
  "parquet-empty": /is empty/,
  "parquet-encrypted-columns": /is encrypted: decrypt it/,
  "parquet-text-not-utf8": /Expected UTF-8 text but row 1 of .* holds other bytes in field "text"/,
};

const SAVED = [
  ...["arrow-feather", "csv-pandas", "datasets-arrow-file", "datasets-saved", "excel", "json-pandas-columns"],
  ...["jsonl-gz", "jsonl-messages", "jsonl-nan", "jsonl-zst", "parquet-arrow-lz4", "parquet-big-int"],
  ...["parquet-bytes-field", "parquet-decimal-38", "parquet-duckdb-lz4", "parquet-duckdb-lz4-raw", "parquet-empty"],
  ...["parquet-encrypted-columns", "parquet-folder", "parquet-messages", "parquet-nested-text"],
  ...["parquet-no-text-column", "parquet-null-text", "parquet-pandas-lz4", "parquet-polars-lz4", "parquet-struct"],
  ...["parquet-text-not-utf8", "txt-utf16"],
];

for (const id of SAVED) {
  const refusal = REFUSED[id];
  Deno.test(`${id}: ${refusal ? "refused by name" : "texts, ids and fields"}`, async () => {
    const { path, options, texts, ids, fields = {} } = await expectedOf(id) as Expected;
    if (refusal) {
      const error = await read(`${id}/${path}`, options).then(() => undefined, (error) => error);
      assert(error instanceof CorpusError, `${error}`);
      assertMatch(error.message, refusal);
      return;
    }
    const entries = await read(`${id}/${path}`, options);
    assertEquals(entries.map(({ text }) => text), texts);
    if (ids) assertEquals(entries.map(({ id }) => id), ids);
    for (const [name, expected] of Object.entries(fields)) {
      const values = entries.map(({ fields }) => fields[name]);
      assertEquals(values.map((value) => value instanceof Uint8Array ? [...value] : value), expected);
    }
  });
}

/** A row of every kind of column, by pyarrow: what all files of `kinds-of-columns` hold. */
const KINDS = {
  text: "a",
  id: 2n ** 63n + 5n,
  d: 1.5,
  D: "-123456789012345678901234567890.25",
  D256: "-1.5",
  date: new Date("2026-01-02"),
  us: "1969-12-31T23:59:59.123456Z",
  ns: "1970-01-01T00:00:00.000000001Z",
  s: new Date(1000),
  time: 3723000000,
  li: [2n ** 53n + 1n, 3],
  ls: [{ a: 2n ** 60n, b: ["1.25"] }],
  b: Uint8Array.of(0, 255),
  fb: Uint8Array.of(97, 98, 99),
  m: { k: 2n ** 60n },
  f16: 1.5,
  bo: true,
  nul: null,
  dic: "x",
  ll: ["p"],
  fl: [1, 2],
  i8: -1,
};

for (const file of ["kinds.parquet", "kinds-lz4.feather", "kinds-zstd.feather", "kinds-stream.arrow"]) {
  Deno.test(`${file}: values of every kind of column, exactly, and nulls`, async () => {
    const [first, second] = await read(`kinds-of-columns/${file}`);
    assertEquals(first.id, "9223372036854775813");
    assertEquals(first.fields, KINDS);
    assertEquals(second.id, `${file}:2`);
    const { text, D, D256, us, ns, s, ls, b, ...others } = second.fields as typeof KINDS;
    assertEquals([text, D, D256, ls], ["b", "0.01", "7.0", []]);
    assertEquals([us, ns, s, b], [new Date("2026-01-02"), new Date(1000), new Date(2000), Uint8Array.of(111, 107)]);
    for (const [name, value] of Object.entries(others)) assertEquals(value, null, name);
  });
}

for (const file of ["polars-lz4.arrow", "polars-stream.arrow"]) {
  Deno.test(`${file}: views of text as polars writes them, a null skipped`, async () => {
    assertEquals((await read(`kinds-of-columns/${file}`)).map(({ id, text }) => [id, text]), [
      ["1", "a".repeat(20)],
      ["2", "b"],
    ]);
  });
}
