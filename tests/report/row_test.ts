import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { readParquet } from "../../src/activations/parquet.ts";
import { readArrow } from "../../src/files/mod.ts";
import {
  columnName,
  each,
  intervalOf,
  LAYER,
  number,
  oneOf,
  prefixed,
  resultTable,
  row,
  type RowOf,
  rowTable,
  saveTable,
  truth,
  whole,
  withInterval,
  words,
} from "../../src/report/mod.ts";
import { inFolder } from "../lib/folder.ts";

const MEASURED = row({
  layer: LAYER,
  kind: oneOf(["regions", "coreset"], "what distances are taken to"),
  aurocPrompt: number("AUROC of a prompt's mean distance", { missing: "held-out text itself", heading: "AUROC" }),
  saturatedAt: whole("activations until saturation", { unit: "activations", missing: "never saturated" }),
  example: words("an answer", { missing: "none was asked for" }),
  holds: truth("whether the null holds", { missing: "there is no null" }),
  ...each(["q1", "q2"], (_, i) => number(`mean of fifth ${i + 1}`)),
});
type Measured = RowOf<typeof MEASURED>;

const ROWS: readonly Measured[] = [
  { layer: 3, kind: "regions", aurocPrompt: 0.5, saturatedAt: 0, example: "", holds: false, q1: 1, q2: 2 },
  { layer: 4, kind: "coreset", aurocPrompt: null, saturatedAt: null, example: null, holds: null, q1: 3, q2: 4 },
];

Deno.test("a column is named in snake case, whether its property is in camel case or in words", () => {
  const names = ["layer", "aurocPrompt", "coherent refusal", "nearest_p90"];
  assertEquals(names.map(columnName), ["layer", "auroc_prompt", "coherent_refusal", "nearest_p90"]);
});

Deno.test("a row is declared once: columns, types, descriptions and what is missing are in the file", () =>
  inFolder(async (folder) => {
    const table = await readArrow(await saveTable(folder, "t", resultTable(MEASURED, ROWS)));
    const fields = Object.fromEntries(table.schema.fields.map((field) => [field.name, field]));
    assertEquals(Object.keys(fields), [
      ...["layer", "kind", "auroc_prompt", "saturated_at", "example", "holds", "q1", "q2"],
    ]);
    assertEquals([String(fields.layer.type), fields.layer.nullable], ["Int32", false]);
    assertEquals([String(fields.saturated_at.type), fields.saturated_at.nullable], ["Int32", true]);
    assertEquals(Object.fromEntries(fields.saturated_at.metadata), {
      description: "activations until saturation",
      unit: "activations",
      missing: "never saturated",
    });
    const values = (name: string) => [...table.getChild(name)!];
    assertEquals(values("auroc_prompt"), [0.5, null]);
    assertEquals(values("saturated_at"), [0, null]);
    assertEquals(values("example"), ["", null]);
    assertEquals(values("holds"), [false, null]);
    assertEquals(values("q2"), [2, 4]);
  }));

Deno.test("whole numbers beyond 32 bits are stored as they are, also in Parquet", () =>
  inFolder(async (folder) => {
    const COUNTS = row({ activations: whole("read"), founder: whole("index", { missing: "no region" }) });
    const rows = [{ activations: 2 ** 33 + 1, founder: null }, { activations: -1, founder: 2 ** 31 }];
    const table = await readArrow(await saveTable(folder, "t", resultTable(COUNTS, rows), { parquet: true }));
    const values = [[2n ** 33n + 1n, -1n], [null, 2n ** 31n]];
    assertEquals(["activations", "founder"].map((name) => [...table.getChild(name)!]), values);
    const read = await Array.fromAsync(readParquet(`${folder}/t.parquet`));
    assertEquals(
      read.map(({ activations, founder }) => [activations, founder].map((n) => n === null ? n : Number(n))),
      [
        [2 ** 33 + 1, null],
        [-1, 2 ** 31],
      ],
    );
  }));

Deno.test("a value that its declaration does not allow is refused with row and column", () =>
  inFolder(async (folder) => {
    const refused = async (change: object, ...parts: string[]) => {
      const rows = [ROWS[0], { ...ROWS[0], ...change } as Measured];
      const { message } = await assertRejects(() => saveTable(folder, "t", resultTable(MEASURED, rows)), TypeError);
      for (const part of ["row 1", ...parts]) assertStringIncludes(message, part);
    };
    await refused({ layer: null }, "column layer", "integer", "null");
    await refused({ layer: 2.5 }, "column layer", "2.5");
    await refused({ layer: 2 ** 53 }, "column layer");
    await refused({ aurocPrompt: "0.5" }, "column auroc_prompt", "float64 or null");
    await refused({ kind: "region" }, "column kind", '"region"');
    await refused({ example: undefined }, "column example", "undefined");
  }));

Deno.test("a table of a report takes headings and cells from the declaration", () => {
  const table = rowTable(MEASURED, ROWS, ["layer", "aurocPrompt", "saturatedAt"]);
  assertEquals(table, { columns: ["layer", "AUROC", "saturated at"], rows: [[3, 0.5, 0], [4, null, null]] });
  assertEquals(rowTable(MEASURED, []).columns.length, 8);
  // @ts-expect-error A column that is not declared.
  assert(() => rowTable(MEASURED, ROWS, ["median"]));
  // @ts-expect-error A missing value where none may miss.
  const wrong: Measured = { ...ROWS[0], layer: null };
  assert(wrong);
});

Deno.test("a number that nobody foresaw to be missing is missing in the file, and the run's results are written", () =>
  inFolder(async (folder) => {
    const rows = [ROWS[0], { ...ROWS[0], q1: 0 / Number(folder === ""), aurocPrompt: NaN }];
    const table = await readArrow(await saveTable(folder, "t", resultTable(MEASURED, rows)));
    assertEquals([[...table.getChild("q1")!], [...table.getChild("auroc_prompt")!]], [[1, null], [0.5, null]]);
  }));

Deno.test("an empty table keeps its columns", () =>
  inFolder(async (folder) => {
    const table = await readArrow(await saveTable(folder, "t", resultTable(MEASURED, [])));
    assertEquals([table.numRows, table.schema.fields.length], [0, 8]);
  }));

Deno.test("a figure with its interval is three columns", () => {
  const fields = row({ ...withInterval("auroc", "mean AUROC", "95 % of resampled concepts") });
  const rows: RowOf<typeof fields>[] = [intervalOf("auroc", { mean: 0.7, low: 0.6, high: 0.8 })];
  assertEquals(Object.keys(fields).map(columnName), ["auroc", "auroc_low", "auroc_high"]);
  assertEquals(rowTable(fields, rows).rows, [[0.7, 0.6, 0.8]]);
  assertEquals(fields.aurocHigh.description, "upper end of its interval, 95 % of resampled concepts");
});

Deno.test("columns and values under a word have its name before theirs", () => {
  const fields = prefixed("base", { cosine: number("cosine"), finalTokens: whole("tokens") });
  const values = prefixed("base", { cosine: 0.5, finalTokens: 3 });
  assertEquals(values, { baseCosine: 0.5, baseFinalTokens: 3 });
  assertEquals(rowTable(fields, [values]).columns, ["base cosine", "base final tokens"]);
});
