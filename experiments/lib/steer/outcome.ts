/** What adding and ablating regions' directions says. */
import { closedGap, type Direction, spearman } from "../../../src/analysis/mod.ts";
import {
  distinct,
  figure,
  headed,
  meanOf,
  recordTable,
  resultTable,
  type Setting,
  Sweep,
} from "../../../src/report/mod.ts";
import { chartBlock, type CommonFlags, type Outcome, tableBlock } from "../../../src/run/mod.ts";
import { curvesChart, necessityChart } from "./charts.ts";
import { EFFECT, type EffectRow, summaries, SUMMARY, type SummaryRow } from "./rows.ts";

/** What a layer and percentile comes to for one direction, means over seeds. */
interface Result {
  readonly necessity: number;
  /** The strength of largest sufficiency, and that. */
  readonly alpha: number;
  readonly sufficiency: number;
}

/** A layer and percentile, and what it comes to. */
interface SettingResult {
  readonly name: string;
  readonly layer: number;
  readonly percentile: number;
  readonly region: Result;
  /** At its own best strength; null where no dictionary has two regions. */
  readonly none: Result | null;
}

/**
 * Tables, charts, findings and the answer.
 *
 * @throws {Error} if no region had members enough.
 */
export function steerOutcome(flags: CommonFlags, effects: readonly EffectRow[]): Outcome {
  if (effects.length === 0) {
    throw new Error(
      "Expected regions that hold some positions of both probes, and not all, but found none: probe more prompts, take " +
        "smaller percentiles, or lower --members",
    );
  }
  const means = summaries(effects);
  const results = new Sweep(means).settings.map(resultOf);
  const orders = distinct(effects.map(({ seed }) => seed)).length;
  const isBest = ({ layer, percentile, direction, alpha }: SummaryRow) =>
    results.some((result) =>
      result.layer === layer && result.percentile === percentile &&
      alpha === (direction === "region" ? result.region : result.none)?.alpha
    );
  return {
    title: `Steering ${flags.model} with regions`,
    answer: answer(effects, results),
    findings: findings(effects, results),
    tables: { effects: resultTable(EFFECT, effects), summary: resultTable(SUMMARY, means) },
    sections: [
      {
        heading: "Necessity against sufficiency",
        blocks: [
          chartBlock(
            "necessity",
            necessityChart(means, isBest),
            "Share of the gap between the region's members and all other positions in their divergence from the region's " +
              "typical output: left, how far members leave it when the direction is ablated; right, how near the others come " +
              "when it is added, each at the strength that brings them nearest. Below 0 it acts against. " +
              (orders === 1 ? "There is one stream order." : "Bars are means over stream orders, points the orders."),
          ),
          tableBlock(resultsTable(results), "Means over stream orders.", { printed: true }),
        ],
      },
      {
        heading: "Strength",
        blocks: [
          chartBlock(
            "curves",
            curvesChart(means, largestMargin(results, "sufficiency").layer),
            `Layer ${
              largestMargin(results, "sufficiency").layer
            }: what adding a direction does at all positions, against its ` +
              "strength in mean distances of the probe's activations from the center. Sufficiency is 1 where the output is " +
              "as near to the region's as members' is.",
          ),
        ],
      },
    ],
  };
}

function resultOf(setting: Setting<SummaryRow, "layer" | "percentile">): SettingResult {
  const of = (direction: Direction): Result | null => {
    const closed = (alpha: number | null) => setting.where({ direction, alpha }).mean("closed");
    const necessity = closed(null);
    if (necessity === null) return null;
    const alpha = distinct(setting.values("alpha")).reduce((a, b) => closed(b)! > closed(a)! ? b : a);
    return { necessity, alpha, sufficiency: closed(alpha)! };
  };
  return { name: setting.name, ...setting.key, region: of("region")!, none: of("matched null") };
}

/** The setting whose necessity or sufficiency exceeds its null's most. */
function largestMargin(results: readonly SettingResult[], what: "necessity" | "sufficiency"): SettingResult {
  const margin = ({ region, none }: SettingResult) => region[what] - (none?.[what] ?? 0);
  return results.reduce((a, b) => margin(b) > margin(a) ? b : a);
}

/**
 * Rank correlation over the regions of a setting of the largest share of the gap that steering closes with what the region
 * is like, averaged over settings: between percentiles both change anyway. Null if no setting has regions enough.
 */
function correlation(effects: readonly EffectRow[], of: "members" | "coherence"): number | null {
  return meanOf(
    new Sweep(effects).settings.map((setting) => {
      const steered = setting.where({ direction: "region", kind: "steering" }).rows;
      const regions = new Sweep(steered, ["seed", "region"]).settings.map(({ rows }) => rows);
      const best = regions.map((rows) => Math.max(...rows.map((row) => closedGap([row]))));
      const rho = spearman(best, regions.map(([row]) => row[of]));
      return Number.isNaN(rho) ? null : rho;
    }),
  );
}

function answer(effects: readonly EffectRow[], results: readonly SettingResult[]): string {
  const [best, needed] = [largestMargin(results, "sufficiency"), largestMargin(results, "necessity")];
  const size = correlation(effects, "members");
  const sentences = [
    `Added at α ${best.region.alpha}, a region's direction closes ${
      figure(best.region.sufficiency)
    } of the gap between ` +
    `other positions' outputs and its members' ${
      best.none ? "where it exceeds its null most " : ""
    }(${best.name}; 1 is all of it), ${
      best.none
        ? `a matched null's at its own best strength ${figure(best.none.sufficiency)}`
        : "beside no null, for the dictionary has no second region"
    }.`,
    `Ablated, it takes members ${figure(needed.region.necessity)} of the way to the others (${needed.name})${
      needed.none ? `, the null's ${figure(needed.none.necessity)}` : ""
    }.`,
  ];
  if (size !== null) {
    sentences.push(
      `Over the regions of a percentile, sufficiency has a mean rank correlation of ${
        figure(size)
      } with the region's ` +
        `members and ${figure(correlation(effects, "coherence"))} with its coherence.`,
    );
  }
  return sentences.join(" ");
}

/** Arrays are by setting, by layer, then percentile. */
function findings(effects: readonly EffectRow[], results: readonly SettingResult[]): Outcome["findings"] {
  return {
    layers: results.map(({ layer }) => layer),
    percentiles: results.map(({ percentile }) => percentile),
    necessity: results.map(({ region }) => region.necessity),
    necessity_null: results.map(({ none }) => none?.necessity ?? null),
    best_alpha: results.map(({ region }) => region.alpha),
    sufficiency: results.map(({ region }) => region.sufficiency),
    sufficiency_null: results.map(({ none }) => none?.sufficiency ?? null),
    spearman_sufficiency_size: correlation(effects, "members"),
    spearman_sufficiency_coherence: correlation(effects, "coherence"),
    regions: new Sweep(effects, ["seed", "layer", "percentile", "region"]).settings.length,
  };
}

function resultsTable(results: readonly SettingResult[]) {
  return recordTable(results.map(({ layer, percentile, region, none }) => ({
    ...headed(EFFECT, { layer, percentile }),
    necessity: region.necessity,
    "null necessity": none?.necessity ?? null,
    "best α": region.alpha,
    sufficiency: region.sufficiency,
    "null's best α": none?.alpha ?? null,
    "null sufficiency": none?.sufficiency ?? null,
  })));
}
