/** Results that others can open: Arrow tables, charts, reports, run manifests. */
export * from "./charts/mod.ts";
export { type Chart, type ChartOptions, type ChartSpec, renderChart, saveChart } from "./chart.ts";
export { type Block, renderReport, type Report, type ReportTable, type Section, writeReport } from "./html.ts";
export type { Cell, ContextCell } from "./html_table.ts";
export { type Finding, type RunFile, RunManifest, type RunRecord, type RunStart, VERSION } from "./manifest.ts";
export { type ColumnType, saveTable, type SaveTableOptions, type TableColumn } from "./table.ts";
export { formatNumber, formatShare, visibleText } from "./text.ts";
export { COLOR, DASH, PALETTE, THEME } from "./theme.ts";
