/** What the regions between two anchors leave to look at: tables, charts, report, findings. */
import { bareName } from "../../../src/model/mod.ts";
import {
  type Cell,
  formatNumber,
  formatShare,
  meanOfAll as meanOf,
  numberColumn as number,
  ofSetting,
  type TableColumn,
  wholeColumn as whole,
} from "../../../src/report/mod.ts";
import { type Flags, printTable, reportTable, type Run } from "../../../src/run/mod.ts";
import { betweenChart, neighbourhoodChart } from "./charts.ts";
import { type AnchorPair, type Panel, smallestExcess } from "./measure.ts";
import { comparableModel } from "../published.ts";

const PUBLISHED =
  "Gemma-2-2B, layer 12, one pair of anchors: none between at p 16 (K 83), 2 at p 10 (K 203), 55 at p 8 " +
  "(K 292).";

/**
 * Writes everything below `run.out`, prints the figures of every setting, and says where the report is.
 *
 * @throws {Error} if a region between two anchors is not nearer to both than they are to each other.
 */
export async function reportNeighbourhood<F extends Flags>(
  run: Run<F>,
  rows: readonly AnchorPair[],
  panels: readonly Panel[],
): Promise<void> {
  const { save, manifest, flags } = run;
  const excess = smallestExcess(rows);
  const layers = [...new Set(rows.map(({ layer }) => layer))];
  const percentiles = [...new Set(rows.map(({ percentile }) => percentile))].sort((a, b) => b - a);
  const settings = layers.map((layer) => percentiles.map((percentile) => summarise(rows, layer, percentile)));
  const shown = settings[layers.length >> 1];

  await save.table("pairs", pairColumns(rows));
  await save.table("between", betweenColumns(rows));
  const column = (field: keyof Summary) => settings.map((row) => row.map((setting) => setting[field]));
  Object.assign(manifest.findings, {
    layer: shown[0].layer,
    layers,
    percentiles,
    between_count: shown.map(({ between }) => between),
    between_count_control: shown.map(({ control }) => control),
    between_count_typical_pair: panels.map(({ count }) => count),
    between_count_by_layer: column("between"),
    between_count_control_by_layer: column("control"),
    regions_by_layer: column("regions"),
    share_of_pairs_without_between_by_layer: column("empty"),
    share_of_pairs_in_one_region_by_layer: column("merged"),
    share_of_between_from_anchors_by_layer: column("fromAnchors"),
    share_of_all_from_anchors_by_layer: column("fromAnchorsOfAll"),
    pairs: rows.length / settings.flat().length,
    smallest_excess: excess,
  });
  const text = answer(settings, shown, excess);
  const table = settings.flat().map(tableRow);
  const name = `block ${shown[0].layer}`;
  const panel = panels.length === 0
    ? { text: `No pair of ${name} has nothing between it at the coarsest p and two counterparts at every other.` }
    : await save.chart(
      "neighbourhood",
      neighbourhoodChart(panels),
      `A pair of anchors (A, B) of ${name}, seed ${
        panels[0].seed
      }, across p; the coarsest p chooses it: of the closest pairs ` +
        "with nothing between them there, it is the median by regions between at the finest p. Labels are the logit lens " +
        "of mean directions; numbers are cosines, those of the edges all exceed cos(A, B). A dashed line: nothing between.",
    );
  const counts = await save.chart(
    "between",
    betweenChart(rows),
    "Regions between two anchors against p, a panel a block: the closest pairs of the coarsest dictionary followed to finer " +
      "ones, and other pairs of the same cosine in the same dictionary. Dots are seeds, lines their means.",
  );
  const path = await save.report({
    title: `Between close regions of ${flags.model}`,
    question: "What lies between two close regions, and how does it fill up as the dictionary is sharpened?",
    answer: text,
    sections: [
      ...(bareName(comparableModel(flags)) === "gemma-2-2b"
        ? [{ heading: "Published", blocks: [{ text: PUBLISHED }] }]
        : []),
      { heading: "One pair", blocks: [panel] },
      {
        heading: "All pairs",
        blocks: [
          counts,
          {
            table: reportTable(table),
            caption: "Means over pairs and seeds. cos(A, B) and what follows leave out pairs whose anchors have one " +
              "counterpart (one region). From A or B: share of the regions between whose nearest region of the coarsest " +
              "dictionary is A or B, beside that of all regions. Share between: of the dictionary's other regions.",
          },
        ],
      },
    ],
  });
  printTable(table);
  console.log(`\n${text}\n\nReport: ${path}`);
}

