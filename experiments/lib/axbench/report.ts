/** What concept detection leaves to look at: tables, charts, report, findings. */
import type { AxBenchConcept } from "../../../src/activations/mod.ts";
import type { Backend } from "../../../src/compute/mod.ts";
import type { LanguageModel } from "../../../src/model/mod.ts";
import type { FailedSetting } from "../../../src/partition/mod.ts";
import { type Flags, printTable, reportTable, type Run } from "../../../src/run/mod.ts";
import { differencesChart, methodsChart, percentilesChart, tokensChart } from "./charts.ts";
import type { Grown } from "./dictionaries.ts";
import { examplesOf } from "./examples.ts";
import { answerOf, axBenchFindings, range, rounded, span } from "./findings.ts";
import { PUBLISHED_AXBENCH } from "./published.ts";
import { curveRows, layerRow, pairRow } from "./report_tables.ts";
import type { Detection } from "./score.ts";
import { Shown } from "./shown.ts";
import { nameOf, pairings, summarise } from "./summary.ts";
import { saveAxBenchTables } from "./tables.ts";

const CHECK =
  "AxBench's positive answers weave a concept into the answer to some other question. Where several concepts share a region, " +
  "or its members have nothing of the concept, the region may tell that weaving, not the concept. Hard negatives weave in " +
  "the concept's words in another sense: the AUROC against them alone, from few texts, is the check in Table 1.";

/** Everything that was measured. */
export interface AxBenchResult {
  readonly concepts: readonly AxBenchConcept[];
  readonly detections: readonly Detection[];
  readonly grown: readonly Grown[];
  /** Settings that give no dictionary. */
  readonly failed: readonly FailedSetting[];
  readonly backend: Backend;
  readonly model: LanguageModel;
}

/** Writes everything below `run.out`, prints the methods, and says where the report is. */
export async function reportAxBench<F extends Flags>(
  run: Run<F> & { readonly flags: { readonly resamples: number } },
  { concepts, detections, grown, failed, backend, model }: AxBenchResult,
): Promise<void> {
  const { save, manifest, flags } = run;
  const options = { resamples: flags.resamples, seed: flags.seed };
  const ways = summarise(detections, options);
  const pairs = pairings(ways, options);
  const shown = new Shown(ways, pairs, detections);

  const chosen = detections.filter((one) => shown.isHeadline(one) && one.seed === flags.seed);
  const dictionary = grown.find((one) => shown.isOf(one) && one.seed === flags.seed)!;
  const examples = await examplesOf(model, backend, dictionary, concepts, chosen);
  await saveAxBenchTables(save, concepts, detections, ways, pairs, examples);
  const distinct = new Set(examples.map(({ region }) => region)).size;
  Object.assign(manifest.findings, {
    ...axBenchFindings(shown, concepts.length),
    distinct_regions: distinct,
    hook: model.hook,
  });

  const answer =
    `${answerOf(shown, concepts.length)} In stream order ${flags.seed} the ${concepts.length} concepts have ` +
    `${distinct} different regions.`;
  const rows = shown.methods.toSorted((a, b) => b.interval.mean - a.interval.mean).map((way) => ({
    method: nameOf(way),
    "AUROC": rounded(way.interval.mean),
    "95 % interval": range(way.interval),
    "train AUROC": rounded(way.train),
    "hard negatives": Number.isNaN(way.hard) ? null : rounded(way.hard),
    "chosen from": Math.round(way.regions),
    "over orders and sets": span(way.byRun),
  }));
  const path = await save.report({
    title: `Concept detection in ${flags.model}`,
    question: "Does a region, chosen by a few labelled texts, detect a concept in held-out texts?",
    answer,
    sections: [
      { heading: "Published", blocks: [{ text: PUBLISHED_AXBENCH }] },
      {
        heading: "Methods",
        blocks: [
          await save.chart(
            "methods",
            methodsChart(shown.methods),
            `Held-out AUROC at ${shown.name}: means over ${concepts.length} concepts with 95 % bootstrap intervals over ` +
              "concepts, rough where concepts are few; ticks are concepts (means over stream orders and random sets). " +
              "Dotted: chance.",
          ),
          {
            table: reportTable(rows),
            caption:
              "The same figures. Every choice is made on train texts only. Hard negatives: AUROC of the positive " +
              "held-out texts against these alone, mean over the concepts that have any. The last column is the range of the " +
              "means of single stream orders and random sets.",
          },
          await save.chart(
            "differences",
            differencesChart(shown.headlinePairs),
            `${
              sentenceCase(nameOf(shown.headline))
            } at ${shown.name} against the others on the same concepts; the random ` +
              "ones are as many and chosen by the same rule. Ticks are concepts, dots their means with 95 % bootstrap intervals.",
          ),
          {
            table: reportTable(shown.pairs.map(pairRow)),
            caption: "Paired differences of every choice among regions.",
          },
        ],
      },
      {
        heading: "Percentiles and tokens",
        blocks: [
          await save.chart(
            "percentiles",
            percentilesChart(shown.atBudget),
            "Held-out AUROC against the percentile of the dictionary, at the largest budget; bars are 95 % bootstrap " +
              "intervals over concepts, dashed lines the trained directions. Random sets have as many directions as the " +
              "dictionaries have regions.",
          ),
          await save.chart(
            "tokens",
            tokensChart(shown.byAurocRule),
            "Held-out AUROC against the tokens that the dictionaries were grown on, AUROC rule. The random sets change only " +
              "in their number of directions.",
          ),
          {
            table: reportTable(curveRows(shown.curve)),
            caption: "Regions by percentile and tokens: held-out AUROC, means over concepts.",
          },
          ...(shown.layers.length > 1
            ? [{
              table: reportTable(shown.byLayer.map(layerRow)),
              caption: "The choice of the first sentence at every layer.",
            }]
            : []),
          ...(failed.length > 0
            ? [{
              text: `No dictionary could be made at: ${
                failed.map(({ layer, percentile }) => `block ${layer}, p ${percentile}`).join("; ")
              } (threshold 0).`,
            }]
            : []),
        ],
      },
      {
        heading: "Concepts and their regions",
        blocks: [
          {
            table: reportTable(concepts.map(({ id, concept }, i) => ({
              concept: `${id}: ${concept}`,
              ...Object.fromEntries(
                shown.methods.filter(({ rule }) => rule !== "contrast").map((way) => [
                  nameOf({ ...way, rule: "" }),
                  rounded(way.byConcept[i]),
                ]),
              ),
            }))),
            caption:
              `Held-out AUROC of every concept at ${shown.name}, AUROC rule, means over stream orders and random sets.`,
          },
          { text: CHECK },
          {
            table: reportTable(examples.map((example) => ({
              concept: `${example.concept.id}: ${example.concept.concept}`,
              AUROC: rounded(example.auroc),
              region: example.region,
              members: example.members,
              "logit lens": example.tokens.join(" · "),
              "nearest members": example.contexts,
            }))),
            caption: `The region that the AUROC rule chose among means at ${shown.name}, stream order ${flags.seed}.`,
          },
        ],
      },
    ],
  });
  printTable(rows);
  console.log(`\n${answer}\n\nReport: ${path}`);
}

const sentenceCase = (text: string) => text[0].toUpperCase() + text.slice(1);
