/** Picked regions and features as people read them. */
import type { Excerpt } from "../../../src/activations/mod.ts";
import { type Firings, firingsOf, lensTokens } from "../../../src/analysis/mod.ts";
import type { LanguageModel } from "../../../src/model/mod.ts";
import { tokenText } from "../../../src/report/mod.ts";
import type { Heldout } from "./heldout.ts";
import type { Measured } from "./measure.ts";
import { type Pick, pickUnits } from "./picks.ts";

/** A region or a feature. */
export interface Unit {
  readonly side: "region" | "feature";
  readonly number: number;
  /** Held-out tokens that fire it. */
  readonly firings: number;
  /** The most frequent tokens among them, with their shares. */
  readonly tokens: string;
  /** What the logit lens reads off its direction (a feature's: its decoder's). */
  readonly lens: string;
  /** Firings at equal steps along the stream. */
  readonly contexts: readonly Excerpt[];
}

/** A picked unit beside its counterpart and the units that share most of its tokens. */
export interface Example extends Omit<Pick, "unit" | "best" | "parts"> {
  readonly unit: Unit;
  readonly best: Unit | undefined;
  readonly parts: readonly { readonly covers: number; readonly unit: Unit }[];
}

/** What examples are read from. */
export interface ExampleSources {
  readonly features: Firings;
  /** Decoder of the SAE, `features x dim`. */
  readonly decoder: Float32Array;
  readonly heldout: Heldout;
  readonly model: LanguageModel;
}

const CONTEXTS = 4;
const TOKENS = 3;

/** Picks units at one percentile and describes them. */
export async function examplesOf(measured: Measured, sources: ExampleSources): Promise<Example[]> {
  const picks = pickUnits(measured, sources.features);
  const [{ firings, means }] = measured.orders;
  const numbers = (side: Unit["side"]) => [
    ...new Set(picks.flatMap(({ kind, unit, best, parts }) => {
      const others = [best, ...parts.map((part) => part.unit)].filter((number) => number >= 0);
      return (kind === "SAE only") === (side === "feature") ? [unit] : others;
    })),
  ];
  const regions = await describe("region", numbers("region"), firings, means, sources);
  const features = await describe("feature", numbers("feature"), sources.features, sources.decoder, sources);
  return picks.map(({ kind, unit, best, parts, ...figures }) => {
    const [own, other] = kind === "SAE only" ? [features, regions] : [regions, features];
    return {
      kind,
      unit: own.get(unit)!,
      best: other.get(best),
      parts: parts.map((part) => ({ covers: part.covers, unit: other.get(part.unit)! })),
      ...figures,
    };
  });
}

/** Describes units of one side, by number. */
async function describe(
  side: Unit["side"],
  numbers: readonly number[],
  firings: Firings,
  directions: Float32Array,
  { heldout, model }: ExampleSources,
): Promise<Map<number, Unit>> {
  const rows = new Float32Array(numbers.length * model.dim);
  numbers.forEach((unit, i) => rows.set(directions.subarray(unit * model.dim, (unit + 1) * model.dim), i * model.dim));
  const lens = await lensTokens(model, rows, numbers.length, TOKENS);
  return new Map(numbers.map((number, i) => {
    const tokens = firingsOf(firings, number);
    const shown = Math.min(CONTEXTS, tokens.length);
    return [number, {
      side,
      number,
      firings: tokens.length,
      tokens: frequentTokens(tokens, heldout.ids, model),
      lens: lens[i].map(({ token }) => tokenText(token)).join(" "),
      contexts: Array.from(
        { length: shown },
        (_, step) => heldout.excerpt(tokens[Math.floor((step + 0.5) * tokens.length / shown)]),
      ),
    }];
  }));
}

function frequentTokens(tokens: Int32Array, ids: Int32Array, model: LanguageModel): string {
  const counts = new Map<number, number>();
  for (const token of tokens) counts.set(ids[token], (counts.get(ids[token]) ?? 0) + 1);
  return [...counts].sort(([a, m], [b, n]) => n - m || a - b).slice(0, TOKENS)
    .map(([id, count]) => `${tokenText(model.decode([id]))} ${Math.round(100 * count / tokens.length)}\u00a0%`).join(
      ", ",
    );
}
