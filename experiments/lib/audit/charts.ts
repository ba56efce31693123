/** Charts of `audit`, as Vega-Lite descriptions with their data inlined. */
import { type ChartSpec, PALETTE } from "../../../src/report/mod.ts";
import type { AuditRow } from "./rows.ts";

const RATES = ["moved or dropped", "dropped", "moved or introduced", "introduced", "false alarms"];
const COLORS = [PALETTE[5], PALETTE[0], PALETTE[4], PALETTE[1], "#8a8a8a"];

const readingRow = {
  field: "reading",
  type: "nominal",
  title: null,
  sort: ["text", "chat"],
  header: { labelAngle: 0, labelAlign: "left" },
};

/** Share of regions moved, dropped and introduced by p, beside the false alarms: points are stream orders, lines their means. */
export function auditChart(audits: readonly AuditRow[], alpha: number): ChartSpec {
  const values = audits.flatMap(({ reading, layer, percentile, side, moved, gone, falseAlarms }) => {
    const [changed, lost] = side === "before" ? RATES : RATES.slice(2);
    return [
      { reading, layer, percentile, what: changed, share: moved === null || gone === null ? null : moved + gone },
      { reading, layer, percentile, what: lost, share: gone },
      { reading, layer, percentile, what: RATES[4], share: falseAlarms },
    ];
  }).filter(({ share }) => share !== null);
  const x = { field: "percentile", type: "ordinal", title: "percentile p" };
  const y = { field: "share", type: "quantitative", title: "share of regions", axis: { format: "%", tickCount: 5 } };
  const color = {
    field: "what",
    type: "nominal",
    title: null,
    scale: { domain: RATES, range: COLORS },
    legend: { orient: "bottom", symbolType: "stroke" },
  };
  return {
    data: { values },
    facet: {
      row: readingRow,
      column: { field: "layer", type: "ordinal", title: null, header: { labelExpr: "'block ' + datum.value" } },
    },
    spec: {
      width: 190,
      height: 170,
      layer: [
        { mark: { type: "rule", strokeDash: [4, 4] }, encoding: { y: { datum: alpha, type: "quantitative" } } },
        { mark: { type: "point", opacity: 0.6 }, encoding: { x, y, color } },
        { mark: "line", encoding: { x, y: { ...y, aggregate: "mean" }, color } },
      ],
    },
  } as ChartSpec;
}

const VERDICTS = ["kept", "moved", "dropped", "introduced"];

/** Each region's nearest counterpart in the other model against that in its own, both in another stream order. */
export function counterpartsChart(audits: readonly AuditRow[]): ChartSpec {
  const values = audits.flatMap(({ reading, side, verdicts }) =>
    verdicts.map(({ cosineWithin: own, cosineAcross: across, members, verdict }) => ({
      reading,
      panel: `regions ${side}`,
      own: round(own),
      across: round(across),
      members,
      verdict: verdict === "gone" ? (side === "before" ? "dropped" : "introduced") : verdict,
    }))
  );
  const low = Math.floor(10 * Math.min(...values.map(({ own, across }) => Math.min(own, across)))) / 10;
  const scale = { domain: [low, 1], zero: false };
  return {
    data: { values },
    facet: { row: readingRow, column: { field: "panel", type: "nominal", title: null, sort: "descending" } },
    spec: {
      width: 280,
      height: 240,
      layer: [
        {
          data: { values: [{ a: low, b: 1 }] },
          mark: { type: "rule", strokeDash: [4, 4] },
          encoding: {
            x: { field: "a", type: "quantitative", scale },
            x2: { field: "b" },
            y: { field: "a", type: "quantitative", scale },
            y2: { field: "b" },
          },
        },
        {
          mark: { type: "circle", opacity: 0.7 },
          encoding: {
            x: { field: "own", type: "quantitative", title: "cosine with the nearest, same model", scale },
            y: { field: "across", type: "quantitative", title: "cosine with the nearest, other model", scale },
            size: {
              field: "members",
              type: "quantitative",
              scale: { type: "log", range: [6, 120] },
              legend: { values: [10, 100, 1000] },
            },
            color: {
              field: "verdict",
              type: "nominal",
              title: null,
              scale: { domain: VERDICTS, range: ["#a9a9a9", PALETTE[4], PALETTE[0], PALETTE[1]] },
            },
          },
        },
      ],
    },
  } as ChartSpec;
}

const round = (value: number) => Math.round(value * 1e3) / 1e3;
