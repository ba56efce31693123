/** Vega and Vega-Lite; named here and nowhere else, and loaded only when a chart is drawn. */
export type { Config, TopLevelSpec } from "npm:vega-lite@6.5.0";
export type { LoggerInterface } from "npm:vega@6.4.0";

/** Vega: scales, marks, SVG. */
export const loadVega = () => import("npm:vega@6.4.0");

/** Vega-Lite: charts described in a few lines, compiled to Vega. */
export const loadVegaLite = () => import("npm:vega-lite@6.5.0");
