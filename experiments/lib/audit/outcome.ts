/** What the audits say of a finetuning. */
import { type Fate, median } from "../../../src/analysis/mod.ts";
import type { FailedSetting } from "../../../src/partition/mod.ts";
import {
  type Cell,
  type Figure,
  figure,
  formatNumber,
  headed,
  percent,
  recordTable,
  resultTable,
  type Setting,
  Sweep,
} from "../../../src/report/mod.ts";
import { chartBlock, type Outcome, type OutcomeSection, tableBlock, textBlock } from "../../../src/run/mod.ts";
import { auditChart, counterpartsChart } from "./charts.ts";
import { AUDIT, type AuditedReading, type AuditRow, REGION, type RegionRow, type Side, SIDES } from "./rows.ts";

type AuditSetting = Setting<AuditRow, "layer" | "percentile">;
type Summary = ReturnType<typeof summarise>;

/** Regions that the report lists of each kind. */
const LISTED = 12;

/** Tables, charts, findings and the answer. */
export function auditOutcome(
  { after, alpha, seed }: { readonly after: string; readonly alpha: number; readonly seed: number },
  readings: readonly AuditedReading[],
): Outcome {
  const audits = readings.flatMap((reading) => reading.audits);
  const regions = readings.flatMap((reading) => reading.regions);
  const shown = readings.flatMap((reading) => {
    const told = new Sweep(reading.audits.filter(({ gone }) => gone !== null));
    return told.settings.length === 0 ? [] : [{ ...reading, setting: told.middle, summary: summarise(told.middle) }];
  });
  const named = shown.flatMap(({ name, setting, summary }) =>
    Object.entries({ ...setting.key, ...summary }).map(([key, value]) => [`${name}_${key}`, value])
  );
  return {
    title: `Audit of ${after}`,
    answer: shown.length === 0
      ? noneAnswer(readings)
      : shown.map(({ name, setting, summary }) => answer(name, setting, summary)).join(" "),
    findings: { ...Object.fromEntries(named), alpha },
    tables: { audits: resultTable(AUDIT, audits), regions: resultTable(REGION, regions) },
    sections: [
      {
        heading: "Kept, dropped, introduced",
        blocks: [
          chartBlock(
            "audit",
            auditChart(audits, alpha),
            "Share of the regions of before that after has not (dropped), and the other way round (introduced), with " +
              `the false alarms that a fresh order of the same model raises. Dashed: their nominal rate, ${alpha}.`,
          ),
          shown.length > 0 && chartBlock(
            "counterparts",
            counterpartsChart(shown.flatMap(({ setting }) => setting.where({ seed }).rows)),
            "Each region's nearest counterpart in the other model against that in its own model, both in another " +
              `stream order: ${shown.map(({ name, setting }) => `${name}, ${setting.name}`).join("; ")}. A ` +
              "region far below the diagonal has moved, or is dropped or introduced.",
          ),
          tableBlock(
            auditTable(readings),
            "Means over stream orders. Where there are too few regions to tell at this rate, none are given.",
            { printed: true },
          ),
        ],
      },
      ...shown.map(({ name, setting, regions }) =>
        regionSection(`Regions of ${name}, ${setting.name}`, new Sweep(regions).at(setting.key)!.rows)
      ),
    ],
  };
}

/** Why nothing could be audited. */
function noneAnswer(readings: readonly AuditedReading[]): string {
  const [failure] = readings.flatMap(({ failed }) => [...failed.before, ...failed.after]);
  const regions = readings.some(({ audits }) => audits.length > 0);
  return `What finetuning changed could not be asked: ${
    regions || !failure
      ? "no dictionary has regions enough of --min-members to tell a change from noise at --alpha. Give more texts, or lower --min-members"
      : `no percentile gives a dictionary in both models. ${failure.reason}`
  }.`;
}

/** Means over stream orders. */
function summarise(setting: AuditSetting) {
  const mean = (side: Side, of: Figure<AuditRow>) => setting.where({ side }).mean(of);
  const medianOf = (of: "cosineAcross" | "cosineWithin") =>
    mean("before", ({ verdicts }) => verdicts.length === 0 ? null : median(Float64Array.from(verdicts, (v) => v[of])));
  return {
    regions_before: mean("before", "audited"),
    regions_after: mean("after", "audited"),
    kept_share: mean("before", ({ moved, gone }) => moved === null || gone === null ? null : 1 - moved - gone),
    moved_share: mean("before", "moved"),
    dropped_share: mean("before", "gone"),
    false_alarms_before: mean("before", "falseAlarms"),
    introduced_share: mean("after", "gone"),
    false_alarms_after: mean("after", "falseAlarms"),
    counterpart_cosine: medianOf("cosineAcross"),
    noise_floor_cosine: medianOf("cosineWithin"),
  };
}

