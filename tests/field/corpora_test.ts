/** Corpora as people have them: kinds of public reports, and files that real packages saved. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import * as arrow from "npm:apache-arrow@21.2.0";
import { zstdCompressSync } from "node:zlib";
import { CorpusError, type CorpusOptions, readCorpus } from "../../src/activations/mod.ts";
import { inFolder } from "../lib/folder.ts";

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

/** Bytes of a text, one a letter. */
const latin1 = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
const utf16 = (text: string, isLittle: boolean) => {
  const view = new DataView(new ArrayBuffer(2 * text.length));
  for (let i = 0; i < text.length; i++) view.setUint16(2 * i, text.charCodeAt(i), isLittle);
  return new Uint8Array(view.buffer);
};
const RUSSIAN = "\u041f\u0440\u0438\u0432\u0435\u0442\n\u041c\u0438\u0440\n";
const CHINESE = "\u4eca\u5929\u5929\u6c14\u5f88\u597d\u3002\n\u6f6e\u6c34\u5728\u4e2d\u5348\u3002\n";
const PICKLE = latin1("\x80\x04\x95\x12\0\0\0\0\0\0\0]\x94}\x94\x8c\x04text\x94\x8c\x01a\x94sa.");

/** Files of other kinds under the names of texts, and the words that their refusals must have. */
const MISNAMED: readonly [name: string, bytes: Uint8Array<ArrayBuffer>, words: RegExp][] = [
  ["pickle.jsonl", PICKLE, /is a Python pickle/],
  ["pickle.csv", PICKLE, /is a Python pickle/],
  ["table.pkl", PICKLE, /is a Python pickle/],
  ["protocol-0.jsonl", latin1("(lp0\n(dp1\nVtext\np2\nVa\np3\nsa."), /pickle of protocol 0/],
  ["orc.parquet", latin1("ORC".padEnd(80, "\0")), /is an ORC file/],
  ["tensors.jsonl", latin1("\x10\0\0\0\0\0\0\0{}" + " ".repeat(14)), /is a \.safetensors file/],
  ["avro.jsonl", latin1("Obj\x01".padEnd(80, "\0")), /is an Avro file/],
  ["page.jsonl", latin1("<!DOCTYPE html>\n<html></html>"), /is an HTML page: if it is the answer of a server/],
  ["page.txt", latin1("<html><body>404</body></html>"), /is an HTML page/],
  ["base.txt", latin1("SQLite format 3\0".padEnd(96, "\0")), /is an SQLite database/],
  ["base.db", latin1("SQLite format 3\0".padEnd(96, "\0")), /is an SQLite database/],
  ["paper.txt", latin1("%PDF-1.4\n1 0 obj"), /is a PDF document/],
  ["shards.tar.gz", latin1("\0\0\0"), /unpack it, and name the file in it/],
  ["noise.jsonl", latin1("\xfe\x00\x01\x02\xdc\x03\x04".repeat(9)), /is a file of no known kind/],
  ["pretty.jsonl", latin1('[\n  {"text": "a"}\n]'), /rename the file to \.json/],
  ["array.jsonl", latin1('[{"text": "a"},\n{"text": "b"}]'), /rename the file to \.json/],
  ["pretty-object.jsonl", latin1('{\n"text": "a"\n}'), /rename the file to \.json/],
  ["cut.jsonl", latin1('{"text": "a"}\n{"text": '), /line 2 .* correct or delete the line/],
  ["chinese-le.txt", utf16(CHINESE, true), /looks like UTF-16 .* -f utf-16le/],
  ["chinese-be.txt", utf16(CHINESE, false), /looks like UTF-16 .* -f utf-16be/],
  ["russian-le.txt", utf16(RUSSIAN, true), /looks like UTF-16 .* -f utf-16le/],
  ["russian-be.jsonl", utf16(RUSSIAN, false), /looks like UTF-16 .* -f utf-16be/],
  ["latin1.txt", latin1("gr\xf6\xdfer\r\n\x1a"), /line 1 .* iconv -f latin1/],
  ["euro.txt", latin1("\x805 f\xfcr alles\n"), /line 1 .* iconv -f latin1/],
];

for (const [name, bytes, words] of MISNAMED) {
  Deno.test(`${name}: refused as what it is`, () =>
    inFolder(async (folder) => {
      const path = `${folder}/${name}`;
      await Deno.writeFile(path, bytes);
      const error = await assertRejects(() => Array.fromAsync(readCorpus(path)), CorpusError);
      assertMatch(error.message, words);
      assert(error.message.includes(path));
      if (!words.source.includes("iconv")) assert(!error.message.includes("latin1"), error.message);
    }));
}

