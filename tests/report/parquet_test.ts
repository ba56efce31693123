/** Tables of results as Parquet: what two other implementations read is what was written. */
import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { createRequire } from "node:module";
import { readParquet } from "../../src/activations/parquet.ts";
import { number, resultTable, row, type RowOf, saveTable, truth, whole, words } from "../../src/report/mod.ts";
import { runExperiment } from "../../src/run/mod.ts";
import { inFolder } from "../lib/folder.ts";

const RESULT = row({
  layer: whole("layer that is read"),
  saturatedAt: whole("activations until saturation", { missing: "never saturated" }),
  theta: number("θ", { unit: "cosine distance" }),
  topToken: words("largest token", { missing: "the lens cannot read the hook" }),
  holds: truth("whether it holds", { missing: "there is no null" }),
  isChat: truth("whether texts are chats"),
});

const ROWS: readonly RowOf<typeof RESULT>[] = [
  { layer: 3, saturatedAt: 2 ** 31 - 1, theta: -0, topToken: " река 🙂\n", holds: null, isChat: true },
  { layer: -1, saturatedAt: null, theta: NaN, topToken: null, holds: false, isChat: false },
  { layer: 7, saturatedAt: 0, theta: 1 / 3, topToken: "", holds: true, isChat: false },
  { layer: 7, saturatedAt: 0, theta: 0, topToken: "NULL", holds: true, isChat: true },
];

/** NaN, which nobody foresaw, is missing in a file. */
const STORED = ROWS.map(({ layer, saturatedAt, theta, topToken, holds, isChat }) => ({
  ...{ layer, saturated_at: saturatedAt, theta: Number.isNaN(theta) ? null : theta, top_token: topToken, holds },
  is_chat: isChat,
}));

Deno.test("a table is to be had as Parquet, with the names, nulls and bits of its Arrow file", () =>
  inFolder(async (folder) => {
    await saveTable(folder, "results", resultTable(RESULT, ROWS), { parquet: true });
    const rows = await Array.fromAsync(readParquet(`${folder}/results.parquet`));
    assertEquals(rows, STORED);
    assert(Object.is(rows[0].theta, -0) && Object.is(rows[3].theta, 0), "zeros keep their signs");
  }));

Deno.test("a table of more rows than a row group is whole; one without rows has its columns", () =>
  inFolder(async (folder) => {
    const rows = Array.from({ length: 2500 }, (_, i) => ({ ...ROWS[i % 2], layer: i }));
    await saveTable(folder, "long", resultTable(RESULT, rows), { parquet: true });
    const read = await Array.fromAsync(readParquet(`${folder}/long.parquet`));
    assertEquals(read, rows.map(({ layer }, i) => ({ ...STORED[i % 2], layer })));
    await saveTable(folder, "empty", resultTable(RESULT, []), { parquet: true });
    assertEquals(await Array.fromAsync(readParquet(`${folder}/empty.parquet`)), []);
    const text = new TextDecoder("latin1").decode(await Deno.readFile(`${folder}/empty.parquet`));
    assert(text.includes("saturated_at") && text.includes("never saturated"), "names and descriptions of columns");
  }));

Deno.test("without being asked for there is no Parquet file; equal tables are equal files", () =>
  inFolder(async (folder) => {
    await saveTable(folder, "a", resultTable(RESULT, ROWS));
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["a.arrow"]);
    await saveTable(folder, "b", resultTable(RESULT, ROWS), { parquet: true });
    await saveTable(folder, "c", resultTable(RESULT, ROWS), { parquet: true });
    assertEquals(await Deno.readFile(`${folder}/b.parquet`), await Deno.readFile(`${folder}/c.parquet`));
  }));

Deno.test("--parquet writes every table of an experiment, and the record names the files", () =>
  inFolder(async (out) => {
    const run = (...flags: string[]) =>
      runExperiment({ name: "tables", question: "", description: "" }, async ({ save }) => {
        await save.table("first", resultTable(RESULT, ROWS));
        await save.table("second", resultTable(RESULT, []));
      }, { args: ["--out", out, "--quiet", ...flags], print: () => {}, printError: console.error });
    const files = () => [...Deno.readDirSync(out)].map(({ name }) => name).sort();
    assertEquals(await run("--parquet"), 0);
    assertEquals(files(), ["first.arrow", "first.parquet", "run.json", "second.arrow", "second.parquet"]);
    const { outputs, checksums } = JSON.parse(await Deno.readTextFile(`${out}/run.json`));
    assert(outputs.includes("second.parquet") && "first.parquet" in checksums, "run.json names them");
    assertEquals(await run(), 0);
    assertEquals(files(), ["first.arrow", "run.json", "second.arrow"], "a run without it leaves none of before");
  }));

/** polars' native part, which is another implementation of Parquet; skipped where there is none for this machine. */
const POLARS = "npm:nodejs-polars-linux-x64-gnu@0.26.1";

Deno.test({
  name: "polars reads our Parquet",
  ignore: Deno.build.target !== "x86_64-unknown-linux-gnu",
  fn: () =>
    inFolder(async (folder) => {
      await saveTable(folder, "results", resultTable(RESULT, ROWS), { parquet: true });
      // Deno fetches the package for an import, and loads native code by `require`.
      await import("npm:nodejs-polars-linux-x64-gnu@0.26.1/package.json", { with: { type: "json" } });
      const native = createRequire(import.meta.url)(new URL(import.meta.resolve(POLARS)).pathname);
      const bytes = Buffer.from(await Deno.readFile(`${folder}/results.parquet`));
      const frame = native.readParquet(bytes, {}, "auto");
      assertEquals(frame.columns, Object.keys(STORED[0]));
      assertEquals(frame.toObjects(), STORED);
    }),
});
