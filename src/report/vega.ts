/** Vega and Vega-Lite; named here and nowhere else, and loaded only when a chart is drawn. */
import type { TopLevelSpec } from "npm:vega-lite@6.5.0";

export type { Config, TopLevelSpec } from "npm:vega-lite@6.5.0";
export type { LoggerInterface } from "npm:vega@6.4.0";

/** Marks drawn over each other. */
export type LayerSpec = Extract<TopLevelSpec, { layer: unknown }>;
/** Panels of one chart. */
export type FacetSpec = Extract<TopLevelSpec, { facet: unknown; spec: unknown }>;
/** Charts beside each other. */
export type BesideSpec = Extract<TopLevelSpec, { hconcat: unknown }>;
/** Charts below each other. */
export type BelowSpec = Extract<TopLevelSpec, { vconcat: unknown }>;
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

/** Vega: scales, marks, SVG. */
export const loadVega = () => import("npm:vega@6.4.0");

/** Vega-Lite: charts described in a few lines, compiled to Vega. */
export const loadVegaLite = () => import("npm:vega-lite@6.5.0");
