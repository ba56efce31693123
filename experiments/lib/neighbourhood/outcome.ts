/** What lies between close regions. */
import { smallestExcess } from "../../../src/analysis/mod.ts";
import { bareName } from "../../../src/model/mod.ts";
import {
  exceeds,
  figure,
  headed,
  meansText,
  middleOf,
  orNull,
  percent,
  recordTable,
  resultTable,
  Rows,
  type Setting,
  Sweep,
  tallyText,
} from "../../../src/report/mod.ts";
import { chartBlock, type CommonFlags, type Outcome, tableBlock, textBlock } from "../../../src/run/mod.ts";
import { comparableModel } from "../published.ts";
import { betweenChart, neighbourhoodChart } from "./charts.ts";
import { BETWEEN, betweenRows, PAIR, type PairRow, type Panel } from "./rows.ts";

const PUBLISHED =
  "Gemma-2-2B, layer 12, one pair of anchors: none between at p 16 (K 83), 2 at p 10 (K 203), 55 at p 8 " +
  "(K 292).";

type PairSetting = Setting<PairRow, "layer" | "percentile">;

/**
 * Tables, charts, findings and the answer.
 *
 * @param panels The pair that is shown, in every dictionary of its layer; none if there is no typical one.
 * @throws {Error} if a region between two anchors is not nearer to both than they are to each other, or there is no pair.
 */
export function neighbourhoodOutcome(
  flags: CommonFlags,
  rows: readonly PairRow[],
  panels: readonly Panel[],
): Outcome {
  if (rows.length === 0) {
    throw new Error("Expected pairs of regions but no dictionary has two regions at every p: take smaller percentiles");
  }
  const sweep = new Sweep(rows);
  const layers = sweep.each("layer").map((layer) => new LayerPairs(layer, sweep.where({ layer }).settings));
  const shown = middleOf(layers);
  const excess = smallestExcess(rows);
  return {
    title: `Between close regions of ${flags.model}`,
    answer: answer(layers, shown, excess),
    findings: {
      ...findings(layers, shown),
      between_count_typical_pair: panels.map(({ between }) => between),
      pairs: rows.length / sweep.settings.length,
      smallest_excess: excess,
    },
    tables: { pairs: resultTable(PAIR, rows), between: resultTable(BETWEEN, betweenRows(rows)) },
    sections: [
      {
        heading: "Published",
        blocks: [bareName(comparableModel(flags)) === "gemma-2-2b" && textBlock(PUBLISHED)],
      },
      {
        heading: "One pair",
        blocks: [
          panels.length === 0
            ? textBlock(
              `No pair of layer ${shown.layer} has nothing between it at the coarsest p and two counterparts at every other.`,
            )
            : chartBlock(
              "neighbourhood",
              neighbourhoodChart(panels),
              `A pair of anchors (A, B) of layer ${shown.layer}, seed ${
                panels[0].seed
              }, across p; the coarsest p chooses ` +
                "it: of the closest pairs with nothing between them there, it is the median by regions between at the finest " +
                "p. Labels are the logit lens of mean directions; numbers are cosines, those of the edges all exceed " +
                "cos(A, B). A dashed line: nothing between.",
            ),
        ],
      },
      {
        heading: "All pairs",
        blocks: [
          chartBlock(
            "between",
            betweenChart(rows),
            "Regions between two anchors against p, a panel a layer: the closest pairs of the coarsest dictionary followed " +
              `to finer ones, and other pairs of the same cosine in the same dictionary. ${
                meansText(sweep.each("seed").length, "seeds", sweep.each("percentile").length)
              }`,
          ),
          tableBlock(
            pairTable(layers),
            "Means over pairs and seeds. cos(A, B) and what follows leave out pairs whose anchors have one counterpart (one " +
              "region). From A or B: share of the regions between whose nearest region of the coarsest dictionary is A or B, " +
              "beside that of all regions. Share between: of the dictionary's other regions.",
            { printed: true },
          ),
        ],
      },
    ],
  };
}

/** The settings of one layer, coarsest first. */
class LayerPairs {
  readonly settings: readonly PairSetting[];
  constructor(readonly layer: number, settings: readonly PairSetting[]) {
    this.settings = settings.toReversed();
  }

  get coarsest(): PairSetting {
    return this.settings[0];
  }

  get finest(): PairSetting {
    return this.settings.at(-1)!;
  }
}

/** The pairs whose anchors are two regions. */
const apart = (setting: Rows<PairRow>) => new Rows(setting.rows.filter(({ between }) => between !== null));

/** Those beside which there are others; a dictionary of two regions has no other pair. */
const compared = (setting: Rows<PairRow>) =>
  new Rows(apart(setting).rows.filter(({ controlBetween }) => controlBetween !== null));

/** Those that have something between them. */
const filled = (setting: Rows<PairRow>) => new Rows(apart(setting).rows.filter(({ between }) => between! > 0));

/** A share of the rows. */
const shareOf = (rows: Rows<PairRow>, holds: (row: PairRow) => boolean) => rows.mean((row) => Number(holds(row)));

const isEmpty = ({ between }: PairRow) => between === 0;
const isOneRegion = ({ between }: PairRow) => between === null;

/** Whether more lie between followed pairs than between the others, means over pairs and seeds. */
const isAbove = (setting: PairSetting) =>
  exceeds(apart(setting).mean("between"), compared(setting).mean("controlBetween"));

