/** Result rows of `audit`. */
import type { Excerpt } from "../../../src/activations/mod.ts";
import { AUDIT_FIGURES, AUDITED_REGION, describeRegions, type OrderAudit } from "../../../src/analysis/mod.ts";
import type { LanguageModel } from "../../../src/model/mod.ts";
import type { FailedSetting, Growth } from "../../../src/partition/mod.ts";
import {
  contextText,
  LAYER,
  oneOf,
  PERCENTILE,
  row,
  type RowOf,
  sameSetting,
  type SettingKey,
  whole,
  words,
} from "../../../src/report/mod.ts";

/** What the models read. */
export const READINGS = ["text", "chat"] as const;
/** One of {@linkcode READINGS}. */
export type Reading = typeof READINGS[number];

/** Whose regions are audited: those of before may be dropped, those of after introduced. */
export const SIDES = ["before", "after"] as const;
/** One of {@linkcode SIDES}. */
export type Side = typeof SIDES[number];

const OF = row({
  reading: oneOf(READINGS, "text, or chat prompts"),
  side: oneOf(SIDES, "whose regions are audited: before or after finetuning"),
  layer: LAYER,
  percentile: PERCENTILE,
});

/** The audit of one dictionary. */
export const AUDIT = row({ ...OF, seed: whole("stream order of the dictionary"), ...AUDIT_FIGURES });
/** A row of {@linkcode AUDIT}, with the regions that it counts. */
export type AuditRow = RowOf<typeof AUDIT> & Pick<OrderAudit, "verdicts">;

/** One audited region of the first stream order. */
export const REGION = row({
  ...OF,
  ...AUDITED_REGION,
  logitLens: words("of the mean direction"),
  nearestContext: words("member nearest to the exemplar, its token between [[ and ]]", {
    missing: "no context is kept",
  }),
});
/** A row of {@linkcode REGION}, and the regions' tokens and contexts as the report has them. */
export type RegionRow = RowOf<typeof REGION> & RegionTexts;

/** What a region says to people. */
export interface RegionTexts {
  /** Tokens of the logit lens, largest logit first. */
  readonly lens: readonly string[];
  /** Nearest members in their surroundings. */
  readonly contexts: readonly Excerpt[];
}

/** The texts of one dictionary's regions, in their order. */
export interface DictionaryTexts extends SettingKey {
  readonly regions: readonly RegionTexts[];
}

/** What was audited of one reading. */
export interface AuditedReading {
  readonly name: Reading;
  readonly audits: readonly AuditRow[];
  readonly regions: readonly RegionRow[];
  /** Settings that give no dictionary. */
  readonly failed: Readonly<Record<Side, readonly FailedSetting[]>>;
}

/** Contexts shown of a region. */
const CONTEXTS = 3;

/** Reads the regions of dictionaries: plain data that stays when they are disposed. */
export function textsOf(growths: readonly Growth[], model: LanguageModel): Promise<DictionaryTexts[]> {
  return Promise.all(growths.map(async ({ layer, percentile, dictionary }) => ({
    layer,
    percentile,
    regions: (await describeRegions(dictionary, model)).map(({ lens, nearest }) => ({
      lens: lens.map(({ token }) => token),
      // Contexts read their excerpts when they are asked.
      contexts: nearest.slice(0, CONTEXTS).map(({ excerpt }) => excerpt),
    })),
  })));
}

/** The regions of some audits with their texts. */
export function regionRows(audits: readonly AuditRow[], texts: readonly DictionaryTexts[]): RegionRow[] {
  return audits.flatMap(({ reading, side, layer, percentile, verdicts }) => {
    const { regions } = sameSetting(texts, { layer, percentile })!;
    return verdicts.map((verdict): RegionRow => {
      const { lens, contexts } = regions[verdict.region];
      return {
        ...{ reading, side, layer, percentile, ...verdict, lens, contexts },
        logitLens: lens.join(" | "),
        nearestContext: contexts.length > 0 ? contextText(contexts[0]) : null,
      };
    });
  });
}
