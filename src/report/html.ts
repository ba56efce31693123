/**
 * A run's report as one HTML file that needs nothing else: no scripts, no network, pictures inside. It opens with a
 * double click, prints, and can be sent around.
 */
import { join } from "node:path";
import { writeTextAtomic } from "../files/atomic.ts";
import { visibleLines } from "../files/visible_text.ts";
import type { Chart } from "./chart.ts";
import { type Cell, tableHtml } from "./html_table.ts";
import { REPORT_STYLE } from "./html_style.ts";
import type { CalibrationRecord, Finding, RunRecord } from "./manifest.ts";
import { endedBecause } from "./stream_text.ts";
import { prefixIds } from "./svg.ts";
import { escapeHtml, formatNumber } from "./text.ts";

/** A part of a section. */
export type Block =
  /** Paragraphs of plain text, an empty line between them. */
  | { readonly kind: "text"; readonly text: string }
  /** A picture with its caption. */
  | { readonly kind: "chart"; readonly chart: Pick<Chart, "svg">; readonly caption: string }
  /** A table; see {@link Cell} for what a cell may hold. */
  | { readonly kind: "table"; readonly table: ReportTable; readonly caption?: string };

/** A table of a report. */
export interface ReportTable {
  /** Headings, from left to right. */
  readonly columns: readonly string[];
  /** Rows of as many cells. */
  readonly rows: readonly (readonly Cell[])[];
}

/** A heading and what stands under it. */
export interface Section {
  /** Its heading. */
  readonly heading: string;
  /** What stands under it, in this order. */
  readonly blocks: readonly Block[];
}

/** A report. Every text in it is shown as it is: markup in it is not markup. */
export interface Report {
  /** Title of the page. */
  readonly title: string;
  /** What was asked. */
  readonly question: string;
  /** The answer, its first sentence first. */
  readonly answer: string;
  /** What backs the answer, in this order. */
  readonly sections: readonly Section[];
  /** The run's record; its findings, settings and device close the report. */
  readonly run?: RunRecord;
}

/**
 * Writes `<folder>/report.html`.
 *
 * @param folder Where to; made if it is not there.
 * @param report What is written.
 * @returns The file's path.
 * @throws {Error} If a table's row has not as many cells as there are columns, or the file cannot be written.
 *
 * @example
 * ```ts
 * const folder = await Deno.makeTempDir();
 * const path = await writeReport(folder, { title: "Sizes", question: "How many?", answer: "Two.", sections: [] });
 * if (!path.endsWith("report.html")) throw new Error(path);
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function writeReport(folder: string, report: Report): Promise<string> {
  const path = join(folder, "report.html");
  await writeTextAtomic(path, renderReport(report));
  return path;
}

/**
 * A report as HTML.
 *
 * @returns A whole page: no scripts, no network, pictures inside.
 * @throws {Error} If a table's row has not as many cells as there are columns.
 *
 * @example Markup in texts is shown, not obeyed
 * ```ts
 * const html = renderReport({ title: "Is <b> a token?", question: "Is it?", answer: "It is.", sections: [] });
 * if (!html.includes("<h1>Is &lt;b&gt; a token?</h1>")) throw new Error(html);
 * ```
 */