/** Whether they do at every seed, too. */
const isAlwaysAbove = (setting: PairSetting) =>
  isAbove(setting) &&
  new Sweep(compared(setting).rows, ["seed"]).settings.every((own) =>
    exceeds(own.mean("between"), own.mean("controlBetween"))
  );

function answer(layers: readonly LayerPairs[], shown: LayerPairs, excess: number | null): string {
  const { coarsest, finest } = shown;
  const count = (holds: (layer: LayerPairs) => boolean) => layers.filter(holds).length;
  const size = (setting: PairSetting) => figure(setting.mean("regions"));
  const between = (setting: PairSetting) => figure(apart(setting).mean("between"));
  const control = (setting: PairSetting) => figure(compared(setting).mean("controlBetween"));
  const grows = ({ coarsest, finest }: LayerPairs) =>
    exceeds(apart(finest).mean("between"), apart(coarsest).mean("between"));
  const isSharpened = coarsest !== finest;
  const isRepeated = new Sweep(finest.rows, ["seed"]).settings.length > 1;
  const tally = (holds: (layer: LayerPairs) => boolean) => tallyText(count(holds), layers.length, "layer");
  return [
    `Between the closest pairs of regions at p ${coarsest.key.percentile} (layer ${shown.layer}, K ${size(coarsest)})`,
    ...(isSharpened
      ? [
        `lie ${between(coarsest)} regions on average, and ${between(finest)} between their counterparts at`,
        `p ${finest.key.percentile} (K ${size(finest)}); other pairs of the same cosine have ${control(coarsest)}`,
        `and ${control(finest)}.`,
      ]
      : [`lie ${between(coarsest)} regions on average; other pairs of the same cosine have ${control(coarsest)}.`]),
    `At p ${coarsest.key.percentile}, ${
      percent(shareOf(apart(coarsest), isEmpty))
    } of the pairs have nothing between them${
      isSharpened ? `, at p ${finest.key.percentile} ${percent(shareOf(apart(finest), isEmpty))}` : ""
    }; where one anchor is the other's nearest region, nothing can be between.`,
    isSharpened
      ? `The number grows from the coarsest to the finest p ${tally(grows)}; at the finest it exceeds`
      : "How it fills up as the dictionary is sharpened could not be asked: that takes two percentiles. The number exceeds",
    `that of pairs of the same cosine ${tally(({ finest }) => isAbove(finest))}${
      isRepeated ? `, at every seed ${tally(({ finest }) => isAlwaysAbove(finest))}` : ""
    }.`,
    ...(filled(finest).rows.length === 0 || !isSharpened ? [] : [
      `Of the regions between at p ${finest.key.percentile}, ${
        percent(filled(finest).mean("fromAnchors"))
      } are nearest to A or`,
      `B among the coarsest regions (of all regions ${
        percent(filled(finest).mean("fromAnchorsOfAll"))
      }); the others lie`,
      "nearest to third ones.",
    ]),
    excess === null
      ? "No region lies between any two."
      : `The rule was checked on every region between: the smallest excess over cos(A, B) is ${figure(excess)}.`,
  ].join(" ");
}

function pairTable(layers: readonly LayerPairs[]) {
  return recordTable(layers.flatMap(({ layer, settings }) =>
    settings.map((setting) => ({
      ...headed(PAIR, {
        layer,
        percentile: setting.key.percentile,
        regions: Math.round(setting.mean("regions")!),
        cosine: apart(setting).mean("cosine"),
        between: apart(setting).mean("between"),
      }),
      "share between": apart(setting).mean(({ between, regions: size }) => orNull(between! / (size - 2))),
      ...headed(PAIR, {
        controlCosine: compared(setting).mean("controlCosine"),
        controlBetween: compared(setting).mean("controlBetween"),
      }),
      "nothing between": shareOf(apart(setting), isEmpty),
      "one region": shareOf(setting, isOneRegion),
      ...headed(PAIR, {
        fromAnchors: filled(setting).mean("fromAnchors"),
        fromAnchorsOfAll: filled(setting).mean("fromAnchorsOfAll"),
      }),
    }))
  ));
}

/** Arrays are by percentile, coarsest first; `_by_layer` by layer, then percentile. */
function findings(layers: readonly LayerPairs[], shown: LayerPairs): Outcome["findings"] {
  const of = (layer: LayerPairs, value: (setting: PairSetting) => number | null) => layer.settings.map(value);
  const byLayer = (value: (setting: PairSetting) => number | null) => layers.map((layer) => of(layer, value));
  const between = (setting: PairSetting) => apart(setting).mean("between");
  const control = (setting: PairSetting) => compared(setting).mean("controlBetween");
  return {
    layer: shown.layer,
    layers: layers.map(({ layer }) => layer),
    percentiles: shown.settings.map(({ key }) => key.percentile),
    between_count: of(shown, between),
    between_count_control: of(shown, control),
    between_count_by_layer: byLayer(between),
    between_count_control_by_layer: byLayer(control),
    regions_by_layer: byLayer((setting) => setting.mean("regions")),
    share_of_pairs_without_between_by_layer: byLayer((setting) => shareOf(apart(setting), isEmpty)),
    share_of_pairs_in_one_region_by_layer: byLayer((setting) => shareOf(setting, isOneRegion)),
    share_of_between_from_anchors_by_layer: byLayer((setting) => filled(setting).mean("fromAnchors")),
    share_of_all_from_anchors_by_layer: byLayer((setting) => filled(setting).mean("fromAnchorsOfAll")),
  };
}
