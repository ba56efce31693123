/** Parts of Vega-Lite's description, by the names that its documentation has for them. */
import type { ChartSpec } from "../chart.ts";

/** Marks drawn over each other. */
export type LayerSpec = Extract<ChartSpec, { layer: unknown }>;
/** Panels of one chart. */
export type FacetSpec = Extract<ChartSpec, { facet: unknown; spec: unknown }>;
/** Charts beside each other. */
export type BesideSpec = Extract<ChartSpec, { hconcat: unknown }>;
/** Charts below each other. */
export type BelowSpec = Extract<ChartSpec, { vconcat: unknown }>;
/** One mark with its channels. */
export type UnitSpec = Extract<LayerSpec["layer"][number], { mark: unknown }>;
/** A mark's kind and looks. */
export type MarkDef = Exclude<UnitSpec["mark"], string>;
/** What a mark's channels show. */
export type Encoding = NonNullable<UnitSpec["encoding"]>;
/** What is done to the data before they are drawn. */
export type Transform = NonNullable<UnitSpec["transform"]>[number];
/** How rows are told apart as panels. */
export type FacetDef = Extract<FacetSpec["facet"], { field?: unknown }>;
