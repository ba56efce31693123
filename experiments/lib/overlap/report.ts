/** What `overlap` leaves to look at: tables, charts, report, findings. */
import type { LanguageModel } from "../../../src/model/mod.ts";
import type { FailedSetting } from "../../../src/partition/mod.ts";
import type { Section } from "../../../src/report/mod.ts";
import { type Flags, type FlagValues, printTable, reportTable, type Run } from "../../../src/run/mod.ts";
import { distributionChart, overlapChart, sizesChart } from "./charts.ts";
import { type Example, examplesOf } from "./examples.ts";
import { findingsOf } from "./findings.ts";
import type { Heldout } from "./heldout.ts";
import type { FeatureFirings, Measured } from "./measure.ts";
import { publishedOverlap } from "./published.ts";
import { exampleRows, featureShares, regionShares, sizeTableRow } from "./report_tables.ts";
import { sizeRows } from "./sizes.ts";
import { answer, percentileOf } from "./summary.ts";
import { exampleColumns, featureColumns, regionColumns, sizeColumns, summaryColumns } from "./tables.ts";

/** Everything that was measured, and what examples are read from. */
export interface OverlapResult {
  readonly measured: readonly Measured[];
  /** Percentiles that give no dictionary. */
  readonly failed: readonly FailedSetting[];
  readonly features: FeatureFirings;
  /** Decoder of the SAE, `features x dim`. */
  readonly decoder: Float32Array;
  readonly heldout: Heldout;
  readonly model: LanguageModel;
}

type OverlapFlags = Flags & { readonly minimum: { type: "integer"; default: number } };

/** Writes everything below `run.out`, prints the figures of every percentile, and says where the report is. */
export async function reportOverlap<F extends OverlapFlags>(run: Run<F>, result: OverlapResult): Promise<void> {
  const { save, manifest, flags } = run;
  const { minimum } = flags as FlagValues<OverlapFlags>;
  const { measured, failed, features: { firings } } = result;
  // The percentile of the plain figures is the middle of the sweep (the finer of two), whatever came out.
  const shown = measured[(measured.length - 1) >> 1];
  const sizes = measured.flatMap((at) => sizeRows(at, firings, minimum));
  const examples = await examplesOf(shown, { ...result, features: firings });
  await save.table("regions", regionColumns(measured, firings));
  await save.table("features", featureColumns(measured, firings));
  await save.table("summary", summaryColumns(measured));
  await save.table("sizes", sizeColumns(sizes));
  await save.table("examples", exampleColumns(examples, percentileOf(shown)));
  Object.assign(manifest.findings, findingsOf(measured, shown, failed));

  const [regions, features] = [measured.map(regionShares), measured.map(featureShares)];
  const text = answer(measured, shown, minimum);
  const place = `p ${percentileOf(shown)}, first stream order`;
  const ofShown = sizes.filter(({ percentile }) => percentile === percentileOf(shown));
  const path = await save.report({
    title: `EP regions and SAE features of ${flags.model}`,
    question: "Do the regions of a dictionary and the features of an SAE fire on the same tokens?",
    answer: `${text} ${publishedOverlap(flags)}`,
    sections: [
      {
        heading: "How far they agree",
        blocks: [
          await save.chart(
            "overlap",
            overlapChart(measured),
            `Share of the units with ${minimum} or more firings whose best F1 is above 0.5, over p. Points are stream orders ` +
              "or draws, lines their means. Random exemplars: as many training activations in the exemplars' place. Another " +
              "order: its regions are fewer to choose from than features are. Token ids: the F1 of a unit with all " +
              "occurrences of one token. Strongest tokens: the published measure.",
          ),
          {
            table: reportTable(regions),
            caption:
              "EP regions, means over orders or draws. K: regions; counted: those that fire often enough; within θ: share of the " +
              "held-out activations. The columns from permuted on are the share with F1 > 0.5 of each comparison.",
          },
          { table: reportTable(features), caption: "The same of SAE features." },
          ...failed.map(({ percentile, reason }) => ({ text: `No dictionary at p ${percentile}: ${reason}.` })),
          await save.chart(
            "distribution",
            distributionChart(shown),
            `Share of the units whose best F1 is above every cut, at p ${
              percentileOf(shown)
            }; orders and draws pooled.`,
          ),
        ],
      },
      {
        heading: "By how often they fire",
        blocks: [
          await save.chart(
            "sizes",
            sizesChart(shown, firings),
            `Best F1 against firings at ${place}, a dot a unit; grey dots are the same units with the tokens permuted.`,
          ),
          { table: reportTable(ofShown.map(sizeTableRow)), caption: `The same in bins that double in size, ${place}.` },
        ],
      },
      ...exampleSections(examples, place),
    ],
  });
  printTable(regions);
  console.log("\nSAE features:\n");
  printTable(features);
  console.log(`\n${text} ${publishedOverlap(flags)}\n\nReport: ${path}`);
}

function exampleSections(examples: readonly Example[], place: string): Section[] {
  const section = (kind: Example["kind"], heading: string, caption: string): Section => {
    const rows = exampleRows(examples.filter((example) => example.kind === kind));
    return {
      heading,
      blocks: rows.length === 0 ? [{ text: "None." }] : [{ table: reportTable(rows), caption: `${caption} ${place}.` }],
    };
  };
  return [
    section(
      "shared",
      "Shared core",
      "Pairs of highest F1, one to one. Contexts are firings at equal steps along the stream, not the strongest.",
    ),
    section(
      "shared, no single token",
      "Shared core beyond single tokens",
      "Pairs of highest F1 whose region no token id matches with an F1 above 0.5.",
    ),
    section(
      "EP only",
      "What only EP has",
      "Of the larger and more coherent half of the regions those of lowest best F1, and the features that cover most of them.",
    ),
    section(
      "SAE only",
      "What only the SAE has",
      "Of the features that fire most (half of them) those of lowest best F1, and the regions that cover most of them.",
    ),
  ];
}
