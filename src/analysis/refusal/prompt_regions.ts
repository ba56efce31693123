import { TEMPLATE_PARTS, type TemplatePart, templatePartShares } from "../../activations/template_parts.ts";
import { each, type Field, number, row, type RowOf, whole } from "../../report/row.ts";
import { nearestDirection } from "../geometry/nearest_direction.ts";
import { type RefusalCriteria, refusalRegions } from "./refusal_regions.ts";

/** A dictionary of prompts, and where each of their positions went. */
export interface PromptRegions {
  /** Unit mean directions, `size x dim`. */
  readonly means: Float32Array;
  /** Length of a direction. */
  readonly dim: number;
  /** Region of every place. */
  readonly regions: Int32Array;
  /** The places, one an activation. */
  readonly places: {
    /** Prompt of each place. */
    readonly prompt: Int32Array;
    /** Part of the chat template that each place lies in. */
    readonly part: readonly TemplatePart[];
    /** The place of each prompt's final position. */
    readonly final: Int32Array;
  };
}

/** Columns of where the members of a region lie: its number, how many they are, and shares of them, 0..1. */
export type MemberFields = Readonly<Record<"region" | "members" | "harmful" | TemplatePart, Field<number>>>;

/**
 * Declares where the members of a region lie.
 *
 * @param whose Such as `the refusal region`.
 *
 * @example
 * ```ts
 * const { members } = memberFields("the refusal region");
 * if (members.description !== "members of the refusal region, all positions") throw new Error(members.description);
 * ```
 */
export function memberFields(whose: string): MemberFields {
  return row({
    region: whole(`number of ${whose}`),
    members: whole(`members of ${whose}, all positions`),
    harmful: number(`share of the members of ${whose} in harmful prompts`),
    ...each(TEMPLATE_PARTS, (part) => number(`share of the members of ${whose}: ${part}`)),
  });
}
/** A row of {@linkcode memberFields}. */
export type MemberFigures = RowOf<MemberFields>;

/** A region of refusal. */
export interface RefusalRegion {
  /** Where its members lie. */
  readonly members: MemberFigures;
  /** Unit mean direction, length `dim`. */
  readonly direction: Float32Array;
  /** Final tokens in it. */
  readonly finalTokens: number;
  /** Share of refused prompts among these. */
  readonly rate: number;
}

/**
 * The region that holds most refused prompts' final tokens, the first of {@linkcode refusalRegions}.
 *
 * @param labels Whether each prompt is refused, and whether it is harmful.
 * @param criteria When a region counts as one of refusal.
 * @returns `undefined` if there is none.
 *
 * @example
 * ```ts
 * const places = { prompt: Int32Array.of(0, 0, 1, 1), part: ["instruction", "final", "instruction", "final"] as const };
 * const dictionary = {
 *   ...{ means: Float32Array.of(1, 0, 0, 1), dim: 2, regions: Int32Array.of(0, 1, 0, 0) },
 *   places: { ...places, final: Int32Array.of(1, 3) },
 * };
 * const labels = { refused: [true, false], harmful: [true, false] };
 * const { members, rate } = refusalRegion(dictionary, labels, { members: 1 })!;
 * if (members.region !== 1 || members.final !== 1 || rate !== 1) throw new Error(JSON.stringify(members));
 * ```
 */
export function refusalRegion(
  dictionary: PromptRegions,
  { refused, harmful }: { readonly refused: readonly boolean[]; readonly harmful: readonly boolean[] },
  criteria?: RefusalCriteria,
): RefusalRegion | undefined {
  const { regions, places, means, dim } = dictionary;
  const { candidates: [best] } = refusalRegions(places.final.map((place) => regions[place]), refused, criteria);
  return best && {
    members: membersOf(dictionary, best.region, harmful),
    direction: means.subarray(best.region * dim, (best.region + 1) * dim),
    finalTokens: best.members,
    rate: best.share,
  };
}

/**
 * The region nearest to a direction, where its members lie, and its cosine with it.
 *
 * @param direction Unit vector, length `dim`.
 * @param harmful Whether each prompt is harmful.
 *
 * @example
 * ```ts
 * const places = { prompt: Int32Array.of(0, 0), part: ["instruction", "final"] as const, final: Int32Array.of(1) };
 * const dictionary = { means: Float32Array.of(1, 0, 0, 1), dim: 2, regions: Int32Array.of(0, 1), places };
 * const { members, cosine } = nearestMembers(Float32Array.of(0.6, 0.8), dictionary, [true]);
 * if (members.region !== 1 || members.final !== 1 || Math.abs(cosine - 0.8) > 1e-6) throw new Error(`${cosine}`);
 * ```
 */
export function nearestMembers(
  direction: Float32Array,
  dictionary: PromptRegions,
  harmful: readonly boolean[],
): { readonly members: MemberFigures; readonly cosine: number } {
  const { row, cosine } = nearestDirection(direction, dictionary.means);
  return { members: membersOf(dictionary, row, harmful), cosine };
}

function membersOf({ regions, places }: PromptRegions, region: number, harmful: readonly boolean[]): MemberFigures {
  const inside = [...regions.keys()].filter((place) => regions[place] === region);
  return {
    region,
    members: inside.length,
    harmful: inside.filter((place) => harmful[places.prompt[place]]).length / inside.length,
    ...templatePartShares(inside.map((place) => places.part[place])),
  };
}