Deno.test("texts with control characters are texts, and frames of Zstandard that are passed over are", () =>
  inFolder(async (folder) => {
    const read = async (name: string, bytes: Uint8Array) => {
      await Deno.writeFile(`${folder}/${name}`, bytes);
      return (await Array.fromAsync(readCorpus(`${folder}/${name}`))).map(({ text }) => text);
    };
    assertEquals(await read("a.txt", latin1("a\x01b, and more\nc\n\x1b[31mred\n")), [
      "a\x01b, and more",
      "c",
      "\x1b[31mred",
    ]);
    const packed = zstdCompressSync('{"text": "a"}\n');
    const skipped = latin1("\x5e\x2a\x4d\x18\x04\0\0\0abcd");
    assertEquals(await read("b.jsonl.zst", Uint8Array.of(...skipped, ...packed)), ["a"]);
    assertEquals(await read("c.jsonl", Uint8Array.of(...packed, ...skipped)), ["a"]);
  }));

Deno.test("columns of one name, missing shards and fields of no row are refused by name", () =>
  inFolder(async (folder) => {
    const refuse = async (path: string, words: RegExp, options?: CorpusOptions) => {
      const error = await assertRejects(() => Array.fromAsync(readCorpus(`${folder}/${path}`, options)), CorpusError);
      assertMatch(error.message, words);
    };
    await Deno.writeTextFile(`${folder}/twice.csv`, "text,text\na,b\n");
    await Deno.writeTextFile(`${folder}/note.csv`, 'note,text,"note",,\na,b,c,,\n');
    await Deno.writeTextFile(`${folder}/unnamed.csv`, "text,,\na,,\n");
    await refuse("twice.csv", /several named text: rename/);
    await refuse("note.csv", /several named note: rename/);
    assertEquals((await Array.fromAsync(readCorpus(`${folder}/unnamed.csv`))).map(({ text }) => text), ["a"]);
    const [field] = new arrow.Schema([new arrow.Field("text", new arrow.Utf8())]).fields;
    const { data: [column] } = arrow.vectorFromArray(["a"], new arrow.Utf8());
    const schema = new arrow.Schema([field, field]);
    const row = arrow.makeData({ type: new arrow.Struct([field, field]), length: 1, children: [column, column] });
    const table = new arrow.Table(schema, [new arrow.RecordBatch(schema, row)]);
    await Deno.writeFile(`${folder}/twice.arrow`, arrow.tableToIPC(table, "file"));
    await refuse("twice.arrow", /several named text: rename/);

    const shards = async (name: string, numbers: readonly number[], total: number) => {
      await Deno.mkdir(`${folder}/${name}`);
      for (const number of numbers) {
        const shard = `${String(number).padStart(5, "0")}-of-${String(total).padStart(5, "0")}`;
        await Deno.writeTextFile(`${folder}/${name}/train-${shard}.jsonl`, `{"text": "${number}"}\n`);
      }
    };
    const textsOf = async (path: string) =>
      (await Array.fromAsync(readCorpus(`${folder}/${path}`))).map(({ text }) => text);
    await shards("middle", [0, 2], 3);
    await refuse("middle", /train-00001-of-00003\.jsonl is missing: fetch it, or name .* pattern/);
    assertEquals(await textsOf("middle/train-*.jsonl"), ["0", "2"]);
    await shards("last", [0, 1], 3);
    await refuse("last", /train-00002-of-00003\.jsonl is missing/);
    await shards("claims", [0], 99_999);
    await refuse("claims", /train-00001-of-99999\.jsonl is missing/);
    await shards("whole", [0, 1, 2], 3);
    assertEquals(await textsOf("whole"), ["0", "1", "2"]);
    await shards("from-one", [1, 2, 3], 3);
    assertEquals(await textsOf("from-one"), ["1", "2", "3"]);

    await Deno.writeTextFile(`${folder}/a.jsonl`, '{"body": "a", "in": {"b": "c"}}\n');
    for (const field of ["constructor", "toString", "__proto__", "in.constructor", "in.__proto__.constructor"]) {
      await refuse("a.jsonl", /has the fields body, in; name the field/, { field });
    }
    await refuse("a.jsonl", /none has another constructor/, { field: "body", where: { constructor: "x" } });
  }));

Deno.test("ids of JSON keep their digits, also those that no number has", async () => {
  const ids = ["0.12345678901234567890", "1e400", "-1E+999", "1.10", "123456789012345678901234567890", "12"];
  await inFolder(async (folder) => {
    const lines = ids.map((id) =>
      `{"text": "\\"id\\": 1.5", "id" : ${id}, "score": 0.50, "none": NaN, "most": -Infinity}`
    );
    await Deno.writeTextFile(`${folder}/a.jsonl`, lines.join("\n"));
    const entries = await Array.fromAsync(readCorpus(`${folder}/a.jsonl`));
    assertEquals(entries.map(({ id }) => id), ids);
    for (const { text, fields } of entries) {
      assertEquals([text, fields.score, fields.none, fields.most], ['"id": 1.5', 0.5, NaN, -Infinity]);
    }
    await Deno.writeTextFile(`${folder}/b.jsonl`, '{"text": "a", "large": 1e400, "small": 1e-300}');
    const [{ fields }] = await Array.fromAsync(readCorpus(`${folder}/b.jsonl`));
    assertEquals([fields.large, fields.small], ["1e400", 1e-300]);
  });
});
