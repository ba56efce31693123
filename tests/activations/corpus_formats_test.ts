import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { constants, gzipSync, zstdCompressSync } from "node:zlib";
import { CorpusError, type CorpusOptions, linesOf, readCorpus } from "../../src/activations/mod.ts";
import { deno } from "../lib/deno.ts";
import { inFolder } from "../lib/folder.ts";
import { mutations } from "../lib/mutations.ts";

const KINDS = new URL("../field/inputs/kinds-of-columns/", import.meta.url).pathname;

async function texts(path: string, options?: CorpusOptions): Promise<string[]> {
  return (await Array.fromAsync(readCorpus(path, options))).map(({ text }) => text);
}

async function refusal(path: string, options?: CorpusOptions): Promise<string> {
  return (await assertRejects(() => texts(path, options), CorpusError)).message;
}

/** Writes a file of a folder, with the folders above it. */
async function put(path: string, content: string | Uint8Array): Promise<string> {
  await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  await Deno.writeFile(path, typeof content === "string" ? new TextEncoder().encode(content) : content);
  return path;
}

const LINES = '{"text": "one"}\n{"text": "two"}\n';

Deno.test("packed files: every format that streams, several members and frames, and bytes over names", () =>
  inFolder(async (folder) => {
    const half = LINES.length / 2;
    const [first, second] = [LINES.slice(0, half), LINES.slice(half)];
    const skippable = Uint8Array.of(0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3);
    const files: Record<string, Uint8Array> = {
      "a.jsonl.gz": Buffer.concat([gzipSync(first), gzipSync(second)]),
      "a.ndjson.zst": Buffer.concat([zstdCompressSync(first), skippable, zstdCompressSync(second)]),
      "packed-though-not-named.jsonl": gzipSync(LINES),
      "named-though-not-packed.jsonl.zst": new TextEncoder().encode(LINES),
      "0123456789abcdef": zstdCompressSync(LINES),
      "a.json.gz": gzipSync('[{"text": "one"},\n{"text": "two"}]'),
      "a.txt.zst": zstdCompressSync("one\ntwo"),
      "a.csv.gz": gzipSync("text,n\none,1\ntwo,2\n"),
      "a.TSV.ZST": zstdCompressSync("n\ttext\n1\tone\n2\ttwo\n"),
    };
    for (const [name, bytes] of Object.entries(files)) {
      assertEquals(await texts(await put(`${folder}/${name}`, bytes)), ["one", "two"], name);
    }
  }));

Deno.test("packed files that are cut off, damaged, or have something behind them are refused", () =>
  inFolder(async (folder) => {
    const many = LINES.repeat(5000);
    const [gz, zst] = [gzipSync(many), zstdCompressSync(many)];
    for (
      const [name, bytes] of Object.entries({
        "cut.jsonl.gz": gz.subarray(0, gz.length - 9),
        "cut.jsonl.zst": zst.subarray(0, zst.length - 9),
        "head.jsonl.zst": zst.subarray(0, 5),
        "more.jsonl.zst": Buffer.concat([zst, new TextEncoder().encode("something else")]),
      })
    ) {
      const message = await refusal(await put(`${folder}/${name}`, bytes));
      assertStringIncludes(message, `${name}" to be whole`, name);
      assertStringIncludes(message, "Fetch the file again", name);
    }
  }));

Deno.test("Zstandard with a bit that is wrong anywhere is refused, and its reader comes to an end", () =>
  inFolder(async (folder) => {
    const lines = Array.from({ length: 60 }, (_, i) => `{"text":"${"abcdefgh".repeat(90 * (i % 9))} ${i * 7919}"}\n`)
      .join("");
    const whole = zstdCompressSync(lines, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });
    const right = await texts(await put(`${folder}/whole.jsonl.zst`, whole));
    assertEquals(right.length, 60);
    let refused = 0;
    for (let i = 0; i < 24; i++) {
      const bytes = new Uint8Array(whole);
      bytes[4 + Math.floor(i * (bytes.length - 5) / 23)] ^= 1 << (i % 8);
      const path = await put(`${folder}/${i}.jsonl.zst`, bytes);
      const found = await texts(path).catch((error) => error);
      // Some bits say how much memory to take.
      if (Array.isArray(found)) assertEquals(found, right);
      else {
        assert(found instanceof CorpusError, `${found}`);
        refused++;
      }
    }
    assert(refused > 20, `${refused} refused`);
  }));