/** One layer and percentile, means over pairs and seeds. */
interface Summary {
  readonly layer: number;
  readonly percentile: number;
  readonly regions: number;
  readonly cosine: number;
  readonly between: number;
  readonly controlCosine: number;
  readonly control: number;
  /** Share of the pairs that have nothing between them. */
  readonly empty: number;
  /** Share of the pairs whose anchors have one counterpart. */
  readonly merged: number;
  /** Share of the regions between that come from the anchors, and of all regions. */
  readonly fromAnchors: number;
  readonly fromAnchorsOfAll: number;
  /** Whether more lie between followed pairs than between the others at every seed. */
  readonly isAbove: boolean;
  /** Share of the dictionary's regions that lie between. */
  readonly share: number;
}

function summarise(rows: readonly AnchorPair[], layer: number, percentile: number): Summary {
  const all = ofSetting(rows, { layer, percentile });
  const apart = all.filter(({ count }) => !Number.isNaN(count));
  const mean = (value: (row: AnchorPair) => number, of = apart) => meanOf(of.map(value));
  return {
    layer,
    percentile,
    regions: mean(({ size }) => size, all),
    cosine: mean(({ cosine }) => cosine),
    between: mean(({ count }) => count),
    controlCosine: mean(({ controlCosine }) => controlCosine, apart.filter(hasControl)),
    control: mean(({ controlCount }) => controlCount, apart.filter(hasControl)),
    empty: mean(({ count }) => count === 0 ? 1 : 0),
    merged: mean(({ count }) => Number.isNaN(count) ? 1 : 0, all),
    fromAnchors: mean(({ fromAnchors }) => fromAnchors, apart.filter(({ count }) => count > 0)),
    fromAnchorsOfAll: mean((row) => row.fromAnchorsOfAll, apart.filter(({ count }) => count > 0)),
    isAbove: [...Map.groupBy(apart.filter(hasControl), ({ seed }) => seed).values()].every((of) =>
      mean(({ count }) => count, of) > mean(({ controlCount }) => controlCount, of)
    ),
    share: mean(({ count, size }) => count / (size - 2)),
  };
}

/** A dictionary of two regions has no other pair. */
const hasControl = ({ controlCount }: AnchorPair) => !Number.isNaN(controlCount);

function answer(settings: readonly (readonly Summary[])[], shown: readonly Summary[], excess: number): string {
  const [coarsest, finest] = [shown[0], shown.at(-1)!];
  const figure = (value: number) => formatNumber(value, 3);
  const growing = settings.filter((row) => row.at(-1)!.between > row[0].between).length;
  const above = settings.filter((row) => row.at(-1)!.between > row.at(-1)!.control).length;
  const always = settings.filter((row) => row.at(-1)!.between > row.at(-1)!.control && row.at(-1)!.isAbove).length;
  return [
    `Between the closest pairs of regions at p ${coarsest.percentile} (block ${coarsest.layer}, K ${
      figure(coarsest.regions)
    })`,
    `lie ${figure(coarsest.between)} regions on average, and ${figure(finest.between)} between their counterparts at`,
    `p ${finest.percentile} (K ${figure(finest.regions)}); other pairs of the same cosine have ${
      figure(coarsest.control)
    }`,
    `and ${figure(finest.control)}.`,
    `At p ${coarsest.percentile}, ${formatShare(coarsest.empty)} of the pairs have nothing between them, at p`,
    `${finest.percentile} ${
      formatShare(finest.empty)
    }; where one anchor is the other's nearest region, nothing can be between.`,
    `The number grows from the coarsest to the finest p in ${growing} of ${settings.length} blocks; at the finest it exceeds`,
    `that of pairs of the same cosine in ${above}, at every seed in ${always}.`,
    `Of the regions between at p ${finest.percentile}, ${
      formatShare(finest.fromAnchors)
    } are nearest to A or B among the`,
    `coarsest regions (of all regions ${formatShare(finest.fromAnchorsOfAll)}); the others lie nearest to third ones.`,
    Number.isNaN(excess)
      ? "No region lies between any two."
      : `The rule was checked on every region between: the smallest excess over cos(A, B) is ${figure(excess)}.`,
  ].join(" ");
}

