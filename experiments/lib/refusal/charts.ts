/** Charts of refusal under ablation and steering. */
import {
  type Ablation,
  type AblationBasis,
  ANSWER_KINDS,
  type AnswerKind,
  type Reference,
  type Steered,
} from "../../../src/analysis/mod.ts";
import {
  by,
  byLayer,
  byPercentile,
  category,
  chart,
  type ChartSpec,
  COLOR,
  percentileAxis,
  quantity,
  rules,
  seeds,
  series,
  share,
  stacks,
  ticks,
} from "../../../src/report/mod.ts";

const DELTA = quantity("delta", "change of the refusal rate", { domain: [-1, 0.1] });
const REFERENCE = { ...DELTA, field: "reference" } as const;

const WHAT = series("what", {
  "first region of refusal": COLOR.vermilion,
  "null region": COLOR.blue,
  "difference in means": COLOR.green,
  "mean of all final positions": COLOR.purple,
  "random direction": COLOR.soft,
});

/** Change of refusal against p, a panel a layer; points are seeds, ticks their mean, dashed lines other directions. */
export function ablationChart(ablations: readonly Ablation[], references: readonly Reference[]): ChartSpec {
  const first = ablations.filter(({ basis, k }) => basis === "mean" && k === 1).flatMap((ablation) => {
    const { seed, layer, percentile, delta, nullDelta } = ablation;
    return [
      { seed, layer, percentile, what: "first region of refusal", delta, reference: null },
      { seed, layer, percentile, what: "null region", delta: nullDelta, reference: null },
    ];
  });
  // References belong to no percentile: each is a line across its layer's panel.
  const others = references.map(({ layer, direction, delta }) => {
    return { seed: null, layer, percentile: null, what: direction, delta: null, reference: delta };
  });
  return chart([...first, ...others], {
    panels: byLayer(),
    x: percentileAxis(),
    y: DELTA,
    color: WHAT,
    isDodged: true,
    marks: [rules({ x: null, y: REFERENCE }), seeds({ size: 46 }), ticks({ size: 16 })],
    width: 200,
    height: 260,
  });
}

const BASIS: Readonly<Record<AblationBasis, string>> = {
  mean: COLOR.blue,
  exemplar: COLOR.vermilion,
  "re-anchored": COLOR.green,
};

/** Change of refusal against the number of regions, a column a percentile, a colour a basis. */
export function basesChart(ablations: readonly Ablation[], layer: number): ChartSpec {
  return chart(ablations.filter((ablation) => ablation.layer === layer), {
    panels: byPercentile(),
    x: category("k", "regions ablated, K"),
    y: DELTA,
    color: series("basis", BASIS, { title: "basis" }),
    isDodged: true,
    marks: [seeds({ size: 40 }), ticks({ size: 12 })],
    width: 130,
    height: 220,
  });
}

const ANSWER: Readonly<Record<AnswerKind, string>> = {
  unchanged: COLOR.quiet,
  "degenerate loop": COLOR.orange,
  "coherent refusal": COLOR.vermilion,
  "other text": COLOR.sky,
};

/** Kinds of answers to harmless prompts against the strength of steering, a panel a direction; at 0 all are unchanged. */
export function steeringChart(steered: readonly Steered[]): ChartSpec {
  const directions = [...new Set(steered.map(({ direction }) => direction))];
  const shares = ANSWER_KINDS.flatMap((kind) => [
    ...directions.map((direction) => ({ direction, alpha: 0, kind, share: Number(kind === "unchanged") })),
    ...steered.map((row) => ({ direction: row.direction, alpha: row.alpha, kind, share: row[kind] })),
  ]);
  return chart(shares, {
    panels: by("direction", { order: directions }),
    x: category("alpha", "steering strength α (mean distances)"),
    y: share("share", "share of harmless prompts", { domain: [0, 1] }),
    color: series("kind", ANSWER),
    marks: [stacks()],
    width: 210,
    height: 240,
  });
}
