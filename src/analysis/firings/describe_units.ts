import type { Excerpt } from "../../activations/prompt.ts";
import type { HeldActivations } from "../../activations/held_activations.ts";
import type { LanguageModel } from "../../model/types.ts";
import { tokenText } from "../../report/token_text.ts";
import { formatNumber } from "../../report/text.ts";
import { lensTokens } from "../regions/lens_tokens.ts";
import { type Firings, firingsOf } from "./firings.ts";
import type { PickedUnit } from "./pick_units.ts";

/** A region or a feature as people read it. */
export interface DescribedUnit {
  /** Which of the two it is. */
  readonly side: "region" | "feature";
  /** Its number in the dictionary, or in the SAE. */
  readonly number: number;
  /** Tokens that fire it. */
  readonly firings: number;
  /** The most frequent token ids among them, with their shares. */
  readonly tokens: string;
  /** What the logit lens reads off its direction (a feature's: its decoder's). */
  readonly lens: string;
  /** Firings at equal steps along the stream. */
  readonly contexts: readonly Excerpt[];
}

/** A picked unit beside its counterpart and the units that share most of its tokens. */
export interface DescribedPick extends Omit<PickedUnit, "unit" | "best" | "parts"> {
  /** The picked one. */
  readonly unit: DescribedUnit;
  /** Its counterpart; `null` where there is none. */
  readonly best: DescribedUnit | null;
  /** Units of the other side that fire on most of its tokens, most first, and the shares of its tokens, 0..1. */
  readonly parts: readonly { readonly covers: number; readonly unit: DescribedUnit }[];
}

/** Units of one side. */
export interface UnitSide {
  /** Where they fire. */
  readonly firings: Firings;
  /** Mean directions, or decoder; `units x dim`. */
  readonly directions: Float32Array;
}

/** Contexts shown of a unit, and tokens of each kind. */
const [CONTEXTS, TOKENS] = [4, 3];

/**
 * Describes picked units and their counterparts.
 *
 * @param held The tokens that the units fire on.
 *
 * @example
 * ```ts
 * import { extract, holdActivations } from "../../activations/mod.ts";
 * import { loadModel } from "../../../mod.ts";
 * import { partitionFirings } from "./firings.ts";
 *
 * await using model = await loadModel("fixtures/gemma-2-toy", { device: "cpu" });
 * const texts = [{ id: "a", text: "The cat sat on the mat." }];
 * const held = await holdActivations(extract(model, texts, { layers: [3] }), 3, 1000);
 * const side = { firings: partitionFirings(held.ids.map(() => 0), 1), directions: new Float32Array(model.dim).fill(1) };
 * const pick = { kind: "shared", unit: 0, best: 0, f1: 1, shared: held.ids.length, parts: [] } as const;
 * const [{ unit, best }] = await describePicks(model, held, [pick], { regions: side, features: side });
 * if (unit.side !== "region" || best?.side !== "feature") throw new Error(unit.tokens);
 * ```
 */
export async function describePicks(
  model: LanguageModel,
  held: Pick<HeldActivations, "ids" | "excerpt">,
  picks: readonly PickedUnit[],
  sides: { readonly regions: UnitSide; readonly features: UnitSide },
): Promise<DescribedPick[]> {
  const numbers = (side: DescribedUnit["side"]) => [
    ...new Set(picks.flatMap(({ kind, unit, best, parts }) => {
      if ((kind === "SAE only") === (side === "feature")) return [unit];
      return [...best === null ? [] : [best], ...parts.map((part) => part.unit)];
    })),
  ];
  const regions = await describeUnits(model, held, "region", numbers("region"), sides.regions);
  const features = await describeUnits(model, held, "feature", numbers("feature"), sides.features);
  return picks.map(({ unit, best, parts, ...pick }) => {
    const [own, other] = pick.kind === "SAE only" ? [features, regions] : [regions, features];
    return {
      ...pick,
      unit: own.get(unit)!,
      best: best === null ? null : other.get(best)!,
      parts: parts.map((part) => ({ covers: part.covers, unit: other.get(part.unit)! })),
    };
  });
}

/**
 * Describes units of one side, by number.
 *
 * @param held The tokens that the units fire on.
 * @param numbers Which units.
 *
 * @example
 * ```ts
 * import { extract, holdActivations } from "../../activations/mod.ts";
 * import { loadModel } from "../../../mod.ts";
 * import { partitionFirings } from "./firings.ts";
 *
 * await using model = await loadModel("fixtures/gemma-2-toy", { device: "cpu" });
 * const texts = [{ id: "a", text: "The cat sat on the mat." }];
 * const held = await holdActivations(extract(model, texts, { layers: [3] }), 3, 1000);
 * const firings = partitionFirings(held.ids.map((_, token) => token % 2), 2);
 * const directions = new Float32Array(2 * model.dim).fill(1);
 * const units = await describeUnits(model, held, "region", [1], { firings, directions });
 * if (units.get(1)!.firings !== held.ids.length >> 1) throw new Error(units.get(1)!.tokens);
 * ```
 */
export async function describeUnits(
  model: LanguageModel,
  held: Pick<HeldActivations, "ids" | "excerpt">,
  side: DescribedUnit["side"],
  numbers: readonly number[],
  { firings, directions }: UnitSide,
): Promise<Map<number, DescribedUnit>> {
  const { dim } = model;
  const rows = new Float32Array(numbers.length * dim);
  numbers.forEach((unit, i) => rows.set(directions.subarray(unit * dim, (unit + 1) * dim), i * dim));
  const lens = await lensTokens(model, rows, numbers.length, TOKENS);
  return new Map(numbers.map((number, i) => {
    const tokens = firingsOf(firings, number);
    const shown = Math.min(CONTEXTS, tokens.length);
    // The middle of each of as many equal parts: contexts as they come, not the strongest.
    const contexts = Array.from({ length: shown }, (_, step) => {
      return held.excerpt(tokens[Math.floor((step + 0.5) * tokens.length / shown)]);
    });
    return [number, {
      ...{ side, number, firings: tokens.length, contexts },
      tokens: frequentTokens(tokens, held.ids, model),
      lens: lens[i].map(({ token }) => tokenText(token)).join(" "),
    }];
  }));
}

function frequentTokens(tokens: Int32Array, ids: Int32Array, model: LanguageModel): string {
  const counts = new Map<number, number>();
  for (const token of tokens) counts.set(ids[token], (counts.get(ids[token]) ?? 0) + 1);
  const share = (count: number) => `${formatNumber(Math.round(100 * count / tokens.length))}\u00a0%`;
  return [...counts].sort(([a, m], [b, n]) => n - m || a - b).slice(0, TOKENS)
    .map(([id, count]) => `${tokenText(model.decode([id]))} ${share(count)}`).join(", ");
}
