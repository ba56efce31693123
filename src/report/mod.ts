/**
 * Results that others can open: Arrow tables, charts, one-file HTML reports, records of runs.
 *
 * - *Rows*: {@linkcode row} declares the columns of a result once, from which their TypeScript type ({@linkcode RowOf}), the
 *   Arrow file ({@linkcode saveTable}: types, descriptions, units, what is missing) and tables of a report
 *   ({@linkcode rowTable}) follow.
 * - *Settings*: {@linkcode Sweep} gathers rows by layer and percentile, or other properties: means over seeds, the setting in
 *   the middle, in how many of them something holds.
 * - *Charts*: {@linkcode chart} makes Vega-Lite of rows, channels and marks, {@linkcode saveChart} writes it, with its SVG
 *   and PNG.
 * - *Reports*: a question, an answer and sections of blocks (texts, charts, tables), {@linkcode writeReport}; what a run says
 *   of itself, {@linkcode RunManifest}.
 *
 * @example
 * ```ts
 * import { renderReport } from "./mod.ts";
 *
 * const html = renderReport({
 *   title: "Regions",
 *   question: "How many regions are there?",
 *   answer: "There are two.",
 *   sections: [{
 *     heading: "Regions",
 *     blocks: [{ kind: "table", table: { columns: ["region", "members"], rows: [[0, 3], [1, 2]] } }],
 *   }],
 * });
 * if (!html.includes("There are two.")) throw new Error(html);
 * ```
 *
 * @module
 */
export { type Alluvial, type AlluvialBlock, type AlluvialRibbon, layAlluvial } from "./alluvial.ts";
export * from "./charts/mod.ts";
export { type Chart, type ChartOptions, type ChartSpec, renderChart, saveChart } from "./chart.ts";
export { type Block, renderReport, type Report, type ReportTable, type Section, writeReport } from "./html.ts";
export type { Cell, ContextCell } from "./html_table.ts";
export {
  type CalibrationRecord,
  type Finding,
  type RunFile,
  RunManifest,
  type RunRecord,
  type RunStart,
  type StreamRecord,
  VERSION,
} from "./manifest.ts";
export * from "./settings.ts";
export { saveTable, type SaveTableOptions } from "./table.ts";
export { endedBecause, streamText } from "./stream_text.ts";
export { formatNumber, formatShare, visibleText } from "./text.ts";
export {
  columnName,
  each,
  type Field,
  type FieldOptions,
  type Fields,
  type FieldType,
  type FieldValue,
  intervalOf,
  LAYER,
  number,
  oneOf,
  orNull,
  PERCENTILE,
  type Prefixed,
  prefixed,
  type ResultTable,
  resultTable,
  row,
  type RowOf,
  THRESHOLD,
  truth,
  whole,
  withInterval,
  words,
} from "./row.ts";
export { headed, recordTable, rowTable } from "./row_table.ts";
export { counted, figure, meansText, percent, rangeText, signed, tallyText } from "./figure_text.ts";
export { difference, distinct, exceeds, meanOf, rangeOf, spreadOf } from "./figures.ts";
export { type Figure, middleOf, type NumericKey, Rows, Setting, settingsOf, Sweep } from "./sweep.ts";
export { contextText, tokenText } from "./token_text.ts";
export { type ChartTheme, COLOR, DASH, PALETTE, THEME } from "./theme.ts";
