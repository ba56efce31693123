/**
 * Charts in a few typed words: rows, the channels that show their fields, and marks. Each channel is said once, as in
 * Observable Plot; scales, legends and panels follow, and fields are checked against the rows' type. The result is
 * Vega-Lite's description with its data inlined, which `saveChart` draws and saves.
 *
 * - `chart(rows, { panels, x, y, color, marks })` makes one; `beside` and `below` put several together.
 * - Channels: `quantity`, `share`, `category`, `percentileAxis`, `layerAxis`; for colours `series`, `ordered`,
 *   `gradient`.
 * - Panels: `by`, `byLayer`, `byPercentile`, `grid`.
 * - Marks of rows: `dots`, `seeds`, `strokes`, `line`, `text`, `segments`, `links`, `rectangles`, `interval`.
 * - Marks of many rows of one place: `means`, `ticks`, `bars`, `stacks`, `band`, `boxes`.
 * - References: `rule` at a value, `rules` at rows' values, `level` along x. `on` gives marks rows of their own, `only`
 *   some of the chart's.
 * - Ready made: `growthChart`, `sizeChart`, `coherenceChart` and `voronoiChart` of partitions.
 *
 * @module
 */
export type { BelowSpec, BesideSpec, FacetSpec, LayerSpec, MarkDef, UnitSpec } from "./spec.ts";
export * from "./channels.ts";
export { below, beside, chart, type ComposableChart, isBlank } from "./chart.ts";
export type { ChartDescription } from "./description.ts";
export { type VoronoiCell, voronoiChart } from "./globe.ts";
export type { Mark, MarkChannels, Marks, OwnRows, Rule } from "./mark.ts";
export { by, byLayer, byPercentile, grid, type PanelGrid, type PanelOptions, type Panels } from "./panels.ts";
export { coherenceChart, growthChart, type GrowthPoint, type RegionPoint, sizeChart } from "./partition.ts";
export * from "./place_marks.ts";
export * from "./references.ts";
export * from "./row_marks.ts";
export * from "./text_marks.ts";
export * from "./which_rows.ts";
