/** Means over stream orders of what `audit` measured. */
import { median } from "../../../src/analysis/mod.ts";
import {
  type Cell,
  distinctSettings,
  formatNumber,
  formatShare,
  meanOfAll as meanOf,
  ofSetting,
  type SettingKey as Setting,
} from "../../../src/report/mod.ts";
import type { Audit, AuditedReading, AuditedRegion, Side } from "./measure.ts";

/** A setting in words. */
export const nameOf = ({ layer, percentile }: Setting) => `block ${layer}, p ${percentile}`;

/** The audits of one model's regions. */
export const sideOf = (audits: readonly Audit[], side: Side) => audits.filter((audit) => audit.side === side);

/** Means over stream orders of one setting. */
export function summarise(audits: readonly Audit[], setting: Setting) {
  const mean = (side: Side, value: (audit: Audit) => number) =>
    meanOf(sideOf(ofSetting(audits, setting), side).map(value));
  const medianOf = (side: Side, value: (region: AuditedRegion) => number) =>
    mean(side, (audit) => median(Float64Array.from(audit.regions, value)));
  return {
    regions_before: mean("before", (audit) => audit.regions.length),
    regions_after: mean("after", (audit) => audit.regions.length),
    kept_share: mean("before", (audit) => 1 - audit.moved - audit.gone),
    moved_share: mean("before", (audit) => audit.moved),
    dropped_share: mean("before", (audit) => audit.gone),
    false_alarms_before: mean("before", (audit) => audit.falseAlarms),
    introduced_share: mean("after", (audit) => audit.gone),
    false_alarms_after: mean("after", (audit) => audit.falseAlarms),
    counterpart_cosine: medianOf("before", (region) => region.across),
    noise_floor_cosine: medianOf("before", (region) => region.own),
  };
}

/** What a reading answers. */
export function auditSentence(name: string, setting: Setting, summary: ReturnType<typeof summarise>): string {
  const share = (key: keyof typeof summary) => formatShare(summary[key]);
  const count = (key: keyof typeof summary) => formatNumber(Math.round(summary[key]));
  const cosine = (key: keyof typeof summary) => formatNumber(summary[key], 3);
  return `On ${name} (${nameOf(setting)}), finetuning dropped ${share("dropped_share")} of the ` +
    `${count("regions_before")} regions audited before, moved ${
      share("moved_share")
    } of them beyond order noise, and ` +
    `introduced ${share("introduced_share")} of the ${
      count("regions_after")
    } after; a fresh stream order of the same model ` +
    `raises ${share("false_alarms_before")} and ${share("false_alarms_after")} of false alarms. The median region's ` +
    `counterpart has cosine ${cosine("counterpart_cosine")} across the models and ${
      cosine("noise_floor_cosine")
    } within.`;
}

/** All settings, failed ones too. */
export function auditTable(readings: readonly AuditedReading[]): { columns: string[]; rows: Cell[][] } {
  const measured = readings.flatMap(({ name, audits }) => {
    return distinctSettings(audits).map((setting): Cell[] => {
      const summary = summarise(audits, setting);
      return [
        name,
        setting.layer,
        setting.percentile,
        Math.round(summary.regions_before),
        Math.round(summary.regions_after),
        ...[
          summary.moved_share,
          summary.dropped_share,
          summary.false_alarms_before,
          summary.introduced_share,
          summary.false_alarms_after,
          summary.counterpart_cosine,
          summary.noise_floor_cosine,
        ].map((value) => Math.round(value * 1e3) / 1e3),
        "",
      ];
    });
  });
  const failures = readings.flatMap(({ name, failed }) =>
    (["before", "after"] as const).flatMap((side) =>
      failed[side].map(({ layer, percentile, threshold }): Cell[] => {
        const note = `failed ${side}: threshold ${formatNumber(threshold)}`;
        return [name, layer, percentile, ...new Array<null>(9).fill(null), note];
      })
    )
  );
  return {
    columns: [
      "reading",
      "block",
      "p",
      "audited before",
      "audited after",
      "moved",
      "dropped",
      "false alarms, before",
      "introduced",
      "false alarms, after",
      "cosine across",
      "cosine within",
      "note",
    ],
    rows: [...measured, ...failures],
  };
}
