/** What `drift` leaves to look at: tables, charts, report, findings. */
import { TEMPLATE_PARTS } from "../../../src/activations/mod.ts";
import { middleSetting, ofSetting, type Section } from "../../../src/report/mod.ts";
import { type Flags, type Places, printTable, type Run } from "../../../src/run/mod.ts";
import { accuracyChart, finalTokensChart, matchesChart, mediansChart, positionsChart } from "./charts.ts";
import { matchFindings, tokenFindings } from "./findings.ts";
import { matchTable, refusalTable, rowsOf, tokenTable } from "./report_tables.ts";
import { bestBaseSentence, matchSentence, refusalSentence, tokenSentence } from "./sentences.ts";
import { clearestSetting, summarise } from "./summary.ts";
import type { DriftResult } from "./result.ts";
import { saveDriftTables } from "./tables.ts";
import { comparableModel } from "../published.ts";

type DriftFlags = { readonly cut: number; readonly model: string; readonly minMembers: number };

/** Writes everything below `run.out`, prints the tables, and says where the report is. */
export async function reportDrift<F extends Flags>(
  run: Run<F> & { readonly flags: DriftFlags },
  result: DriftResult,
): Promise<void> {
  const { save, manifest, flags } = run;
  const { matches, tokens } = result;
  await saveDriftTables(save, result);

  const matched = middleSetting(matches);
  const summary = summarise(ofSetting(matches, matched), flags.cut);
  const atP = matches.filter(({ percentile }) => percentile === matched.percentile);
  const told = clearestSetting(tokens);
  Object.assign(manifest.findings, matchFindings(matches, matched, summary, flags.cut));
  const sections: Section[] = [{
    heading: "The same texts through both models",
    blocks: [
      await save.chart(
        "matches",
        matchesChart(atP, flags.cut),
        `Share of the matched pairs that reach a cosine, p ${matched.percentile}: lines are means over stream ` +
          `orders, bands their range. Dashed: the cut, ${flags.cut}.`,
      ),
      await save.chart(
        "medians",
        mediansChart(matches),
        "Median cosine of the matched pairs by p; each point is a pair of stream orders.",
      ),
      { table: matchTable(comparableModel(flags), matches), caption: "Means over stream orders, at the cut." },
    ],
  }];

  const sentences = [matchSentence(matched, summary, flags.cut)];
  if (told) {
    const shown = ofSetting(tokens, told);
    const refusals = ofSetting(result.refusals, told);
    Object.assign(manifest.findings, tokenFindings(told, shown, tokens, refusals, result));
    sentences.push(tokenSentence(told, shown), bestBaseSentence(tokens), refusalSentence(refusals));
    sections.push({
      heading: "The same chat prompts through both models",
      blocks: [
        {
          text:
            `The setting shown, block ${told.layer} and p ${told.percentile}, is the one at which the regions of the ` +
            "instruct model separate the prompts they were grown on most clearly (purity above that of shuffled labels); " +
            "the table has all settings.",
        },
        await save.chart(
          "final-tokens",
          finalTokensChart(shown),
          `The final tokens of ${result.labels.harmful.length} prompts, half of them harmful.`,
        ),
        await save.chart(
          "accuracy",
          accuracyChart(tokens),
          "Held-out prompts told harmful or harmless by the majority of their final token's region. Dashed: chance.",
        ),
        ...(result.refusals.length === 0 ? [] : [
          await save.chart(
            "positions",
            positionsChart(result.refusals, overallParts(result.places)),
            "Where in the prompts the members of the refusal region lie, and those of the regions nearest to it, at " +
              "every setting that has a refusal region; means over stream orders.",
          ),
        ]),
        { table: tokenTable(tokens, result), caption: "Final tokens by setting, means over stream orders." },
        { table: refusalTable(result.refusals), caption: "Refusal regions, and the nearest regions to them." },
      ],
    });
  } else sentences.push("No dictionary of the chat prompts could be made: every percentile has a threshold of 0.");

  const path = await save.report({
    title: `Drift from ${flags.model}`,
    question: "What does finetuning do to a model's regions, beyond what another stream order does?",
    answer: sentences.filter(Boolean).join(" "),
    sections,
  });
  printTable(rowsOf(matchTable(comparableModel(flags), matches)));
  if (told) {
    console.log();
    printTable(rowsOf(tokenTable(tokens, result)));
  }
  console.log(`\n${sentences.filter(Boolean).join("\n")}\n\nReport: ${path}`);
}

function overallParts({ part }: Places): number[] {
  return TEMPLATE_PARTS.map((one) => part.filter((each) => each === one).length / part.length);
}
