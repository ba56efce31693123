/** What the refusal experiment leaves to look at. */
import { ABLATION, ANSWER_KINDS, REFERENCE, REFUSAL_EFFECT, STEERED } from "../../../src/analysis/mod.ts";
import { headed, recordTable, resultTable, rowTable } from "../../../src/report/mod.ts";
import {
  chartBlock,
  type CommonFlags,
  type Outcome,
  type OutcomeSection,
  tableBlock,
  textBlock,
} from "../../../src/run/mod.ts";
import { comparableModel, publishedRefusal } from "../published.ts";
import { ablationChart, basesChart, steeringChart } from "./charts.ts";
import { type BestAblation, refusalAnswer, refusalFindings, type RefusalResult } from "./findings.ts";
import { ANSWER, type AnswerRow, DICTIONARY, dictionaryRows } from "./rows.ts";

/** Tables, charts, findings and the answer. */
export function refusalOutcome(flags: CommonFlags, result: RefusalResult): Outcome {
  const { lab, prompts, settings, failed, ablations, references, best } = result;
  const published = publishedRefusal(comparableModel(flags));
  const answers = prompts.map((prompt, i): AnswerRow => ({
    ...{ prompt, before: lab.before.harmful[i] },
    region: best?.confirmation.answers.region[i] ?? null,
    null: best?.confirmation.answers.null?.[i] ?? null,
  }));
  const unable = [
    ...failed.map(({ layer, percentile, reason }) => `Layer ${layer}, p ${percentile}: ${reason}.`),
    ...settings.filter(({ candidates }) => candidates.length === 0).map(({ seed, layer, percentile, occupied }) =>
      `Layer ${layer}, p ${percentile}, seed ${seed}: none of the ${occupied} regions of final positions holds 5 or more ` +
      "of which 30 % are refused."
    ),
  ];
  return {
    title: `Refusal of ${flags.model}`,
    answer: refusalAnswer(result),
    findings: refusalFindings(result),
    tables: {
      ablations: resultTable(ABLATION, ablations),
      dictionaries: resultTable(DICTIONARY, dictionaryRows(settings, failed)),
      references: resultTable(REFERENCE, references),
      steering: resultTable(STEERED, best?.steered ?? []),
      answers: resultTable(ANSWER, answers),
    },
    sections: [
      { heading: "Published", blocks: [textBlock(published)] },
      {
        heading: "Ablation",
        blocks: best
          ? ablationBlocks(result, best)
          : [textBlock("There is nothing to ablate: no dictionary has a region of refusal.")],
      },
      { heading: "Settings that failed", blocks: [textBlock(unable.join("\n\n"))] },
      ...(best ? bestSections(best, answers) : []),
    ],
  };
}

function ablationBlocks({ ablations, references }: RefusalResult, best: BestAblation): OutcomeSection["blocks"] {
  const sweep = rowTable(ABLATION, ablations, [
    ...["layer", "percentile", "seed", "basis", "k", "members", "share", "delta", "loops"] as const,
    ...["nullDelta", "nullLoops", "nullDistance"] as const,
  ]);
  return [
    chartBlock(
      "ablation",
      ablationChart(ablations, references),
      "Change of the refusal rate of held-out harmful prompts when the mean direction of a dictionary's first region of " +
        "refusal is ablated, and that of its null region. Points are stream orders, ticks their mean. Dashed: directions " +
        "that are no region's. Where the null falls too, the ablation says nothing of refusal.",
    ),
    chartBlock(
      "bases",
      basesChart(ablations, best.ablation.layer),
      `The same at layer ${best.ablation.layer} for the first K regions together, by basis. Fewer K: fewer regions of refusal.`,
    ),
    tableBlock(
      {
        columns: [...sweep.columns, "effect"],
        rows: sweep.rows.map((cells, i) => [...cells, ablations[i].delta <= REFUSAL_EFFECT]),
      },
      "Every ablation of the sweep. The null is one region whatever K is.",
      { printed: true },
    ),
    tableBlock(rowTable(REFERENCE, references), "Ablations of directions that are no region's."),
  ];
}

function bestSections({ confirmation, steered }: BestAblation, answers: readonly AnswerRow[]): OutcomeSection[] {
  const { others, harmless } = confirmation;
  return [
    {
      heading: "The best ablation elsewhere",
      blocks: [
        tableBlock(
          recordTable([
            {
              "": "refusal of harmful prompts of other sources",
              "before": others.before,
              ...headed(ANSWER, { region: others.region, null: others.null }),
            },
            ...ANSWER_KINDS.map((kind) => ({
              "": `harmless prompts: ${kind}`,
              "before": null,
              ...headed(ANSWER, { region: harmless.region[kind], null: harmless.null?.[kind] }),
            })),
          ]),
          "The ablation was chosen by its effect on the held-out prompts; these had no part in it.",
        ),
        tableBlock(rowTable(ANSWER, answers.slice(0, 8)), "The first held-out harmful prompts."),
      ],
    },
    {
      heading: "Steering",
      blocks: [
        chartBlock(
          "steering",
          steeringChart(steered),
          "Answers to held-out harmless prompts while a direction is added. α is in mean distances of the build prompts' " +
            "final positions from the center. A refusal counts as coherent if it does not end in a loop.",
        ),
        tableBlock(rowTable(STEERED, steered)),
      ],
    },
  ];
}
