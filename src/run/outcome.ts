/**
 * What an experiment found, from which everything that it leaves is written: tables, charts, page, printed summary,
 * findings.
 */
import { assertOptions } from "../compute/known_options.ts";
import type { ChartSpec } from "../report/chart.ts";
import { isBlank } from "../report/charts/chart.ts";
import type { Block, ReportTable, Section } from "../report/html.ts";
import type { Finding, RunManifest } from "../report/manifest.ts";
import type { ResultTable } from "../report/row.ts";
import type { Results } from "./folder/results.ts";
import { formatTable } from "./terminal/print.ts";

/** What an experiment found. */
export interface Outcome {
  /** Title of the page. */
  readonly title: string;
  /** The answer to the experiment's question, its first sentence first. */
  readonly answer: string;
  /** What a program may compare, under fixed names; a plain figure is of the setting that is shown. */
  readonly findings: Readonly<Record<string, Finding>>;
  /** The tables that are saved, by name. */
  readonly tables: Readonly<Record<string, ResultTable>>;
  /** The page below the answer. */
  readonly sections: readonly OutcomeSection[];
}

/**
 * A heading with what stands under it; `undefined` and `false` are left out, so that a part can depend on something.
 */
export interface OutcomeSection {
  /** Its heading. */
  readonly heading: string;
  /** What stands under it, in this order. */
  readonly blocks: readonly (OutcomeBlock | undefined | false)[];
}

/** A part of a section: paragraphs, a chart that is drawn and saved under its name, or a table. */
export type OutcomeBlock =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "chart"; readonly name: string; readonly spec: ChartSpec; readonly caption: string }
  | {
    readonly kind: "table";
    readonly table: ReportTable;
    readonly caption?: string;
    /** Whether it is printed, too, and under which line. */
    readonly printed?: boolean | string;
  };

/**
 * Paragraphs of a section, an empty line between them; `undefined` for none.
 *
 * @example
 * ```ts
 * const blocks = [textBlock("Regions differ in size."), textBlock("")];
 * if (blocks[0]?.kind !== "text" || blocks[1] !== undefined) throw new Error("no empty paragraphs");
 * ```
 */
export function textBlock(text: string | undefined): OutcomeBlock | undefined {
  return text ? { kind: "text", text } : undefined;
}

/**
 * A chart of a section, saved as `<name>.vl.json`, `.svg` and `.png`.
 *
 * @param name File name without ending.
 * @param spec The chart, as `chart` of the report describes it.
 * @param caption What stands below it.
 *
 * @example
 * ```ts
 * import { chart, dots, quantity } from "../report/mod.ts";
 *
 * const spec = chart([{ members: 3 }, { members: 12 }], { x: quantity("members", "members"), marks: [dots()] });
 * const block = chartBlock("sizes", spec, "Members of each region.");
 * if (block.kind !== "chart") throw new Error(block.kind);
 * ```
 */
export function chartBlock(name: string, spec: ChartSpec, caption: string): OutcomeBlock {
  return { kind: "chart", name, spec, caption };
}

/**
 * A table of a section.
 *
 * @param table Rows, as `rowTable` of the report gives them.
 * @param caption What stands above it; default nothing.
 * @param options `printed`: whether it is printed too, under a line if that is a text; default false.
 *
 * @example
 * ```ts
 * import { row, rowTable, whole } from "../report/mod.ts";
 *
 * const REGION = row({ region: whole("number of the region"), members: whole("activations in it") });
 * const block = tableBlock(rowTable(REGION, [{ region: 0, members: 3 }]), "The regions.", { printed: true });
 * if (block.kind !== "table" || !block.printed) throw new Error(block.kind);
 * ```
 */
export function tableBlock(
  table: ReportTable,
  caption?: string,
  options: { readonly printed?: boolean | string } = {},
): OutcomeBlock {
  assertOptions("tableBlock", options, { printed: ["boolean", "string"] });
  return { kind: "table", table, caption, ...options };
}

/**
 * Writes tables, charts, page and findings, and says on stdout what came out and where it is.
 *
 * @param question The experiment's.
 * @param print Takes a text for stdout, without its line end.
 * @throws {Error} If a table or chart is wrong or a file cannot be written; see `saveTable`, `saveChart`,
 * `writeReport`.
 *
 * @example What a body returns is written so
 * ```ts
 * import { runExperiment } from "./mod.ts";
 * import { resultTable, row, rowTable, whole } from "../report/mod.ts";
 *
 * const out = await Deno.makeTempDir();
 * const said: string[] = [];
 * const SIZE = row({ region: whole("number of the region"), members: whole("activations in it") });
 * const rows = [{ region: 0, members: 3 }, { region: 1, members: 12 }];
 * await runExperiment({ name: "sizes", question: "How large are regions?", description: "" }, () =>
 *   Promise.resolve({
 *     title: "Sizes",
 *     answer: "The larger of two has 12 members.",
 *     findings: { largest: 12 },
 *     tables: { sizes: resultTable(SIZE, rows) },
 *     sections: [{ heading: "Regions", blocks: [tableBlock(rowTable(SIZE, rows), "Both.", { printed: true })] }],
 *   }), { args: ["--out", out], print: (text) => said.push(text), printError: console.error });
 *
 * if (!said[1].startsWith("The larger of two has 12 members.")) throw new Error(said[1]);
 * const files = ["sizes.arrow", "report.html", "run.json"];
 * for (const file of files) await Deno.stat(`${out}/${file}`);
 * await Deno.remove(out, { recursive: true });
 * ```
 */
export async function writeOutcome(
  { save, manifest }: { readonly save: Results; readonly manifest: RunManifest },
  question: string,
  { title, answer, findings, tables, sections }: Outcome,
  print: (text: string) => void,
): Promise<void> {
  for (const [name, table] of Object.entries(tables)) await save.table(name, table);
  Object.assign(manifest.findings, findings);
  const shown: Section[] = [];
  for (const { heading, blocks } of sections) {
    const written: Block[] = [];
    for (const block of blocks) if (block) written.push(await blockOf(save, block));
    if (written.length > 0) shown.push({ heading, blocks: written });
  }
  const path = await save.report({ title, question, answer, sections: shown });

  for (const block of sections.flatMap(({ blocks }) => blocks)) {
    if (!block || block.kind !== "table" || !block.printed) continue;
    if (typeof block.printed === "string") print(`${block.printed}\n`);
    print(`${formatTable(block.table)}\n`);
  }
  print(`${answer}\n\nReport: ${path}`);
}

async function blockOf(save: Results, block: OutcomeBlock): Promise<Block> {
  switch (block.kind) {
    case "text":
      return { kind: "text", text: block.text };
    case "chart":
      if (isBlank(block.spec)) return { kind: "text", text: `There is nothing to draw: ${block.caption}` };
      return { kind: "chart", ...await save.chart(block.name, block.spec, block.caption) };
    case "table":
      return { kind: "table", table: block.table, caption: block.caption };
    default:
      return block satisfies never;
  }
}
