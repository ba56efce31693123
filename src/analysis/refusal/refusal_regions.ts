import { assertOptions } from "../../compute/known_options.ts";
import { type RegionShare, splitByLabel } from "../regions/label_split.ts";

/** When a region counts as one of refusal, or as none; the defaults are the published ones. */
export interface RefusalCriteria {
  /** Final positions that a region must hold to count at all; default 5. */
  members?: number;
  /** Share of refused prompts among them from which on it is a candidate; default 0.3. */
  rate?: number;
  /** Share up to which it can be a null; default 0.05. */
  nullRate?: number;
}

/** Regions by what became of the prompts that end in them. */
export interface RefusalRegions {
  /** Regions of refusal, those that hold most refused prompts first. */
  readonly candidates: readonly RegionShare[];
  /** Regions whose prompts are answered, the largest first. */
  readonly nulls: readonly RegionShare[];
  /** Regions that hold any final position. */
  readonly occupied: number;
}

/**
 * Sorts the regions of final positions by their prompts' refusals. Candidates are ranked by rate times members; of equal ones
 * the larger region, then the lower number, comes first.
 *
 * @param regions Region of each prompt's final position.
 * @param refused Whether the model refuses each prompt.
 *
 * @example
 * ```ts
 * // Regions of five prompts each: of region 3 all are refused, of region 8 two, of region 5 none.
 * const regions = [3, 8, 5].flatMap((region) => Array<number>(5).fill(region));
 * const refused = regions.map((region, i) => region === 3 || region === 8 && i < 7);
 * const { candidates, nulls } = refusalRegions(regions, refused);
 * if (candidates.map(({ region }) => region).join() !== "3,8") throw new Error("the more refused first");
 * if (nulls.length !== 1 || nulls[0].region !== 5) throw new Error("only what is answered can be a null");
 * ```
 */
export function refusalRegions(
  regions: ArrayLike<number>,
  refused: readonly boolean[],
  criteria: RefusalCriteria = {},
): RefusalRegions {
  assertOptions("refusalRegions", criteria, { members: "number", rate: "number", nullRate: "number" });
  const { members = 5, rate = 0.3, nullRate = 0.05 } = criteria;
  // The largest region first, of equal ones the lower number: the sort below is stable, so that its ties and the nulls
  // keep that order.
  const split = splitByLabel(regions, refused);
  const counting = split.filter((region) => region.members >= members);
  return {
    candidates: counting.filter(({ share }) => share >= rate)
      .sort((a, b) => b.share * b.members - a.share * a.members),
    nulls: counting.filter(({ share }) => share <= nullRate),
    occupied: split.length,
  };
}