function answer(name: string, setting: AuditSetting, summary: Summary): string {
  return [
    `On ${name} (${setting.name}), finetuning dropped ${percent(summary.dropped_share)} of the`,
    `${count(summary.regions_before)} regions audited before, moved ${
      percent(summary.moved_share)
    } of them beyond order`,
    `noise, and introduced ${percent(summary.introduced_share)} of the ${count(summary.regions_after)} after; a fresh`,
    `stream order of the same model raises ${percent(summary.false_alarms_before)} and`,
    `${percent(summary.false_alarms_after)} of false alarms. The median region's counterpart has cosine`,
    `${figure(summary.counterpart_cosine)} across the models and ${figure(summary.noise_floor_cosine)} within.`,
  ].join(" ");
}

const count = (value: number | null) => figure(value === null ? null : Math.round(value));

/** All settings, failed ones too. */
function auditTable(readings: readonly AuditedReading[]) {
  const line = (
    reading: string,
    { layer, percentile }: Pick<FailedSetting, "layer" | "percentile">,
    summary: Partial<Summary>,
    note: string,
  ): Record<string, Cell> => ({
    ...headed(AUDIT, { reading, layer, percentile }),
    "audited before": summary.regions_before ?? null,
    "audited after": summary.regions_after ?? null,
    "moved": summary.moved_share ?? null,
    "dropped": summary.dropped_share ?? null,
    "false alarms, before": summary.false_alarms_before ?? null,
    "introduced": summary.introduced_share ?? null,
    "false alarms, after": summary.false_alarms_after ?? null,
    "cosine across": summary.counterpart_cosine ?? null,
    "cosine within": summary.noise_floor_cosine ?? null,
    note,
  });
  const made = readings.flatMap(({ name, audits }) =>
    new Sweep(audits).settings.map((setting) => line(name, setting.key, summarise(setting), ""))
  );
  const failed = readings.flatMap(({ name, failed }) =>
    SIDES.flatMap((side) =>
      failed[side].map((setting) =>
        line(name, setting, {}, `failed ${side}: threshold ${formatNumber(setting.threshold)}`)
      )
    )
  );
  return recordTable([...made, ...failed]);
}

/** What is in the regions of one setting: those introduced, dropped and kept, of the first stream order. */
function regionSection(heading: string, rows: readonly RegionRow[]): OutcomeSection {
  const listing = (side: Side, fate: Fate, what: string) => {
    const audited = rows.filter((row) => row.side === side);
    const loss = (row: RegionRow) => row.cosineWithin - row.cosineAcross;
    const regions = audited.filter(({ verdict }) => verdict === fate)
      .sort(fate === "kept" ? (a, b) => b.cosineAcross - a.cosineAcross : (a, b) => loss(b) - loss(a));
    const shown = regions.slice(0, LISTED).map((row) => ({
      ...headed(REGION, {
        region: row.region,
        members: row.members,
        cosineWithin: row.cosineWithin,
        cosineAcross: row.cosineAcross,
        logitLens: row.lens.map((token) => token.trim()).join(" · "),
      }),
      "nearest contexts": row.contexts,
    }));
    const counted = `${what}: ${formatNumber(regions.length)} of ${formatNumber(audited.length)} audited.`;
    return shown.length === 0 ? textBlock(counted) : tableBlock(recordTable(shown), counted);
  };
  return {
    heading,
    blocks: [
      textBlock(
        "The middle layer and percentile of the run. Listed are, of each kind, the " +
          `${LISTED} regions farthest below what their own model's next order gives, and of the kept ones those nearest to ` +
          "the other model's; some are listed by chance, as many as the false alarms say.",
      ),
      listing("after", "gone", "Introduced"),
      listing("before", "gone", "Dropped"),
      listing("before", "moved", "Moved"),
      listing("before", "kept", "Kept"),
    ],
  };
}
