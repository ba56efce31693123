/** Arrow tables of `audit`. */
import type { AuditedReading } from "./measure.ts";
import {
  contextText,
  numberColumn as number,
  sameSetting,
  type SettingKey as Setting,
  wholeColumn as whole,
  wordsColumn as words,
} from "../../../src/report/mod.ts";
import type { Results } from "../../../src/run/mod.ts";

/** Writes `audits` and `regions`. */
export async function saveAuditTables(save: Results, readings: readonly AuditedReading[], seed: number): Promise<void> {
  const audits = readings.flatMap((reading) => reading.audits);
  const setting = (rows: readonly Setting[]) => [
    whole("layer", rows.map((r) => r.layer), "block that is read"),
    number("percentile", rows.map((r) => r.percentile), "p, 0..100"),
  ];
  await save.table("audits", [
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
  await save.table("regions", [
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
        return context ? contextText(context.excerpt) : "";
      }),
      "member nearest to the exemplar, its token between [[ and ]]",
    ),
  ]);
}
