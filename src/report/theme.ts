/** How every chart looks: white, quiet axes, type of 12 to 14 px, colours that colour-blind readers tell apart. */
import { FONT_FAMILIES } from "./fonts.ts";
import type { Config } from "./vega.ts";

/** Vega-Lite's configuration: how charts look that do not say it themselves. */
export type ChartTheme = Config;

/** Okabe and Ito's palette ("Color Universal Design", 2008), the ones that read well on white first. */
export const PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442"];

/** Colours by what they look like, of the palette, or by what they mean. */
export const COLOR = {
  blue: PALETTE[0],
  vermilion: PALETTE[1],
  green: PALETTE[2],
  purple: PALETTE[3],
  orange: PALETTE[4],
  sky: PALETTE[5],
  black: PALETTE[6],
  /** What is expected by chance: shuffled, rotated, permuted, drawn at random. */
  chance: "#8f8f8f",
  /** What is left as it is, behind what changes. */
  quiet: "#bdbfc2",
  /** Text and axes. */
  ink: "#222222",
  /** Rules, thresholds and other references, quieter than what is measured. */
  soft: "#5f6368",
  /** Grid lines, and the middle between two colours. */
  faint: "#e6e6e6",
} as const;

/** Dashes of lines, in pixels drawn and left out. */
export const DASH: Readonly<Record<"solid" | "dashed" | "dotted", readonly number[]>> = {
  solid: [1, 0],
  dashed: [5, 4],
  dotted: [2, 3],
};

/** The Vega-Lite configuration of all charts. */
export const THEME: ChartTheme = {
  background: "white",
  font: FONT_FAMILIES,
  padding: 10,
  // A label on each of 5,000 marks helps no reader; the report names the whole figure.
  aria: false,
  view: { stroke: null, continuousWidth: 440, continuousHeight: 280, discreteWidth: { step: 28 } },
  title: {
    anchor: "start",
    frame: "group",
    color: COLOR.ink,
    fontSize: 14,
    fontWeight: "bold",
    offset: 12,
    subtitleColor: COLOR.soft,
    subtitleFontSize: 12,
    subtitlePadding: 4,
  },
  axis: {
    domainColor: COLOR.ink,
    domainWidth: 1,
    tickColor: COLOR.ink,
    tickSize: 4,
    gridColor: COLOR.faint,
    labelColor: COLOR.ink,
    labelFontSize: 12,
    labelPadding: 4,
    labelLimit: 220,
    titleColor: COLOR.ink,
    titleFontSize: 13,
    titleFontWeight: "normal",
    titlePadding: 10,
  },
  axisX: { grid: false, labelFlush: false },
  axisY: { domain: false, ticks: false },
  axisDiscrete: { grid: false, labelAngle: 0 },
  legend: {
    labelColor: COLOR.ink,
    labelFontSize: 12,
    labelLimit: 220,
    titleColor: COLOR.ink,
    titleFontSize: 12,
    titleFontWeight: "normal",
    titlePadding: 6,
    symbolSize: 90,
    symbolStrokeWidth: 2,
  },
  header: {
    labelColor: COLOR.ink,
    labelFontSize: 12,
    labelFontWeight: "bold",
    titleColor: COLOR.ink,
    titleFontSize: 13,
  },
  range: { category: PALETTE, ramp: { scheme: "viridis" }, heatmap: { scheme: "viridis" } },
  line: { strokeWidth: 2, strokeCap: "round", strokeJoin: "round" },
  area: { line: false, fillOpacity: 0.2 },
  point: { filled: true, size: 40, color: PALETTE[0] },
  circle: { size: 14, opacity: 0.6, color: PALETTE[0] },
  bar: { color: PALETTE[0], continuousBandSize: 14 },
  errorband: { band: { opacity: 0.2 } },
  rule: { color: COLOR.soft },
  text: { fontSize: 12, color: COLOR.ink },
};
