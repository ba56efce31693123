/** What the steering experiment leaves to look at: tables, charts, report, findings. */
import { type Flags, printTable, reportTable, type Run } from "../../../src/run/mod.ts";
import { curvesChart, necessityChart } from "./charts.ts";
import type { Effect } from "./measure.ts";
import { predictors, results, steerFindings, type SteerResult, type SteerSummary, summarise } from "./summary.ts";
import { effectColumns, summaryColumns } from "./tables.ts";

/**
 * Writes everything below `run.out`, and prints the answer and the results.
 *
 * @throws {Error} if no region had members enough.
 */
export async function reportSteer<F extends Flags>(run: Run<F>, effects: readonly Effect[]): Promise<void> {
  const { save, manifest, flags } = run;
  if (effects.length === 0) {
    throw new Error(
      "Expected regions that hold positions of both probes but found none: probe more prompts, or lower --members",
    );
  }
  const summaries = summarise(effects);
  const found = results(summaries);
  await save.table("effects", effectColumns(effects));
  await save.table("summary", summaryColumns(summaries));
  const best = largestMargin(found);
  const isBest = (row: SteerSummary) =>
    found.some((result) =>
      result.layer === row.layer && result.percentile === row.percentile &&
      row.alpha === (row.direction === "region" ? result.alpha : result.alphaNull)
    );
  Object.assign(manifest.findings, steerFindings(effects, summaries));
  const answer = steerAnswer(effects, found);
  const rows = found.map(resultRow);
  const path = await save.report({
    title: `Steering ${flags.model} with regions`,
    question:
      "Which regions can steer the model: is a region's direction needed for its output, or enough to bring it about?",
    answer,
    sections: [
      {
        heading: "Necessity against sufficiency",
        blocks: [
          await save.chart(
            "necessity",
            necessityChart(summaries, isBest),
            "Share of the gap between the region's members and all other positions in their divergence from the region's " +
              "typical output: left, how far members leave it when the direction is ablated; right, how near the others come " +
              "when it is added, each at the strength that brings them nearest. Bars are means over stream orders, points the " +
              "orders. Below 0 it acts against.",
          ),
          {
            table: reportTable(rows),
            caption: "Means over stream orders.",
          },
        ],
      },
      {
        heading: "Strength",
        blocks: [
          await save.chart(
            "curves",
            curvesChart(summaries, best.layer),
            `Block ${best.layer}: what adding a direction does at all positions, against its strength in mean distances of the ` +
              "probe's activations from the center. Sufficiency is 1 where the output is as near to the region's as members' is.",
          ),
        ],
      },
    ],
  });
  printTable(rows);
  console.log(`\n${answer}\n\nReport: ${path}`);
}

/** The setting whose sufficiency exceeds its null's most. */
function largestMargin(found: readonly SteerResult[]): SteerResult {
  const margin = (result: SteerResult) => result.sufficiency - result.sufficiencyNull;
  return found.reduce((a, b) => margin(b) > margin(a) ? b : a);
}

function steerAnswer(effects: readonly Effect[], found: readonly SteerResult[]): string {
  const best = largestMargin(found);
  const needed = found.reduce((a, b) => b.necessity - b.necessityNull > a.necessity - a.necessityNull ? b : a);
  const { size, coherence } = predictors(effects);
  const at = ({ layer, percentile }: SteerResult) => `block ${layer}, p ${percentile}`;
  return [
    `Added at α ${best.alpha}, a region's direction closes ${
      share(best.sufficiency)
    } of the gap between other positions' ` +
    `outputs and its members' where it exceeds its null most (${
      at(best)
    }; 1 is all of it), a matched null's at its own best strength ` +
    `${share(best.sufficiencyNull)}.`,
    `Ablated, it takes members ${share(needed.necessity)} of the way to the others (${at(needed)}), the null's ` +
    `${share(needed.necessityNull)}.`,
    Number.isNaN(size)
      ? ""
      : `Over the regions of a percentile, sufficiency has a mean rank correlation of ${share(size)} with ` +
        `the region's members and ${share(coherence)} with its coherence.`,
  ].join(" ").trim();
}

const share = (value: number) => value.toFixed(2).replace("-", "−");

const round = (value: number) => Math.round(value * 1e3) / 1e3;

function resultRow(result: SteerResult) {
  return {
    block: result.layer,
    p: result.percentile,
    necessity: round(result.necessity),
    "null necessity": round(result.necessityNull),
    "best α": result.alpha,
    sufficiency: round(result.sufficiency),
    "null's best α": result.alphaNull,
    "null sufficiency": round(result.sufficiencyNull),
  };
}
