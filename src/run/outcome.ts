/** What an experiment found, from which everything that it leaves is written: tables, charts, page, printed summary, findings. */
import type { ChartSpec } from "../report/chart.ts";
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

/** A heading with what stands under it; `undefined` and `false` are left out, so that a part can depend on something. */
export interface OutcomeSection {
  readonly heading: string;
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

/** Paragraphs of a section; `undefined` for none. */
export function text(text: string | undefined): OutcomeBlock | undefined {
  return text ? { kind: "text", text } : undefined;
}

/** A chart of a section, saved as `<name>.vl.json`, `.svg` and `.png`. */
export function chart(name: string, spec: ChartSpec, caption: string): OutcomeBlock {
  return { kind: "chart", name, spec, caption };
}

/** A table of a section. `options.printed`: print it too, under a line if that is a text. */
export function table(
  table: ReportTable,
  caption?: string,
  options: { readonly printed?: boolean | string } = {},
): OutcomeBlock {
  return { kind: "table", table, caption, ...options };
}

/**
 * Writes tables, charts, page and findings, and says on stdout what came out and where it is.
 *
 * @param question The experiment's.
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
      return { text: block.text };
    case "chart":
      return await save.chart(block.name, block.spec, block.caption);
    case "table":
      return { table: block.table, caption: block.caption };
    default:
      return block satisfies never;
  }
}
