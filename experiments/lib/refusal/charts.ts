/** Charts of refusal under ablation and steering. */
import { ANSWER_KINDS } from "../../../src/analysis/refusal/answer_kind.ts";
import { type ChartSpec, PALETTE } from "../../../src/report/mod.ts";
import type { Reference, Steered } from "./controls.ts";
import { BASES } from "./settings.ts";
import type { Trial } from "./trials.ts";

const REGION = "first region of refusal";
const NULL = "matched null region";
const DELTA = {
  field: "delta",
  type: "quantitative",
  title: "change of the refusal rate",
  scale: { domain: [-1, 0.1] },
};
const SOFT = "#5f6368";

const REFERENCES = ["difference in means", "mean of all final positions", "random direction"];
const WHAT = {
  field: "what",
  type: "nominal",
  title: null,
  scale: { domain: [REGION, NULL, ...REFERENCES], range: [PALETTE[1], PALETTE[0], PALETTE[2], PALETTE[3], SOFT] },
  legend: { orient: "top", columns: 3, symbolOpacity: 1 },
};

/** A trial's region and its null as two points. */
function points(trials: readonly Trial[]) {
  return trials.flatMap(({ seed, layer, percentile, basis, k, delta, nullDelta }) => {
    const row = { seed, layer, percentile, basis, k };
    return [{ ...row, what: REGION, delta }, { ...row, what: NULL, delta: nullDelta }];
  }).filter(({ delta }) => !Number.isNaN(delta));
}

/** Change of refusal against p, a panel a block; points are seeds, ticks their mean, dashed lines other directions. */
export function ablationChart(trials: readonly Trial[], references: readonly Reference[]): ChartSpec {
  const first = trials.filter(({ basis, k }) => basis === "mean" && k === 1);
  const layers = [...new Set(references.map(({ layer }) => layer))];
  const x = { field: "percentile", type: "ordinal", title: "percentile p" };
  const panel = (layer: number) => ({
    title: `block ${layer}`,
    width: 200,
    height: 260,
    layer: [
      ...references.filter((row) => row.layer === layer).map(({ direction, delta }) => ({
        data: { values: [{ delta, what: direction }] },
        mark: { type: "rule", strokeDash: [4, 3], strokeWidth: 1.4 },
        encoding: { y: DELTA, color: WHAT },
      })),
      {
        data: { values: points(first).filter((row) => row.layer === layer) },
        mark: { type: "point", size: 46, opacity: 0.75 },
        encoding: { x, xOffset: { field: "what", sort: [REGION, NULL] }, y: DELTA, color: WHAT },
      },
      {
        data: { values: points(first).filter((row) => row.layer === layer) },
        mark: { type: "tick", thickness: 2.5, size: 16 },
        encoding: {
          x,
          xOffset: { field: "what", sort: [REGION, NULL] },
          y: { ...DELTA, aggregate: "mean" },
          color: WHAT,
        },
      },
    ],
  });
  return { hconcat: layers.map(panel) } as ChartSpec;
}

/** Change of refusal against the number of regions, a column a percentile, a colour a basis. */
export function basesChart(trials: readonly Trial[], layer: number): ChartSpec {
  const values = trials.filter((trial) => trial.layer === layer);
  const color = { field: "basis", type: "nominal", title: "basis", sort: BASES };
  return {
    data: { values: values.map(({ seed, percentile, basis, k, delta }) => ({ seed, percentile, basis, k, delta })) },
    facet: {
      column: {
        field: "percentile",
        type: "ordinal",
        title: null,
        header: { labelExpr: "'p ' + datum.value" },
      },
    },
    spec: {
      width: 130,
      height: 220,
      encoding: {
        x: { field: "k", type: "ordinal", title: "regions ablated, K" },
        xOffset: { field: "basis", sort: BASES },
        color,
      },
      layer: [
        { mark: { type: "point", size: 40, opacity: 0.75 }, encoding: { y: DELTA } },
        { mark: { type: "tick", thickness: 2.5, size: 12 }, encoding: { y: { ...DELTA, aggregate: "mean" } } },
      ],
    },
  } as ChartSpec;
}

/** Kinds of answers to harmless prompts against the strength of steering, a panel a direction. */
export function steeringChart(steered: readonly Steered[], unsteered: readonly number[]): ChartSpec {
  const directions = [...new Set(steered.map(({ direction }) => direction))];
  const rows = [...directions.map((direction) => ({ direction, alpha: 0, shares: unsteered })), ...steered];
  const values = rows.flatMap(({ direction, alpha, shares }) =>
    ANSWER_KINDS.map((kind, i) => ({ direction, alpha, kind, share: shares[i], order: i }))
  );
  return {
    data: { values },
    facet: { column: { field: "direction", type: "nominal", title: null, sort: directions } },
    spec: {
      width: 210,
      height: 240,
      mark: { type: "bar" },
      encoding: {
        x: { field: "alpha", type: "ordinal", title: "steering strength α (mean distances)" },
        y: {
          field: "share",
          type: "quantitative",
          title: "share of harmless prompts",
          axis: { format: "%" },
          scale: { domain: [0, 1] },
        },
        color: {
          field: "kind",
          type: "nominal",
          title: null,
          sort: ANSWER_KINDS,
          scale: { domain: ANSWER_KINDS, range: ["#c9ccd1", PALETTE[4], PALETTE[1], PALETTE[5]] },
          legend: { orient: "top" },
        },
        order: { field: "order" },
      },
    },
  } as ChartSpec;
}
