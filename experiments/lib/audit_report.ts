/** What `audit` leaves to look at: tables, charts, report, findings. */
import { median } from "../../src/analysis/match.ts";
import {
  type Cell,
  type ChartSpec,
  formatNumber,
  saveChart,
  saveTable,
  type Section,
  writeReport,
} from "../../src/report/mod.ts";
import { auditChart, counterpartsChart } from "./audit_charts.ts";
import type { Audit, AuditedDictionary, AuditedRegion, Side, Verdict } from "./audit_measure.ts";
import type { Run } from "./cli.ts";
import type { Flags } from "./flags.ts";
import { printTable } from "./print.ts";
import { meanOf, middleSetting, ofSetting, sameSetting, type Setting } from "./settings.ts";
import type { FailedSetting } from "./usable.ts";

/** The audits of one way of reading, with the dictionaries of the first stream order. */
export interface AuditedReading {
  readonly name: string;
  readonly audits: readonly Audit[];
  readonly first: Readonly<Record<Side, readonly AuditedDictionary[]>>;
  readonly failed: Readonly<Record<Side, readonly FailedSetting[]>>;
}

type AuditFlags = { readonly model: string; readonly after: string; readonly alpha: number; readonly seed: number };

// Regions that the report lists of each kind.
const LISTED = 12;

/** Writes everything below `run.out`, prints the tables, and says where the report is. */
export async function reportAudit<F extends Flags>(
  run: Run<F> & { readonly flags: AuditFlags },
  readings: readonly AuditedReading[],
): Promise<void> {
  const { out, manifest, flags } = run;
  const audits = readings.flatMap((reading) => reading.audits);
  const chart = (name: string, spec: ChartSpec) => {
    manifest.outputs.push(`${name}.vl.json`, `${name}.svg`, `${name}.png`);
    return saveChart(out, name, spec);
  };
  await saveTables(out, readings, flags.seed);
  manifest.outputs.push("audits.arrow", "regions.arrow", "report.html", "run.json");

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
  const answer = shown.map((each) => sentence(each.reading.name, each.setting, each.summary)).join(" ");
  const sections: Section[] = [
    {
      heading: "Kept, dropped, introduced",
      blocks: [
        {
          chart: await chart("audit", auditChart(audits, flags.alpha)),
          caption:
            "Share of the regions of before that after has not (dropped), and the other way round (introduced), with " +
            `the false alarms that a fresh order of the same model raises. Dashed: their nominal rate, ${flags.alpha}.`,
        },
        {
          chart: await chart("counterparts", counterpartsChart(firstAudits)),
          caption:
            "Each region's nearest counterpart in the other model against that in its own model, both in another " +
            `stream order: ${
              shown.map(({ reading, setting }) => `${reading.name}, ${nameOf(setting)}`).join("; ")
            }. A ` +
            "region far below the diagonal has moved, or is dropped or introduced.",
        },
        {
          table,
          caption: "Means over stream orders. Where there are too few regions to tell at this rate, none are given.",
        },
      ],
    },
    ...shown.map(({ reading, setting }) => regionSection(reading, setting, flags.seed)),
  ];
  const path = await writeReport(out, {
    title: `Audit of ${flags.after}`,
    question: "Which regions did finetuning keep, drop and introduce, and what is in them?",
    answer,
    sections,
    run: manifest.record(),
  });
  printTable(
    table.rows.map((row) =>
      Object.fromEntries(table.columns.map((column, i) => [column, row[i] as string | number | null]))
    ),
  );
  console.log(`\n${answer}\n\nReport: ${path}`);
}

const nameOf = ({ layer, percentile }: Setting) => `block ${layer}, p ${percentile}`;

const sideOf = (audits: readonly Audit[], side: Side) => audits.filter((audit) => audit.side === side);

