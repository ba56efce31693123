/** What `audit` leaves to look at: tables, charts, report, findings. */
import {
  type Cell,
  formatNumber,
  middleSetting,
  ofSetting,
  sameSetting,
  type Section,
  type SettingKey as Setting,
} from "../../../src/report/mod.ts";
import { type Flags, printTable, type Run } from "../../../src/run/mod.ts";
import { auditChart, counterpartsChart } from "./charts.ts";
import type { AuditedReading, Side, Verdict } from "./measure.ts";
import { auditSentence, auditTable, nameOf, sideOf, summarise } from "./summary.ts";
import { saveAuditTables } from "./tables.ts";

type AuditFlags = { readonly model: string; readonly after: string; readonly alpha: number; readonly seed: number };

// Regions that the report lists of each kind.
const LISTED = 12;

/** Writes everything below `run.out`, prints the tables, and says where the report is. */
export async function reportAudit<F extends Flags>(
  run: Run<F> & { readonly flags: AuditFlags },
  readings: readonly AuditedReading[],
): Promise<void> {
  const { save, manifest, flags } = run;
  const audits = readings.flatMap((reading) => reading.audits);
  await saveAuditTables(save, readings, flags.seed);

  const shown = readings.flatMap((reading) => {
    const told = reading.audits.filter(({ gone }) => Number.isFinite(gone));
    if (told.length === 0) return [];
    const setting = middleSetting(told);
    return [{ reading, setting, summary: summarise(reading.audits, setting) }];
  });
  if (shown.length === 0) {
    throw new Error("Expected a dictionary to audit but no percentile gives one: take larger ones");
  }
  for (const { reading, setting, summary } of shown) {
    const named = Object.entries({ ...setting, ...summary }).map(([key, value]) => [`${reading.name}_${key}`, value]);
    Object.assign(manifest.findings, Object.fromEntries(named));
  }
  manifest.findings.alpha = flags.alpha;

  const firstAudits = shown.flatMap(({ reading, setting }) =>
    ofSetting(reading.audits, setting).filter((audit) => audit.seed === flags.seed)
  );
  const table = auditTable(readings);
  const answer = shown.map((each) => auditSentence(each.reading.name, each.setting, each.summary)).join(" ");
  const sections: Section[] = [
    {
      heading: "Kept, dropped, introduced",
      blocks: [
        await save.chart(
          "audit",
          auditChart(audits, flags.alpha),
          "Share of the regions of before that after has not (dropped), and the other way round (introduced), with " +
            `the false alarms that a fresh order of the same model raises. Dashed: their nominal rate, ${flags.alpha}.`,
        ),
        await save.chart(
          "counterparts",
          counterpartsChart(firstAudits),
          "Each region's nearest counterpart in the other model against that in its own model, both in another " +
            `stream order: ${
              shown.map(({ reading, setting }) => `${reading.name}, ${nameOf(setting)}`).join("; ")
            }. A ` +
            "region far below the diagonal has moved, or is dropped or introduced.",
        ),
        {
          table,
          caption: "Means over stream orders. Where there are too few regions to tell at this rate, none are given.",
        },
      ],
    },
    ...shown.map(({ reading, setting }) => regionSection(reading, setting, flags.seed)),
  ];
  const path = await save.report({
    title: `Audit of ${flags.after}`,
    question: "Which regions did finetuning keep, drop and introduce, and what is in them?",
    answer,
    sections,
  });
  printTable(
    table.rows.map((row) =>
      Object.fromEntries(table.columns.map((column, i) => [column, row[i] as string | number | null]))
    ),
  );
  console.log(`\n${answer}\n\nReport: ${path}`);
}

/** What is in the regions: those introduced, dropped and kept, of the first stream order. */
function regionSection({ name, audits, first }: AuditedReading, setting: Setting, seed: number): Section {
  const listing = (side: Side, verdict: Verdict, what: string) => {
    const audit = sideOf(ofSetting(audits, setting), side).find((each) => each.seed === seed)!;
    const { rows } = sameSetting(first[side], setting)!;
    const regions = audit.regions.filter((region) => region.verdict === verdict)
      .sort(verdict !== "kept" ? (a, b) => b.own - b.across - (a.own - a.across) : (a, b) => b.across - a.across);
    return {
      caption: `${what}: ${formatNumber(regions.length)} of ${formatNumber(audit.regions.length)} audited.`,
      table: {
        columns: ["region", "members", "cosine within", "cosine across", "logit lens", "nearest contexts"],
        rows: regions.slice(0, LISTED).map(({ region, members, own, across }): Cell[] => [
          region,
          members,
          Math.round(own * 1e3) / 1e3,
          Math.round(across * 1e3) / 1e3,
          rows![region].lens.map(({ token }) => token.trim()).join(" · "),
          rows![region].nearest.slice(0, 3).map(({ excerpt }) => excerpt),
        ]),
      },
    };
  };
  return {
    heading: `Regions of ${name}, ${nameOf(setting)}`,
    blocks: [
      {
        text: "The middle layer and percentile of the run. Listed are, of each kind, the " +
          `${LISTED} regions farthest below what their own model's next order gives, and of the kept ones those nearest to ` +
          "the other model's; some are listed by chance, as many as the false alarms say.",
      },
      listing("after", "gone", "Introduced"),
      listing("before", "gone", "Dropped"),
      listing("before", "moved", "Moved"),
      listing("before", "kept", "Kept"),
    ],
  };
}
