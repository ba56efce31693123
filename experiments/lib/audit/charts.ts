/** Charts of `audit`. */
import { smallest } from "../../../src/compute/mod.ts";
import {
  by,
  byLayer,
  chart,
  type ChartSpec,
  COLOR,
  DASH,
  dots,
  grid,
  line,
  means,
  on,
  percentileAxis,
  quantity,
  rule,
  seeds,
  series,
  share,
} from "../../../src/report/mod.ts";
import { type AuditRow, READINGS } from "./rows.ts";

const byReading = by("reading", { order: READINGS });

/** Share of regions moved, dropped and introduced by p, beside the false alarms: points are stream orders, lines their means. */
export function auditChart(audits: readonly AuditRow[], alpha: number): ChartSpec {
  // Readings under which no dictionary could be made have no panel.
  const told = new Set(audits.filter(({ gone }) => gone !== null).map(({ reading }) => reading));
  const shares = audits.filter(({ reading }) => told.has(reading)).flatMap(
    ({ reading, layer, percentile, side, moved, gone, falseAlarms }) => {
      const lost = side === "before" ? "dropped" : "introduced";
      return [
        {
          reading,
          layer,
          percentile,
          what: `moved or ${lost}`,
          share: moved === null || gone === null ? null : moved + gone,
        },
        { reading, layer, percentile, what: lost, share: gone },
        { reading, layer, percentile, what: "false alarms", share: falseAlarms },
      ];
    },
  );
  return chart(shares, {
    panels: grid(byReading, byLayer()),
    x: percentileAxis(),
    y: share("share", "share of regions", { ticks: 5 }),
    color: series("what", {
      "moved or dropped": COLOR.sky,
      dropped: COLOR.blue,
      "moved or introduced": COLOR.orange,
      introduced: COLOR.vermilion,
      "false alarms": COLOR.chance,
    }),
    marks: [rule({ y: alpha }), seeds(), means()],
    height: 170,
  });
}

/** Each region's nearest counterpart in the other model against that in its own, both in another stream order. */
export function counterpartsChart(audits: readonly AuditRow[]): ChartSpec {
  const counterparts = audits.flatMap(({ reading, side, verdicts }) =>
    verdicts.map(({ cosineWithin, cosineAcross, members, verdict }) => ({
      reading,
      panel: `regions ${side}`,
      own: round(cosineWithin),
      across: round(cosineAcross),
      members,
      verdict: verdict === "gone" ? (side === "before" ? "dropped" : "introduced") : verdict,
    }))
  );
  const low = Math.floor(10 * smallest(counterparts.flatMap(({ own, across }) => [own, across]))) / 10;
  const axis = { domain: [low, 1], zero: false } as const;
  return chart(counterparts, {
    panels: grid(byReading, by("panel", { order: ["regions before", "regions after"] })),
    x: quantity("own", "cosine with the nearest, same model", axis),
    y: quantity("across", "cosine with the nearest, other model", axis),
    color: series("verdict", {
      kept: COLOR.quiet,
      moved: COLOR.orange,
      dropped: COLOR.blue,
      introduced: COLOR.vermilion,
    }),
    marks: [
      on([{ own: low, across: low }, { own: 1, across: 1 }], line({ color: COLOR.soft, dash: DASH.dashed })),
      dots({
        size: quantity("members", "members", { log: true, area: [6, 120], ticks: [10, 100, 1000] }),
        opacity: 0.7,
      }),
    ],
    width: 280,
    height: 240,
  });
}

const round = (value: number) => Math.round(value * 1e3) / 1e3;
