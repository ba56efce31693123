import { number, oneOf, row, type RowOf, whole } from "../../report/row.ts";

/** Whose direction a model is changed with: that of a region, or that of another one of like size and coherence. */
export const DIRECTIONS = ["region", "matched null"] as const;
/** One of {@linkcode DIRECTIONS}. */
export type Direction = typeof DIRECTIONS[number];

const DIRECTION = oneOf(DIRECTIONS, "whose direction it is", { heading: "direction of" });
const ALPHA = number("strength of steering, in mean distances of the tested activations from the center", {
  heading: "α",
  missing: "an ablation",
});

/**
 * What one intervention with a region's direction, or with that of its matched null, does to the next token.
 *
 * @internal
 */
export const EFFECT_FIGURES = row({
  region: whole("number in its dictionary"),
  members: whole("activations of the region"),
  coherence: number("norm of the region's mean direction, 0..1"),
  direction: DIRECTION,
  nullDistance: number("of the null from the region in (log10 members, coherence)", { missing: "no other region" }),
  alpha: ALPHA,
  divergence: number("mean KL(before || after) over all positions", { unit: "nats" }),
  shift: number("share of all positions whose most likely token changes, 0..1"),
  membersBefore: number("mean KL(typical output || before) at members of the region", { unit: "nats" }),
  othersBefore: number("mean KL(typical output || before) at all other positions", { unit: "nats" }),
  after: number("mean KL(typical output || after): at members for an ablation, at the others for steering", {
    unit: "nats",
  }),
});

/** A row of {@linkcode EFFECT_FIGURES}, told apart by what was done with the direction. */
export type Effect =
  & Omit<RowOf<typeof EFFECT_FIGURES>, "alpha">
  & ({ readonly kind: "ablation"; readonly alpha: null } | { readonly kind: "steering"; readonly alpha: number });

/**
 * Means of {@linkcode EFFECT_FIGURES} over the regions of one dictionary.
 *
 * @internal
 */
export const EFFECT_MEANS = row({
  direction: DIRECTION,
  alpha: ALPHA,
  regions: whole("regions that the means are over"),
  divergence: number("mean KL(before || after)", { unit: "nats" }),
  shift: number("mean share of changed top tokens, 0..1"),
  closed: number("share of the gap that is closed: necessity for an ablation, sufficiency for steering"),
});

/** A row of {@linkcode EFFECT_MEANS}. */
export type EffectMeans = RowOf<typeof EFFECT_MEANS>;

/**
 * How much of the gap between members' and others' divergence from a region's typical output is closed: by ablations, after
 * which members lie where others did (necessity), or by steering, after which others lie where members did (sufficiency).
 * 0: nothing, 1: all of it, below 0: the gap grows. Over several regions the gaps are added up before they are divided.
 *
 * @param effects Of one kind, one or more.
 *
 * @example
 * ```ts
 * const before = { membersBefore: 1, othersBefore: 3 };
 * const closed = closedGap([{ ...before, kind: "ablation", after: 2.5 }, { ...before, kind: "ablation", after: 1.5 }]);
 * if (closed !== 0.5) throw new Error(`${closed}`);
 * ```
 */
export function closedGap(
  effects: readonly Pick<Effect, "kind" | "membersBefore" | "othersBefore" | "after">[],
): number {
  let [moved, gap] = [0, 0];
  for (const { kind, membersBefore, othersBefore, after } of effects) {
    gap += othersBefore - membersBefore;
    switch (kind) {
      case "ablation":
        moved += after - membersBefore;
        break;
      case "steering":
        moved += othersBefore - after;
        break;
      default:
        kind satisfies never;
    }
  }
  return moved / gap;
}

/**
 * Means over the regions of one dictionary, by direction and strength, in the order in which these first come.
 *
 * @param effects As {@linkcode DirectionEffects} gives them, of as many regions as there are.
 *
 * @example
 * ```ts
 * const ablated = (region: number, divergence: number): Effect => ({
 *   ...{ region, members: 9, coherence: 0.9, direction: "region", nullDistance: null },
 *   ...{ kind: "ablation", alpha: null, divergence, shift: 0, membersBefore: 1, othersBefore: 3, after: 2 },
 * });
 * const [{ regions, divergence, closed }] = effectMeans([ablated(0, 0.1), ablated(1, 0.3)]);
 * if (regions !== 2 || divergence !== 0.2 || closed !== 0.5) throw new Error(`${regions} ${divergence} ${closed}`);
 * ```
 */
export function effectMeans(effects: readonly Effect[]): EffectMeans[] {
  const groups = Map.groupBy(effects, ({ direction, alpha }) => `${direction} ${alpha}`);
  return groups.values().map((group): EffectMeans => {
    const [{ direction, alpha }] = group;
    const mean = (of: (effect: Effect) => number) => group.reduce((sum, effect) => sum + of(effect), 0) / group.length;
    return {
      ...{ direction, alpha, regions: group.length },
      divergence: mean(({ divergence }) => divergence),
      shift: mean(({ shift }) => shift),
      closed: closedGap(group),
    };
  }).toArray();
}
