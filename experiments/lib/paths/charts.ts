/** Charts of the ways of tokens through layers. */
import {
  band,
  below,
  byPercentile,
  category,
  chart,
  type ChartSpec,
  COLOR,
  type ComposableChart,
  layAlluvial,
  means,
  on,
  quantity,
  rectangles,
  seeds,
  series,
  share,
  text,
  tokenText,
} from "../../../src/report/mod.ts";
import type { PathRows, ShownPath, ShownTokens } from "./rows.ts";

const COLUMN = 118;
const ROW = 15;
const GAP = 0.7;
const BAR = 0.035;
/** Points of a ribbon's curved sides. */
const STEPS = 16;
const TOGETHER = "tokens that go on together";
const ALONE = "a token on its own";

/** The first token of a region's lens that a reader can see, · if none is: pieces of letters and control characters are not. */
export function lensText(tokens: readonly string[]): string {
  // deno-lint-ignore no-control-regex
  const readable = tokens.find((token) => !/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\ufffd]/.test(token));
  return readable === undefined ? "·" : tokenText(readable);
}

/** A prompt's tokens through the regions of every layer, in order and shuffled, as two alluvial charts. */
export function pathChart(path: ShownPath): ChartSpec {
  const figures = [
    alluvial(path, path.inOrder, "The prompt"),
    alluvial(path, path.shuffled, "The same tokens, shuffled"),
  ];
  return below(figures, { spacing: 40 });
}

function alluvial({ layers, lens }: ShownPath, { ids, texts, traces }: ShownTokens, title: string): ComposableChart {
  const { blocks, ribbons, height } = layAlluvial([ids, ...traces.map(({ regions }) => regions)], GAP);
  const textOf = new Map(ids.map((id, i) => [id, texts[i]]));
  const bars = blocks.map(({ column, category, count, top }) => ({
    ...{ x: column - BAR, x2: column + BAR, y: top, y2: top + count, labelX: column + BAR, labelY: top + count / 2 },
    label: column === 0 ? tokenText(textOf.get(category)!) : lensText(lens[column - 1].get(category)!),
  }));
  const flows = ribbons.flatMap(({ column, count, topFrom, topTo }, ribbon) =>
    Array.from({ length: STEPS + 1 }, (_, step) => {
      const t = step / STEPS;
      const top = topFrom + (topTo - topFrom) * t * t * (3 - 2 * t);
      const kind = count > 1 ? TOGETHER : ALONE;
      return { ribbon, x: column + BAR + t * (1 - 2 * BAR), y: top, y2: top + count, kind };
    })
  );
  const names = ["token", ...layers.map((layer) => `layer ${layer}`)];
  const across = { domain: [-BAR, layers.length + 0.5], nice: false, names } as const;
  const down = { domain: [0, height], isReversed: true, nice: false, hasAxis: false } as const;
  const place = { x: quantity("labelX", null, across), y: quantity("labelY", null, down) };
  return chart(flows, {
    title,
    width: COLUMN * (layers.length + 0.5),
    height: Math.ceil(ROW * height),
    x: quantity("x", null, across),
    y: quantity("y", null, down),
    color: series("kind", { [TOGETHER]: COLOR.blue, [ALONE]: COLOR.quiet }, { hasAllNames: true }),
    marks: [
      band({ ends: ["y", "y2"], detail: "ribbon", opacity: 0.4 }),
      on(
        bars,
        rectangles({ x: "x2", y: "y2" }, { color: COLOR.ink }),
        text("label", { ...place, color: COLOR.ink, align: "left", dx: 4, fontSize: 10, limit: 70, halo: 3 }),
      ),
    ],
  });
}

/** Lines of means over seeds with the seeds as dots, a panel a percentile. */
function curves(
  rows: readonly { percentile: number; layer: number; kind: string; share: number | null }[],
  colors: Readonly<Record<string, string>>,
  [x, y]: readonly [x: string, y: string],
): ChartSpec {
  return chart(rows, {
    panels: byPercentile(),
    x: category("layer", x),
    y: share("share", y, { domain: [0, 1] }),
    color: series("kind", colors),
    marks: [means(), seeds()],
  });
}

/** Share of tokens whose region does not depend on their context, by layer. */
export function contextChart(rows: PathRows["layers"]): ChartSpec {
  const colors = { "same token, shuffled context": COLOR.blue, "any two tokens (chance)": COLOR.chance };
  const shares = rows.flatMap(({ percentile, layer, agreementShuffled, agreementChance }) => [
    { percentile, layer, kind: "same token, shuffled context", share: agreementShuffled },
    { percentile, layer, kind: "any two tokens (chance)", share: agreementChance },
  ]);
  return curves(shares, colors, ["layer", "share in the same region"]);
}

/** Share of pairs of one region that stay in one, by step. */
export function togetherChart(rows: PathRows["steps"]): ChartSpec {
  const colors = {
    "in order": COLOR.blue,
    "shuffled tokens": COLOR.vermilion,
    "regions dealt out anew (chance)": COLOR.chance,
  };
  const shares = rows.flatMap(({ percentile, to, stay, stayShuffled, stayChance }) => [
    { percentile, layer: to, kind: "in order", share: stay },
    { percentile, layer: to, kind: "shuffled tokens", share: stayShuffled },
    { percentile, layer: to, kind: "regions dealt out anew (chance)", share: stayChance },
  ]);
  return curves(shares, colors, ["into layer", "pairs that stay in one region"]);
}
