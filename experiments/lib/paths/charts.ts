/** Charts of the ways of tokens through layers. */
import { layAlluvial } from "../../../src/report/alluvial.ts";
import { type ChartSpec, PALETTE } from "../../../src/report/mod.ts";
import type { PathsMeasured, ShownPath, ShownTokens } from "./measure.ts";
import { tokenText } from "../../../src/report/token_text.ts";

const COLUMN = 118;
const ROW = 15;
const GAP = 0.7;
const BAR = 0.035;
/** Points of a ribbon's curved sides. */
const STEPS = 16;
const KINDS = ["tokens that go on together", "a token on its own"];

/** The first token of a region's lens that a reader can see, · if none is: pieces of letters and control characters are not. */
export function lensText(tokens: readonly string[]): string {
  // deno-lint-ignore no-control-regex
  const readable = tokens.find((token) => !/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\ufffd]/.test(token));
  return readable === undefined ? "·" : tokenText(readable);
}

/** A prompt's tokens through the regions of every layer, in order and shuffled, as two alluvial charts. */
export function pathChart(path: ShownPath): ChartSpec {
  return {
    vconcat: [
      alluvial(path, path.inOrder, "The prompt"),
      alluvial(path, path.shuffled, "The same tokens, shuffled"),
    ],
    spacing: 40,
  } as unknown as ChartSpec;
}

function alluvial({ layers, lens }: ShownPath, { ids, texts, regions }: ShownTokens, title: string): object {
  const { blocks, ribbons, height } = layAlluvial([ids, ...regions], GAP);
  const textOf = new Map(ids.map((id, i) => [id, texts[i]]));
  const bars = blocks.map(({ column, category, count, top }) => ({
    ...{ x: column - BAR, x2: column + BAR, y: top, y2: top + count, labelX: column + BAR, labelY: top + count / 2 },
    label: column === 0 ? tokenText(textOf.get(category)!) : lensText(lens[column - 1].get(category)!),
  }));
  const flows = ribbons.flatMap(({ column, count, topFrom, topTo }, ribbon) =>
    Array.from({ length: STEPS + 1 }, (_, step) => {
      const t = step / STEPS;
      const top = topFrom + (topTo - topFrom) * t * t * (3 - 2 * t);
      return { ribbon, x: column + BAR + t * (1 - 2 * BAR), y: top, y2: top + count, kind: KINDS[count > 1 ? 0 : 1] };
    })
  );
  const names = ["token", ...layers.map((layer) => `block ${layer}`)];
  const across = {
    type: "quantitative",
    scale: { domain: [-BAR, layers.length + 0.5], nice: false },
    axis: {
      orient: "top",
      values: names.map((_, i) => i),
      labelExpr: `${JSON.stringify(names)}[datum.value]`,
      labelAlign: "left",
      ...{ domain: false, ticks: false, title: null },
    },
  };
  const down = { type: "quantitative", scale: { domain: [0, height], reverse: true, nice: false }, axis: null };
  const text = (mark: object) => ({
    data: { values: bars },
    mark: { type: "text", align: "left", dx: 4, fontSize: 10, limit: 70, ...mark },
    encoding: { x: { field: "labelX", ...across }, y: { field: "labelY", ...down }, text: { field: "label" } },
  });
  return {
    title,
    width: COLUMN * (layers.length + 0.5),
    height: Math.ceil(ROW * height),
    layer: [
      {
        data: { values: flows },
        mark: { type: "area", fillOpacity: 0.4 },
        encoding: {
          x: { field: "x", ...across },
          y: { field: "y", ...down },
          y2: { field: "y2" },
          detail: { field: "ribbon" },
          color: {
            field: "kind",
            type: "nominal",
            title: null,
            scale: { domain: KINDS, range: [PALETTE[0], "#b5b8bb"] },
            legend: { orient: "bottom" },
          },
        },
      },
      {
        data: { values: bars },
        mark: { type: "rect", color: "#222222" },
        encoding: {
          x: { field: "x", ...across },
          x2: { field: "x2" },
          y: { field: "y", ...down },
          y2: { field: "y2" },
        },
      },
      text({ stroke: "white", strokeWidth: 3, strokeJoin: "round" }),
      text({}),
    ],
  };
}

const PERCENTILE = {
  field: "percentile",
  type: "ordinal",
  title: null,
  header: { labelExpr: "'p ' + datum.value" },
};

/** Lines of means over seeds with the seeds as dots, a panel a percentile. */
function curves(
  values: object[],
  kinds: readonly string[],
  colors: readonly string[],
  x: object,
  y: string,
): ChartSpec {
  const share = { field: "share", type: "quantitative", title: y, axis: { format: "%" }, scale: { domain: [0, 1] } };
  return {
    data: { values },
    facet: { column: PERCENTILE },
    spec: {
      width: 180,
      height: 210,
      encoding: {
        x: { field: "x", type: "ordinal", ...x },
        color: {
          field: "kind",
          type: "nominal",
          title: null,
          scale: { domain: kinds, range: colors },
          legend: { orient: "top", symbolType: "stroke" },
        },
      },
      layer: [
        { mark: "line", encoding: { y: { ...share, aggregate: "mean" } } },
        { mark: { type: "point", size: 20, opacity: 0.7 }, encoding: { y: share } },
      ],
    },
  } as ChartSpec;
}

/** Share of tokens whose region does not depend on their context, by layer. */
export function contextChart(measured: readonly PathsMeasured[]): ChartSpec {
  const kinds = ["same token, shuffled context", "any two tokens (chance)"];
  const values = measured.flatMap(({ seed, percentile, layers, agreement, chance }) =>
    layers.flatMap((x, i) => [
      { seed, percentile, x, kind: kinds[0], share: agreement[i] },
      { seed, percentile, x, kind: kinds[1], share: chance[i] },
    ])
  );
  return curves(values, kinds, [PALETTE[0], "#888888"], { title: "block" }, "share in the same region");
}

/** Share of pairs of one region that stay in one, by step. */
export function togetherChart(measured: readonly PathsMeasured[]): ChartSpec {
  const kinds = ["in order", "shuffled tokens", "regions dealt out anew (chance)"];
  const values = measured.flatMap(({ seed, percentile, layers, together, togetherShuffled }) =>
    together.flatMap(({ stay, chance }, i) => {
      const x = layers[i + 1];
      return [stay, togetherShuffled[i].stay, chance].map((share, k) => ({
        seed,
        percentile,
        x,
        kind: kinds[k],
        share,
      }));
    })
  );
  const axis = { title: "into block" };
  return curves(values, kinds, [PALETTE[0], PALETTE[1], "#888888"], axis, "pairs that stay in one region");
}