Deno.test("a script that reads damaged Zstandard ends with the sentence, and others' errors are theirs", async () => {
  await inFolder(async (folder) => {
    const bytes = zstdCompressSync(LINES.repeat(100), { params: { [constants.ZSTD_c_checksumFlag]: 1 } });
    bytes[bytes.length - 1] ^= 1;
    const damaged = await put(`${folder}/d.jsonl.zst`, new Uint8Array(bytes));
    const good = await put(`${folder}/g.jsonl.zst`, new Uint8Array(zstdCompressSync(LINES)));
    const module = (name: string) => JSON.stringify(new URL(`../../src/${name}/mod.ts`, import.meta.url).href);
    const corpus = `const { readCorpus } = await import(${module("activations")});`;
    const read = (path: string) => `await Array.fromAsync(readCorpus(${JSON.stringify(path)}))`;
    const script = `${corpus}
      import { experiment } from ${module("run")};
      await experiment({ name: "sample", question: "", description: "" }, async () => { ${read(damaged)}; });`;
    const args = ["--out", `${folder}/out`, "--quiet"];
    const { code, stderr } = await endOf(script, args, folder);
    assertEquals([code, stderr.includes("at ext:")], [1, false], stderr);
    assertMatch(stderr, /^sample: Expected ".*d\.jsonl\.zst" to be whole, as Zstandard/);
    const own = `${corpus}
      ${read(good)};
      const { createZstdDecompress } = await import("node:zlib");
      const own = createZstdDecompress();
      own.end(Deno.readFileSync(${JSON.stringify(damaged)}));
      own.resume();
      await new Promise((resolve) => setTimeout(resolve, 2000));`;
    const others = await endOf(own, [], folder);
    assertEquals(others.code, 1);
    assertStringIncludes(others.stderr, "Uncaught");
  });
});

/** Runs a script in a process of its own. */
async function endOf(script: string, args: readonly string[], folder: string) {
  const path = await put(`${folder}/script.ts`, script);
  return await deno("run", ["--allow-all", path, ...args]);
}

Deno.test("Parquet and Arrow under other names, and packed once more, within what may be unpacked", () =>
  inFolder(async (folder) => {
    for (const name of ["kinds.parquet", "kinds-lz4.feather", "kinds-stream.arrow"]) {
      const bytes = await Deno.readFile(`${KINDS}${name}`);
      const expected = await texts(`${KINDS}${name}`);
      assertEquals(await texts(await put(`${folder}/renamed.json`, bytes)), expected);
      const packed = await put(`${folder}/${name}.gz`, gzipSync(bytes));
      assertEquals(await texts(packed), expected);
      assertStringIncludes(await refusal(packed, { maxUnpacked: 1000 }), "to unpack to at most 1000 bytes");
      // Values that are packed in the file itself.
      const lz4 = { maxUnpacked: 20 };
      if (name.includes("lz4")) assertStringIncludes(await refusal(`${KINDS}${name}`, lz4), "at most 20 bytes");
    }
    const left = (await Array.fromAsync(Deno.readDir(folder))).length;
    assertEquals(left, 4, "what was unpacked is not left beside");
  }));