export function renderReport(report: Report): string {
  const { title, question, answer, sections, run } = report;
  const numbering = { figures: 0, tables: 0 };
  const body = sections.map(({ heading, blocks }) =>
    `<section>\n<h2>${plain(heading)}</h2>\n${
      blocks.map((block) => blockHtml(block, numbering)).join("\n")
    }\n</section>`
  );
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${plain(title)}</title>
<style>${REPORT_STYLE}</style>
</head>
<body>
<main>
<header>
<h1>${plain(title)}</h1>
<p class="question">${plain(question)}</p>
<p class="answer">${plain(answer)}</p>
</header>
${[...body, ...(run ? runSections(run) : [])].join("\n")}
</main>
</body>
</html>
`;
}

function blockHtml(block: Block, numbering: { figures: number; tables: number }): string {
  switch (block.kind) {
    case "text":
      return paragraphs(block.text);
    case "chart": {
      const number = ++numbering.figures;
      const svg = prefixIds(block.chart.svg, `figure${number}-`).replace("<svg ", '<svg role="img" ');
      const caption = `<figcaption><b>Figure ${number}.</b> ${plain(block.caption)}</figcaption>`;
      return `<figure aria-label="${plain(block.caption)}">${svg}${caption}</figure>`;
    }
    case "table": {
      const caption = block.caption && `<b>Table ${++numbering.tables}.</b> ${plain(block.caption)}`;
      return tableHtml(block.table.columns, block.table.rows, caption);
    }
    default:
      return block satisfies never;
  }
}

/** Plain text as HTML, with line ends and tabs as they are and other control characters made visible. */
function plain(text: string): string {
  return escapeHtml(text.split("\t").map(visibleLines).join("\t"));
}

function paragraphs(text: string): string {
  return text.trim().split(/\n\s*\n/).map((paragraph) => `<p>${plain(paragraph)}</p>`).join("\n");
}

function runSections(run: RunRecord): string[] {
  const list = (heading: string, rows: [string, Cell][]) =>
    rows.length ? `<h3>${heading}</h3>\n${tableHtml(["", ""], rows)}` : "";
  const small = (heading: string, text: string) =>
    text ? `<h3>${heading}</h3>\n<p class="small">${plain(text)}</p>` : "";
  const findings = flatten(run.findings);
  const settings: [string, Cell][] = [
    ["device", run.device || "–"],
    ["search", run.search ? `${run.search.way}: ${run.search.because}` : "–"],
    ["system", run.system],
    ["started", run.started],
    ...run.hub.map(({ repo, revision, commit }): [string, string] => [`${repo} at ${revision}`, `commit ${commit}`]),
    ...flatten(run.flags),
  ];
  const versions = Object.entries(run.versions).map(([name, version]) => `${name} ${version}`).join(", ");
  const calibrations = run.calibrations.map(({ stream, levels, ...seen }): Cell[] => [
    ...[stream, seen.layer, seen.asked, seen.activations, levels ? levels.map(levelText).join(", ") : null],
    ...[seen.pairs?.within ?? null, seen.medianNorm ?? null, seen.largestNorm ?? null],
    ...[seen.massive ?? null, seen.masked ?? null, seen.identicalPairs ?? null],
  ]);
  const streams = run.streams.map((record): Cell[] => [
    ...[record.stream, record.texts, record.of, record.tokens, record.activations, endedBecause(record)],
    ...[record.dictionaries, record.saturated, record.foundedUntil, record.beyond],
  ]);
  const read = ["stream", "texts read", "of", "tokens", "activations", "no more, because"];
  const grown = [...read, "dictionaries", "saturated", "first founded until", "most beyond θ after"];
  const seen = ["stream", "layer", "activations asked for", "seen", "θ ± its spread by p", "pairs within"];
  const columns = [...seen, "median norm", "largest norm", "beyond 10 medians", "left out by norm", "identical pairs"];
  return [
    `<section>\n<h2>Findings</h2>\n${tableHtml(["finding", "value"], findings)}\n</section>`,
    `<section class="run">\n<h2>The run</h2>
${calibrations.length > 0 ? `<h3>Calibrations</h3>\n${tableHtml(columns, calibrations)}` : ""}
${streams.length > 0 ? `<h3>Streams that dictionaries grew on</h3>\n${tableHtml(grown, streams)}` : ""}
${list("Settings", settings)}
${list("Seconds", Object.entries(run.timings))}
${small("Files", run.outputs.join(", "))}
${small("Versions", versions)}\n</section>`,
  ];
}

/** θ of a percentile, with its standard deviation over batches or blocks: `p 4: 0.21 ± 0.01`. */
function levelText({ percentile, threshold, spread }: NonNullable<CalibrationRecord["levels"]>[number]): string {
  const theta = `p ${formatNumber(percentile)}: ${formatNumber(threshold)}`;
  return spread === undefined ? theta : `${theta} ± ${formatNumber(spread)}`;
}

/** Nested findings as rows of path and value; short lists stay in one cell. */
function flatten(value: Finding, path = ""): [string, Cell][] {
  if (Array.isArray(value) && value.every((item) => typeof item !== "object" || item === null)) {
    return [[path, value.length ? value.map(scalarText).join(", ") : "none"]];
  }
  if (typeof value !== "object" || value === null) {
    return [[path, typeof value === "number" ? value : scalarText(value)]];
  }
  return Object.entries(value).flatMap(([key, child]) => flatten(child, path ? `${path} · ${key}` : key));
}

function scalarText(value: Finding): string {
  if (value === null) return "–";
  return typeof value === "number" ? formatNumber(value) : String(value);
}
