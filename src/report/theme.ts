/** How every chart looks: white, quiet axes, type of 12 to 14 px, colours that colour-blind readers tell apart. */
import { FONT_FAMILIES } from "./fonts.ts";
import type { Config } from "./vega.ts";

/** Okabe and Ito's palette ("Color Universal Design", 2008), the ones that read well on white first. */
export const PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442"];

const INK = "#222222";
const SOFT = "#5f6368";
const RULE = "#e6e6e6";

/** The Vega-Lite configuration of all charts. */
export const THEME: Config = {
  background: "white",
  font: FONT_FAMILIES,
  padding: 10,
  // A label on each of 5,000 marks helps no reader; the report names the whole figure.
  aria: false,
  view: { stroke: null, continuousWidth: 440, continuousHeight: 280, discreteWidth: { step: 28 } },
  title: {
    anchor: "start",
    frame: "group",
    color: INK,
    fontSize: 14,
    fontWeight: "bold",
    offset: 12,
    subtitleColor: SOFT,
    subtitleFontSize: 12,
    subtitlePadding: 4,
  },
  axis: {
    domainColor: INK,
    domainWidth: 1,
    tickColor: INK,
    tickSize: 4,
    gridColor: RULE,
    labelColor: INK,
    labelFontSize: 12,
    labelPadding: 4,
    labelLimit: 220,
    titleColor: INK,
    titleFontSize: 13,
    titleFontWeight: "normal",
    titlePadding: 10,
  },
  axisX: { grid: false, labelFlush: false },
  axisY: { domain: false, ticks: false },
  axisDiscrete: { grid: false, labelAngle: 0 },
  legend: {
    labelColor: INK,
    labelFontSize: 12,
    labelLimit: 220,
    titleColor: INK,
    titleFontSize: 12,
    titleFontWeight: "normal",
    titlePadding: 6,
    symbolSize: 90,
    symbolStrokeWidth: 2,
  },
  header: { labelColor: INK, labelFontSize: 12, labelFontWeight: "bold", titleColor: INK, titleFontSize: 13 },
  range: { category: PALETTE, ramp: { scheme: "viridis" }, heatmap: { scheme: "viridis" } },
  line: { strokeWidth: 2, strokeCap: "round", strokeJoin: "round" },
  area: { line: false, fillOpacity: 0.2 },
  point: { filled: true, size: 40, color: PALETTE[0] },
  circle: { size: 14, opacity: 0.6, color: PALETTE[0] },
  bar: { color: PALETTE[0], continuousBandSize: 14 },
  errorband: { band: { opacity: 0.2 } },
  rule: { color: SOFT },
  text: { fontSize: 12, color: INK },
};