Deno.test("files that are no texts are called what they are", () =>
  inFolder(async (folder) => {
    const latin1 = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
    for (
      const [name, content, words] of [
        ["a.jsonl", "PK\x03\x04rest of it", "is a zip archive"],
        ["a.xlsx", "PK\x03\x04rest of it", "is a workbook of Excel"],
        ["a.json", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"],
        ["a.txt", "BZh91AY&SYrest", "bzip2"],
        ["a.parquet", "\x93NUMPY\x01\x00", "NumPy"],
        ["a.txt", "\xff\xfe\x00\x00T\x00\x00\x00", "UTF-32"],
        ["a.txt", "\xff\xfeT\x00\x00", "Expected UTF-16 text"],
      ]
    ) {
      assertStringIncludes(await refusal(await put(`${folder}/${name}`, latin1(content))), words);
    }
  }));

Deno.test("UTF-16 in either order, with its mark or without, in every format of text", () =>
  inFolder(async (folder) => {
    const utf16 = (text: string, isBig: boolean) => {
      const bytes = new Uint8Array(2 * text.length);
      const view = new DataView(bytes.buffer);
      for (let i = 0; i < text.length; i++) view.setUint16(2 * i, text.charCodeAt(i), !isBig);
      return bytes;
    };
    for (const isBig of [false, true]) {
      const csv = await put(`${folder}/a.csv`, utf16('\ufefftext;n\r\n"Zwölf 🙂";1\r\n', isBig));
      assertEquals(await texts(csv), ["Zwölf 🙂"]);
      const plain = await put(`${folder}/a.jsonl`, utf16(`{"text": "${"long ".repeat(30)}Zwölf"}\r\n`, isBig));
      assertEquals(await texts(plain), [`${"long ".repeat(30)}Zwölf`]);
    }
  }));

Deno.test("tables: quoted lines, delimiters of other countries, empty values, rows of other lengths, Latin-1", () =>
  inFolder(async (folder) => {
    const path = `${folder}/a.csv`;
    await put(path, 'id,text\r\n007,"a ""b"",\r\nc"\r\n8,\r\n9,5" nail\r\n');
    const rows = await Array.fromAsync(readCorpus(path));
    assertEquals(rows.map(({ id, text }) => [id, text]), [["007", 'a "b",\r\nc'], ["8", ""], ["9", '5" nail']]);
    assertEquals(await texts(path, { where: { id: "007" } }), ['a "b",\r\nc']);
    assertEquals(await texts(await put(path, "n;text\n1;a, b\n")), ["a, b"]);
    assertStringIncludes(await refusal(await put(path, "text,n\na,1\nb,2,3\n")), "near line 3");
    const latin1 = Uint8Array.from("text,n\nok,1\nZw\xf6lf,2\n", (letter) => letter.charCodeAt(0));
    assertStringIncludes(await refusal(await put(path, latin1)), `line 3 of "${path}" holds other bytes`);
    assertStringIncludes(await refusal(await put(path, "words,n\na,1\n")), "has the fields words, n");
  }));

Deno.test("lines end with \\n, \\r\\n, or \\r where there is no other, wherever chunks are cut", async () => {
  const bytesOf = (text: string) => new TextEncoder().encode(text);
  for (
    const [text, expected] of [
      ["a\rb\r\rc", ["a", "b", "", "c"]],
      ["a\r\nb\r\n", ["a", "b"]],
      ["a\rb\nc\n", ["a\rb", "c"]],
      ["a\r", ["a"]],
    ] as const
  ) {
    const whole = await Array.fromAsync(linesOf(new Blob([bytesOf(text)]).stream(), "text"), (line) => line.text);
    assertEquals(whole, [...expected]);
  }
  async function* oneByOne(text: string) {
    for (const byte of bytesOf(text)) yield Uint8Array.of(byte);
  }
  for (const text of ["a\rb\rc", "a\r\nb\r\nc", "a\nb\nc"]) {
    const lines = await Array.fromAsync(linesOf(oneByOne(text), "text"), (line) => line.text);
    assertEquals(lines, ["a", "b", "c"], JSON.stringify(text));
  }
  const long = linesOf(oneByOne("12345\n1234567"), "text", { most: 6 });
  assertEquals((await long.next()).value?.text, "12345");
  await assertRejects(() => long.next(), CorpusError, 'at most 6 bytes but line 2 of "text" has more');
});

Deno.test("JSON: whole numbers digit by digit, in lists too; NaN and Infinity, but not in texts", () =>
  inFolder(async (folder) => {
    const path = await put(
      `${folder}/a.jsonl`,
      '{"text": "NaN, \\"Infinity\\" 12345678901234567890", "id": -9007199254740993, "n": [18446744073709551615, 1],' +
        ' "x": NaN, "y": -Infinity, "z": 0.12345678901234567}\n{"text": NaN}\n',
    );
    const skipped: number[] = [];
    const [row, ...others] = await Array.fromAsync(
      readCorpus(path, { onSkipped: ({ skipped: count }) => skipped.push(count) }),
    );
    assertEquals([others.length, ...skipped], [0, 1]);
    assertEquals(row.id, "-9007199254740993");
    assertEquals(row.fields, {
      text: 'NaN, "Infinity" 12345678901234567890',
      id: -9007199254740993n,
      n: [18446744073709551615n, 1],
      x: NaN,
      y: -Infinity,
      z: 0.12345678901234567,
    });
  }));

Deno.test("ids of any type are texts with all they have", async () => {
  const ids: [unknown, string][] = [
    [9007199254740993n, "9007199254740993"],
    ["1.50", "1.50"],
    [1.5, "1.5"],
    [true, "true"],
    [new Date("2026-01-02"), "2026-01-02"],
    [new Date("2026-01-02T03:04:05Z"), "2026-01-02T03:04:05.000Z"],
    [new TextEncoder().encode("Zwölf"), "Zwölf"],
    [Uint8Array.of(0xff, 1), "ff01"],
    [Uint8Array.of(1, 2), "0102"],
    [[1n, { a: 2n }], '["1",{"a":"2"}]'],
    [null, "10"],
  ];
  const rows = await Array.fromAsync(readCorpus(ids.map(([id]) => ({ id, text: "a" }))));
  assertEquals(rows.map(({ id }) => id), ids.map(([, text]) => text));
});

Deno.test("which field: the documented order, names given, fields of fields; chats give what the user says first", async () => {
  const parts = [{ type: "image_url" }, { type: "text", text: "c" }];
  const cases: [Record<string, unknown>, CorpusOptions["field"], string][] = [
    [{ messages: [{ role: "user", content: "b" }], prompt: "a" }, undefined, "a"],
    [{ instruction: "b", content: "a" }, undefined, "a"],
    [{ conversations: [{ from: "system", value: "s" }, { from: "human", value: "b" }] }, undefined, "b"],
    [{ messages: [{ role: "user", content: parts }] }, undefined, "c"],
    [{ prompt: [{ role: "user", content: "b" }] }, undefined, "b"],
    [{ document: { url: "u", text: "d" } }, undefined, "d"],
    [{ text: "a", meta: { title: "t" } }, "meta.title", "t"],
    [{ "meta.title": "t" }, "meta.title", "t"],
    [{ text: "a", body: "b" }, ["summary", "body"], "b"],
    [{ text: new TextEncoder().encode("Zwölf") }, undefined, "Zwölf"],
  ];
  for (const [row, field, expected] of cases) {
    const [{ text }] = await Array.fromAsync(readCorpus([row], field === undefined ? {} : { field }));
    assertEquals(text, expected, JSON.stringify(row));
  }
});

Deno.test("rows without a text are skipped and counted, empty texts only counted; a corpus of none is refused", async () => {
  const rows = [{ n: 1 }, { text: null }, { text: "" }, { text: "a" }, {
    messages: [{ role: "system", content: "s" }],
  }];
  const told: unknown[] = [];
  const read = await Array.fromAsync(readCorpus(rows, { onSkipped: (skipped) => told.push(skipped) }));
  assertEquals(read.map(({ id, text }) => [id, text]), [["2", ""], ["3", "a"]]);
  assertEquals(told, [{ skipped: 3, empty: 1, rows: 5, first: "item 0 of the corpus" }]);
  await Array.fromAsync(readCorpus(["a"], { onSkipped: () => assert(false, "nothing is skipped") }));
  await assertRejects(
    () => Array.fromAsync(readCorpus([{ text: null }, { n: 2 }])),
    CorpusError,
    "none of the 2 rows read of the corpus has one: item 0 of the corpus holds null in field",
  );
  // Somebody who names a field that is nowhere does not wait for the end of a large file.
  function* endless() {
    for (;;) yield { n: 1 };
  }
  await assertRejects(() => Array.fromAsync(readCorpus(endless())), CorpusError, "none of the 10000 rows");
});

Deno.test("tables that are one JSON object are told from rows", async () => {
  for (
    const [row, words] of [
      [{ text: { 0: "a", 1: "b" }, n: { 0: 1, 1: 2 } }, "these are columns, as pandas writes"],
      [{ columns: ["text"], index: [0], data: [["a"]] }, 'orient="split"'],
      [{ 0: { text: "a" }, 1: { text: "b" } }, "if each of these is a row"],
      [{ schema: {}, rows: [{ text: "a" }] }, 'the list in field "rows"'],
      [{ text: ["a", "b"], n: [1, 2] }, "these are columns"],
    ] as const
  ) {
    await assertRejects(() => Array.fromAsync(readCorpus([row])), CorpusError, words);
  }
});

Deno.test("folders: shards by name, others beside them left out; mixed, nested and split ones are refused by name", () =>
  inFolder(async (folder) => {
    const shards = `${folder}/shards`;
    for (const [name, text] of [["b.jsonl", "2"], ["a.jsonl.gz", "1"], ["c.ndjson", "3"]]) {
      const line = JSON.stringify({ text });
      await put(`${shards}/${name}`, name.endsWith(".gz") ? gzipSync(line) : line);
    }
    for (const beside of [".hidden.jsonl", "_SUCCESS", "index.json", "dataset_info.json", "README.md"]) {
      await put(`${shards}/${beside}`, '{"text": "not this"}');
    }
    const rows = await Array.fromAsync(readCorpus(shards));
    assertEquals(rows.map(({ id, text }) => [id, text]), [["a.jsonl.gz:1", "1"], ["b.jsonl:1", "2"], [
      "c.ndjson:1",
      "3",
    ]]);
    await put(`${shards}/notes.txt`, "not this");
    assertStringIncludes(await refusal(shards), "files of one kind");
    assertEquals(await texts(`${shards}/*.jsonl*`), ["1", "2"]);
    assertEquals(await texts(`${shards}/[b-c].*json*`), ["2", "3"]);
    await put(`${shards}/more/a.jsonl.gz`, gzipSync('{"text": "4"}'));
    assertStringIncludes(await refusal(shards), "has the folders more");
    const all = await Array.fromAsync(readCorpus(`${shards}/**/*.jsonl.gz`));
    assertEquals(all.map(({ id }) => id), ["a.jsonl.gz:1", "more/a.jsonl.gz:1"]);
    assertStringIncludes(await refusal(`${shards}/*.parquet`), "there are none");

    await put(`${folder}/dict/dataset_dict.json`, '{"splits": ["test", "train"]}');
    for (const split of ["test", "train"]) await put(`${folder}/dict/${split}/state.json`, "{}");
    assertStringIncludes(await refusal(`${folder}/dict`), "has test, train: name one of them");
    assertStringIncludes(await refusal(`${folder}/dict/test`), "to name files of");
    await put(`${folder}/dict/test/state.json`, '{"_data_files": [{"filename": "data-0.arrow"}]}');
    assertStringIncludes(await refusal(`${folder}/dict/test`), "the file data-0.arrow");
    await put(`${folder}/dict/test/state.json`, '{"_data_files": [{"filename": "../../other.arrow"}]}');
    assertStringIncludes(await refusal(`${folder}/dict/test`), "to name files of");
  }));

for (const name of ["kinds.parquet", "kinds-lz4.feather", "kinds-zstd.feather", "kinds-stream.arrow"]) {
  Deno.test(`${name}: a changed or cut file is read, or refused with a sentence`, () =>
    inFolder(async (folder) => {
      const whole = await Deno.readFile(`${KINDS}${name}`);
      let refused = 0;
      for (const bytes of mutations(whole, 150)) {
        const path = await put(`${folder}/${name}`, bytes);
        try {
          await texts(path, { maxUnpacked: 1e8 });
        } catch (error) {
          assert(error instanceof CorpusError, `${(error as Error).stack}`);
          refused++;
        }
      }
      assert(refused > 20, `${refused} were refused`);
    }));
}
