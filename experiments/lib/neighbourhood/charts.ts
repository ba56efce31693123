/** Charts of the regions between two anchors. */
import { type ChartSpec, PALETTE } from "../../../src/report/mod.ts";
import type { AnchorPair, Panel } from "./measure.ts";
import { tokenText } from "../../../src/report/token_text.ts";

const WIDTH = 320;
const HEIGHT = 330;
const SOFT = "#5f6368";

/** Where the anchors and what is between them stand: unit square, the anchors at the left and right. */
const place = (field: "x" | "y") => ({
  field,
  type: "quantitative",
  axis: null,
  scale: { domain: field === "x" ? [0, 1] : [0, 1], nice: false, zero: false },
});
const position = { x: place("x"), y: place("y") };

/** One pair across percentiles, coarsest first: anchors at the sides, regions between in the middle, edges with cosines. */
export function neighbourhoodChart(panels: readonly Panel[]): ChartSpec {
  return { hconcat: panels.map(panelOf), spacing: 26 } as unknown as ChartSpec;
}

function panelOf({ percentile, size, a, b, cosine, count, between, lens }: Panel): object {
  const label = (region: number) => (lens.get(region) ?? []).map(tokenText).join(" · ");
  const shown = between.filter(({ region }) => lens.has(region));
  const anchors = [
    { name: "A", region: a, x: 0.08, y: 0.5, label: label(a).replaceAll(" · ", "\n") },
    { name: "B", region: b, x: 0.92, y: 0.5, label: label(b).replaceAll(" · ", "\n") },
  ];
  const middle = shown.map(({ region, cosineA, cosineB }, i) => {
    const y = shown.length === 1 ? 0.75 : 0.88 - 0.76 * i / (shown.length - 1);
    return { name: "", region, x: 0.5, y, label: label(region), cosineA, cosineB };
  });
  const edge = (from: { x: number; y: number }, to: { x: number; y: number }, cosine: number, at: number) => ({
    ...{ x: from.x, y: from.y, x2: to.x, y2: to.y, cosine: cosine.toFixed(3) },
    labelX: from.x + at * (to.x - from.x),
    labelY: from.y + at * (to.y - from.y),
  });
  const edges = middle.flatMap((node) => [
    edge(anchors[0], node, node.cosineA, 0.52),
    edge(anchors[1], node, node.cosineB, 0.52),
  ]);
  const direct = count === 0 ? [edge(anchors[0], anchors[1], cosine, 0.5)] : [];
  const lines = (values: object[], mark: object) => ({
    data: { values },
    mark: { type: "rule", ...mark },
    encoding: { ...position, x2: { field: "x2" }, y2: { field: "y2" } },
  });
  const text = (values: object[], field: string, mark: object) => ({
    data: { values },
    mark: { type: "text", ...mark },
    encoding: { ...position, text: { field } },
  });
  const halo = { stroke: "white", strokeWidth: 4, strokeJoin: "round" };
  const cosines = [...edges, ...direct].map(({ labelX, labelY, cosine }) => ({ x: labelX, y: labelY, cosine }));
  const labelled = (mark: object) => [
    text(cosines, "cosine", { fontSize: 11, ...mark }),
    text(middle.filter(({ y }) => y > 0.5), "label", { dy: -14, limit: 190, ...mark }),
    text(middle.filter(({ y }) => y <= 0.5), "label", { dy: 17, limit: 190, ...mark }),
    text(anchors, "label", { dy: 26, limit: 80, lineBreak: "\n", lineHeight: 15, ...mark }),
  ];
  const nodes = (values: object[], mark: object) => ({
    data: { values },
    mark: { type: "point", ...mark },
    encoding: position,
  });
  const hidden = count > shown.length ? `, ${shown.length} shown` : "";
  return {
    width: WIDTH,
    height: HEIGHT,
    title: {
      text: `p ${percentile}, K = ${size}`,
      subtitle: `cos(A, B) = ${cosine.toFixed(3)}, ${count} between${hidden}`,
    },
    layer: [
      lines(edges, { strokeWidth: 1.2, color: SOFT }),
      lines(direct, { strokeWidth: 1.2, strokeDash: [4, 4], color: SOFT }),
      nodes(middle, { size: 110, color: PALETTE[4], opacity: 1 }),
      nodes(anchors, { size: 420, color: PALETTE[0], opacity: 1 }),
      text(anchors, "name", { color: "white", fontWeight: "bold" }),
      ...labelled(halo),
      ...labelled({}),
    ],
  };
}

/** Regions between against p, followed pairs beside pairs of the same cosine: dots are seeds' means, lines their means. */
export function betweenChart(rows: readonly AnchorPair[]): ChartSpec {
  const kinds = ["followed pairs", "other pairs of the same cosine"];
  const values = [...Map.groupBy(rows, ({ seed, layer, percentile }) => `${seed} ${layer} ${percentile}`).values()]
    .flatMap((group) => {
      const apart = group.filter(({ count }) => !Number.isNaN(count));
      const { seed, layer, percentile } = group[0];
      const mean = (field: "count" | "controlCount") => apart.reduce((sum, row) => sum + row[field], 0) / apart.length;
      return [
        { seed, layer, percentile, kind: kinds[0], count: mean("count") },
        { seed, layer, percentile, kind: kinds[1], count: mean("controlCount") },
      ];
    });
  const y = {
    field: "count",
    type: "quantitative",
    title: "regions between, mean over pairs",
    scale: { type: "symlog" },
    axis: { values: [0, 1, 3, 10, 30, 100, 300, 1000] },
  };
  return {
    data: { values },
    facet: {
      field: "layer",
      type: "ordinal",
      title: null,
      header: { labelExpr: "'block ' + datum.value" },
      columns: 4,
    },
    columns: 4,
    spec: {
      width: 180,
      height: 220,
      encoding: {
        x: { field: "percentile", type: "ordinal", title: "percentile p, sharper to the right", sort: "descending" },
        color: {
          field: "kind",
          type: "nominal",
          title: null,
          scale: { domain: kinds, range: [PALETTE[0], PALETTE[1]] },
          legend: { orient: "top", symbolType: "stroke" },
        },
      },
      layer: [
        { mark: "line", encoding: { y: { ...y, aggregate: "mean" } } },
        { mark: { type: "point", size: 22, opacity: 0.7 }, encoding: { y } },
      ],
    },
  } as ChartSpec;
}
