/** Results that others can open: Arrow tables, charts, reports, run manifests. */
export { type Chart, type ChartOptions, type ChartSpec, renderChart, saveChart } from "./chart.ts";
export { type Block, renderReport, type Report, type ReportTable, type Section, writeReport } from "./html.ts";
export type { Cell, ContextCell } from "./html_table.ts";
export { type Finding, type RunFile, RunManifest, type RunRecord, type RunStart, VERSION } from "./manifest.ts";
export { type ColumnType, saveTable, type SaveTableOptions, type TableColumn } from "./table.ts";
export { formatNumber, formatShare, visibleText } from "./text.ts";
export { PALETTE, THEME } from "./theme.ts";
export {
  columnName,
  each,
  type Field,
  type FieldOptions,
  type Fields,
  type FieldType,
  LAYER,
  number,
  oneOf,
  PERCENTILE,
  recordTable,
  type ResultTable,
  resultTable,
  row,
  type RowOf,
  rowTable,
  THRESHOLD,
  truth,
  whole,
  words,
} from "./row.ts";
export {
  distinct,
  type Figure,
  figure,
  meanOf,
  type NumericKey,
  rangeOf,
  rangeText,
  Rows,
  Setting,
  signed,
  Sweep,
} from "./sweep.ts";