const rounded = (value: number): Cell & (number | null) => Number.isNaN(value) ? null : Math.round(value * 1e3) / 1e3;

function tableRow(setting: Summary) {
  return {
    block: setting.layer,
    p: setting.percentile,
    K: Math.round(setting.regions),
    "cos(A, B)": rounded(setting.cosine),
    between: rounded(setting.between),
    "share between": rounded(setting.share),
    "control: cosine": rounded(setting.controlCosine),
    "control: between": rounded(setting.control),
    "nothing between": rounded(setting.empty),
    "one region": rounded(setting.merged),
    "from A or B": rounded(setting.fromAnchors),
    "of all regions": rounded(setting.fromAnchorsOfAll),
  };
}

function pairColumns(rows: readonly AnchorPair[]): TableColumn[] {
  const of = <K extends keyof AnchorPair>(field: K) => rows.map((row) => row[field]);
  return [
    ...settingColumns(rows),
    whole("regions", of("size"), "of the dictionary"),
    { name: "cosine", values: of("cosine"), description: "cos(A, B), mean directions" },
    { name: "cosine_to_a", values: of("cosineToA"), description: "of A with the coarsest dictionary's A" },
    { name: "cosine_to_b", values: of("cosineToB"), description: "of B with the coarsest dictionary's B" },
    { name: "between", values: of("count"), description: "regions between; NaN where A and B are one region" },
    {
      name: "from_anchors",
      values: of("fromAnchors"),
      description: "share of them nearest to A or B at the coarsest p",
    },
    { name: "from_anchors_of_all", values: of("fromAnchorsOfAll"), description: "the same share of all regions" },
    { name: "control_cosine", values: of("controlCosine"), description: "mean of the other pairs of the same cosine" },
    { name: "control_between", values: of("controlCount"), description: "mean regions between those" },
  ];
}

function betweenColumns(rows: readonly AnchorPair[]): TableColumn[] {
  const all = rows.flatMap((row) => row.between.map((between) => ({ ...row, ...between })));
  return [
    ...settingColumns(all),
    whole("region", all.map(({ region }) => region), "C, between A and B"),
    number("cosine", all.map(({ cosine }) => cosine), "cos(A, B)"),
    number("cosine_a", all.map(({ cosineA }) => cosineA), "cos(A, C)"),
    number("cosine_b", all.map(({ cosineB }) => cosineB), "cos(C, B)"),
  ];
}

function settingColumns(rows: readonly AnchorPair[]): TableColumn[] {
  const of = <K extends keyof AnchorPair>(field: K) => rows.map((row) => row[field]);
  return [
    whole("seed", of("seed"), "of the stream order"),
    whole("layer", of("layer"), "block that is read, at the hook of the run"),
    number("percentile", of("percentile"), "p, 0..100"),
    whole("pair", of("pair"), "rank among the coarsest dictionary's closest pairs"),
    whole("a", of("a"), "region of anchor A"),
    whole("b", of("b"), "region of anchor B"),
  ];
}
