import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { readArrow } from "../../src/files/mod.ts";
import { chart, dots, LAYER, number, quantity, resultTable, row, rowTable } from "../../src/report/mod.ts";
import { chartBlock, type Outcome, runExperiment, tableBlock, textBlock } from "../../src/run/mod.ts";
import { inFolder } from "../lib/folder.ts";

const SIZE = row({ layer: LAYER, regions: number("regions", { missing: "none could be made" }) });
const ROWS = [{ layer: 3, regions: 20_295 }, { layer: 4, regions: null }];

const OUTCOME: Outcome = {
  title: "Sizes",
  answer: "Large ones.",
  findings: { regions: 20_295, none: null },
  tables: { sizes: resultTable(SIZE, ROWS) },
  sections: [
    {
      heading: "Sizes of dictionaries",
      blocks: [
        textBlock("A paragraph."),
        textBlock(undefined),
        tableBlock(rowTable(SIZE, ROWS), "All of them.", { printed: "Regions by layer" }),
        tableBlock({ columns: ["hidden"], rows: [["not printed"]] }),
        chartBlock(
          "bars",
          { data: { values: [{ a: 1, b: 2 }] }, mark: "point", encoding: { x: { field: "a" } } },
          "Points.",
        ),
      ],
    },
    { heading: "Nothing to say", blocks: [textBlock(""), false] },
  ],
};

Deno.test("the frame writes an outcome: tables, charts, page, printed summary, findings; the question stands once", () =>
  inFolder(async (folder) => {
    const printed: string[] = [];
    const about = { name: "sizes", question: "How large are they?", description: "Tells sizes." };
    const print = (line: string) => printed.push(line);
    const args = ["--out", folder, "--quiet"];
    assertEquals(await runExperiment(about, () => Promise.resolve(OUTCOME), { args, print, printError: print }), 0);

    const names = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
    const files = ["bars.png", "bars.svg", "bars.vl.json", "report.html", "run.json", "sizes.arrow"];
    assertEquals(names.sort(), files);
    assertEquals([...(await readArrow(`${folder}/sizes.arrow`)).getChild("regions")!], [20_295, null]);
    const { findings, outputs } = JSON.parse(await Deno.readTextFile(`${folder}/run.json`));
    assertEquals([findings, outputs], [OUTCOME.findings, files]);

    const page = await Deno.readTextFile(`${folder}/report.html`);
    const said = ["How large are they?", "Large ones.", "A paragraph.", "All of them.", "not printed", "Points."];
    for (const part of said) assertStringIncludes(page, part);
    assert(!page.includes("Nothing to say"), "a section of nothing has no heading");
    assertEquals(printed, [
      "Regions by layer\n",
      "layer  regions\n─────  ───────\n    3   20,295\n    4        –\n",
      `Large ones.\n\nReport: ${folder}/report.html`,
    ]);
  }));

Deno.test("a chart of nothing is a sentence, and no files", () =>
  inFolder(async (folder) => {
    const spec = chart([{ members: null }], { x: quantity("members", "members"), marks: [dots()] });
    const blocks = [chartBlock("members", spec, "Members of each region.")];
    const outcome = { ...OUTCOME, sections: [{ heading: "Regions", blocks }] };
    const err: string[] = [];
    const output = { print: () => {}, printError: (text: string) => err.push(text) };
    const about = { name: "sizes", question: "", description: "" };
    const args = ["--out", folder, "--quiet"];
    assertEquals(await runExperiment(about, () => Promise.resolve(outcome), { args, ...output }), 0);
    assertEquals(err, []);
    const { outputs } = JSON.parse(await Deno.readTextFile(`${folder}/run.json`));
    assertEquals(outputs.filter((file: string) => file.startsWith("members")), []);
    const html = await Deno.readTextFile(`${folder}/report.html`);
    assertStringIncludes(html, "There is nothing to draw: Members of each region.");
  }));
