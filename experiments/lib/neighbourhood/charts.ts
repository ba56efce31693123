/** Charts of the regions between two anchors. */
import {
  beside,
  byLayer,
  chart,
  type ChartSpec,
  COLOR,
  type ComposableChart,
  DASH,
  dots,
  links,
  means,
  on,
  percentileAxis,
  quantity,
  seeds,
  series,
  Sweep,
  text,
  tokenText,
} from "../../../src/report/mod.ts";
import type { PairRow, Panel } from "./rows.ts";

/** One pair across percentiles, coarsest first: anchors at the sides, regions between in the middle, edges with cosines. */
export function neighbourhoodChart(panels: readonly Panel[]): ChartSpec {
  return beside(panels.map(panelOf), { spacing: 26 });
}

/** Where the anchors and what is between them stand: the unit square, the anchors at the left and right. */
const PLACE = { domain: [0, 1], nice: false, zero: false, hasAxis: false } as const;

function panelOf({ percentile, regions: size, a, b, cosine, between, lune, lens }: Panel): ComposableChart {
  const label = (region: number) => (lens.get(region) ?? []).map(tokenText).join(" · ");
  const shown = lune.filter(({ region }) => lens.has(region));
  const anchors = [
    { name: "A", x: 0.08, y: 0.5, label: label(a).replaceAll(" · ", "\n") },
    { name: "B", x: 0.92, y: 0.5, label: label(b).replaceAll(" · ", "\n") },
  ];
  const middle = shown.map(({ region, cosineA, cosineB }, i) => {
    const y = shown.length === 1 ? 0.75 : 0.88 - 0.76 * i / (shown.length - 1);
    return { region, x: 0.5, y, label: label(region), cosineA, cosineB };
  });
  const edges = middle.flatMap((node) => [
    edgeOf(anchors[0], node, node.cosineA, 0.52),
    edgeOf(anchors[1], node, node.cosineB, 0.52),
  ]);
  const direct = between === 0 ? [edgeOf(anchors[0], anchors[1], cosine, 0.5)] : [];
  const cosines = [...edges, ...direct].map(({ labelX: x, labelY: y, cosine }) => ({ x, y, cosine }));
  const halo = 4;
  const hidden = lune.length > shown.length ? `, ${shown.length} shown` : "";
  return chart(anchors, {
    title: {
      text: `p ${percentile}, K = ${size}`,
      subtitle: `cos(A, B) = ${cosine.toFixed(3)}, ${lune.length} between${hidden}`,
    },
    width: 320,
    height: 330,
    x: quantity("x", null, PLACE),
    y: quantity("y", null, PLACE),
    marks: [
      on(edges, links({ x: "x2", y: "y2" }, { color: COLOR.soft })),
      on(direct, links({ x: "x2", y: "y2" }, { color: COLOR.soft, dash: DASH.dashed })),
      on(middle, dots({ size: 110, color: COLOR.orange, opacity: 1 })),
      dots({ size: 420, color: COLOR.blue, opacity: 1 }),
      text("name", { color: "white", fontWeight: "bold" }),
      on(cosines, text("cosine", { fontSize: 11, halo })),
      on(middle.filter(({ y }) => y > 0.5), text("label", { dy: -14, limit: 190, halo })),
      on(middle.filter(({ y }) => y <= 0.5), text("label", { dy: 17, limit: 190, halo })),
      text("label", { dy: 26, limit: 80, lineBreak: "\n", lineHeight: 15, halo }),
    ],
  });
}

interface Place {
  readonly x: number;
  readonly y: number;
}

/** An edge with its cosine written at a part of its length. */
function edgeOf(from: Place, to: Place, cosine: number, part: number) {
  return {
    ...{ x: from.x, y: from.y, x2: to.x, y2: to.y, cosine: cosine.toFixed(3) },
    labelX: from.x + part * (to.x - from.x),
    labelY: from.y + part * (to.y - from.y),
  };
}

const FOLLOWED = "followed pairs";
const OTHERS = "other pairs of the same cosine";

/** Regions between against p, followed pairs beside pairs of the same cosine: dots are seeds' means, lines their means. */
export function betweenChart(rows: readonly PairRow[]): ChartSpec {
  const apart = rows.filter(({ between }) => between !== null);
  const counts = new Sweep(apart, ["seed", "layer", "percentile"]).settings.flatMap((setting) => [
    { ...setting.key, kind: FOLLOWED, count: setting.mean("between") },
    { ...setting.key, kind: OTHERS, count: setting.mean("controlBetween") },
  ]);
  return chart(counts, {
    panels: byLayer({ columns: 4 }),
    x: percentileAxis("percentile p, sharper to the right", { order: "descending" }),
    y: quantity("count", "regions between, mean over pairs (log)", {
      log: "symmetric",
      format: ".3~r",
      ticks: [0, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000],
    }),
    color: series("kind", { [FOLLOWED]: COLOR.blue, [OTHERS]: COLOR.vermilion }),
    marks: [means(), seeds()],
    height: 220,
  });
}
