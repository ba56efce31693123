/** What the refusal experiment leaves to look at: tables, charts, report, findings. */
import { ANSWER_KINDS } from "../../../src/analysis/mod.ts";
import type { Block, Cell } from "../../../src/report/mod.ts";
import { type Flags, printTable, type Run } from "../../../src/run/mod.ts";
import { comparableModel } from "../published.ts";
import { publishedRefusal } from "./published.ts";
import { ablationChart, basesChart, steeringChart } from "./charts.ts";
import { refusalAnswer, refusalFindings, type RefusalOutcome } from "./findings.ts";
import { refusalTables } from "./tables.ts";
import { EFFECT, type Trial } from "./trials.ts";

/** Writes everything below `run.out`, and prints the answer and the sweep. */
export async function reportRefusal<F extends Flags>(run: Run<F>, outcome: RefusalOutcome): Promise<void> {
  const { save, manifest, flags } = run;
  const { lab, trials, references, best, confirmation, steered, failed, settings } = outcome;
  for (const [name, columns] of Object.entries(refusalTables(outcome))) {
    await save.table(name, columns);
  }
  Object.assign(manifest.findings, refusalFindings(outcome));

  const answer = refusalAnswer(outcome);
  const published = publishedRefusal(comparableModel(flags));
  const unable = [
    ...failed.map(({ layer, percentile, reason }) => `Block ${layer}, p ${percentile}: ${reason}.`),
    ...settings.filter(({ candidates }) => candidates.length === 0).map(({ seed, layer, percentile, occupied }) =>
      `Block ${layer}, p ${percentile}, seed ${seed}: none of the ${occupied} regions of final positions holds 5 or more ` +
      "of which 30 % are refused."
    ),
  ];
  const path = await save.report({
    title: `Refusal of ${flags.model}`,
    question:
      "Does ablating one region of a chat model's prompts take its refusals away, and does steering bring them?",
    answer: published ? `${answer} Published: ${published}` : answer,
    sections: [
      {
        heading: "Ablation",
        blocks: best && references.length > 0
          ? [
            await save.chart(
              "ablation",
              ablationChart(trials, references),
              "Change of the refusal rate of held-out harmful prompts when the mean direction of a dictionary's first " +
                "region of refusal is ablated, and that of its null region. Points are stream orders, ticks their mean. " +
                "Dashed: directions that are no region's. Where the null falls too, the ablation says nothing of refusal.",
            ),
            await save.chart(
              "bases",
              basesChart(trials, best.layer),
              `The same at block ${best.layer} for the first K regions together, by basis. Fewer K: fewer regions of refusal.`,
            ),
            {
              table: trialTable(trials),
              caption: "Every ablation of the sweep. The null is one region whatever K is.",
            },
            {
              table: {
                columns: ["block", "direction", "refusal rate", "change", "loops"],
                rows: references.map(({ layer, direction, refused, delta, loops }) => [
                  layer,
                  direction,
                  refused,
                  delta,
                  loops,
                ]),
              },
              caption: "Ablations of directions that are no region's.",
            },
          ]
          : [{ text: "No dictionary has a region of refusal." }],
      },
      ...(unable.length > 0 ? [{ heading: "Settings that failed", blocks: [{ text: unable.join("\n\n") }] }] : []),
      ...(confirmation && best
        ? [{
          heading: "The best ablation elsewhere",
          blocks: [
            {
              table: {
                columns: ["", "before", "region ablated", "null ablated"],
                rows: [
                  [
                    "refusal of harmful prompts of other sources",
                    confirmation.others.before,
                    confirmation.others.region,
                    confirmation.others.null,
                  ],
                  ...ANSWER_KINDS.map((kind, i): Cell[] => [
                    `harmless prompts: ${kind}`,
                    null,
                    confirmation.harmless.region[i],
                    confirmation.harmless.null[i] ?? null,
                  ]),
                ],
              },
              caption: "The ablation was chosen by its effect on the held-out prompts; these had no part in it.",
            } as Block,
            {
              table: {
                columns: ["prompt", "answer", "region ablated", "null ablated"],
                rows: lab.prompts.harmful.slice(0, 8).map(({ text }, i): Cell[] => [
                  text,
                  lab.before.harmful[i],
                  confirmation.answers.region[i],
                  confirmation.answers.null[i] ?? null,
                ]),
              },
              caption: "The first held-out harmful prompts.",
            } as Block,
          ],
        }]
        : []),
      ...(steered.length > 0
        ? [{
          heading: "Steering",
          blocks: [
            await save.chart(
              "steering",
              steeringChart(steered, ANSWER_KINDS.map((kind) => Number(kind === "unchanged"))),
              "Answers to held-out harmless prompts while a direction is added. α is in mean distances of the build prompts' " +
                "final positions from the center. A refusal counts as coherent if it does not end in a loop.",
            ),
            {
              table: {
                columns: ["direction", "α", "any refusal", ...ANSWER_KINDS, "first answer"],
                rows: steered.map((row): Cell[] => [row.direction, row.alpha, row.refused, ...row.shares, row.example]),
              },
            },
          ],
        }]
        : []),
    ],
  });
  printTable(trials.map(trialRow));
  console.log(`\n${answer}\n\nReport: ${path}`);
}

const round = (value: number) => Math.round(value * 1e3) / 1e3;

function trialRow({ seed, layer, percentile, basis, k, members, share, delta, loops, ...none }: Trial) {
  return {
    block: layer,
    p: percentile,
    seed,
    basis,
    K: k,
    prompts: members,
    "of them refused": round(share),
    change: round(delta),
    loops: round(loops),
    "null change": round(none.nullDelta),
    "null loops": round(none.nullLoops),
    "null distance": round(none.nullDistance),
    effect: delta <= EFFECT ? "yes" : "no",
  };
}

function trialTable(trials: readonly Trial[]) {
  const rows = trials.map(trialRow);
  return {
    columns: Object.keys(rows[0] ?? {}),
    rows: rows.map((row) => Object.values(row).map((cell): Cell => Number.isNaN(cell) ? null : cell)),
  };
}