/** Means over stream orders of one setting. */
function summarise(audits: readonly Audit[], setting: Setting) {
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

function sentence(name: string, setting: Setting, summary: ReturnType<typeof summarise>): string {
  const { dropped_share, introduced_share, moved_share, false_alarms_before, false_alarms_after } = summary;
  return `On ${name} (${nameOf(setting)}), finetuning dropped ${percent(dropped_share)} of the ` +
    `${formatNumber(Math.round(summary.regions_before))} regions audited before, moved ${
      percent(moved_share)
    } of them beyond ` +
    `order noise, and introduced ${percent(introduced_share)} of the ${
      formatNumber(Math.round(summary.regions_after))
    } after; ` +
    `a fresh stream order of the same model raises ${percent(false_alarms_before)} and ${
      percent(false_alarms_after)
    } of ` +
    `false alarms. The median region's counterpart has cosine ${
      formatNumber(summary.counterpart_cosine, 3)
    } across the ` +
    `models and ${formatNumber(summary.noise_floor_cosine, 3)} within.`;
}

function auditTable(readings: readonly AuditedReading[]): { columns: string[]; rows: Cell[][] } {
  const measured = readings.flatMap(({ name, audits }) => {
    const settings = new Map(audits.map(({ layer, percentile }) => [`${layer}/${percentile}`, { layer, percentile }]));
    return [...settings.values()].map((setting): Cell[] => {
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

async function saveTables(out: string, readings: readonly AuditedReading[], seed: number): Promise<void> {
  const audits = readings.flatMap((reading) => reading.audits);
  const setting = (rows: readonly Setting[]) => [
    { name: "layer", type: "int32" as const, values: rows.map((r) => r.layer), description: "block that is read" },
    { name: "percentile", type: "float64" as const, values: rows.map((r) => r.percentile), description: "p, 0..100" },
  ];
  const whole = (name: string, values: number[], description: string) => {
    return { name, type: "int32" as const, values, description };
  };
  const number = (name: string, values: number[], description: string) => {
    return { name, type: "float64" as const, values, description };
  };
  const words = (name: string, values: string[], description: string) => {
    return { name, type: "utf8" as const, values, description };
  };
  await saveTable(out, "audits", [
    words("reading", audits.map((a) => a.reading), "text, or chat prompts"),
    words("side", audits.map((a) => a.side), "whose regions are audited: before or after finetuning"),
    ...setting(audits),
    whole("seed", audits.map((a) => a.seed), "stream order of the dictionary"),
    whole("regions", audits.map((a) => a.size), "regions of the dictionary"),
    whole("audited", audits.map((a) => a.regions.length), "regions of enough members"),
    number("moved", audits.map((a) => a.moved), "share of them beyond order noise, within their threshold"),
    number("gone", audits.map((a) => a.gone), "share of them dropped (before) or introduced (after)"),
    number("false_alarms", audits.map((a) => a.falseAlarms), "share moved or gone for a fresh order of the same model"),
  ]);
  const rows = readings.flatMap(({ audits, first }) =>
    audits.filter((audit) => audit.seed === seed).flatMap((audit) => {
      const described = sameSetting(first[audit.side], audit)!.rows!;
      return audit.regions.map((region) => ({ ...audit, ...region, row: described[region.region] }));
    })
  );
  await saveTable(out, "regions", [
    words("reading", rows.map((r) => r.reading), "text, or chat prompts"),
    words("side", rows.map((r) => r.side), "whose region it is: before or after finetuning"),
    ...setting(rows),
    whole("region", rows.map((r) => r.region), "number in its dictionary"),
    whole("members", rows.map((r) => r.members), "activations"),
    number("cosine_within", rows.map((r) => r.own), "with the nearest region of the same model in another order"),
    number("cosine_across", rows.map((r) => r.across), "with the nearest region of the other model in that order"),
    words("verdict", rows.map((r) => r.verdict), "kept, moved, or gone: dropped (before) or introduced (after)"),
    words(
      "control",
      rows.map((r) => r.control),
      "the verdict with a fresh order of the same model in the other's place",
    ),
    words("logit_lens", rows.map(({ row }) => row.lens.map(({ token }) => token).join(" | ")), "of the mean direction"),
    words(
      "nearest_context",
      rows.map(({ row: { nearest: [context] } }) => {
        return context ? `${context.excerpt.before}[[${context.excerpt.token}]]${context.excerpt.after}` : "";
      }),
      "member nearest to the exemplar, its token between [[ and ]]",
    ),
  ]);
}

const percent = (share: number) => `${formatNumber(Math.round(share * 1000) / 10)} %`;
