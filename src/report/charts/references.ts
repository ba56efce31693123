/** Marks to compare with: at a value, at rows' values, or along x. */
import { assertOptions } from "../../compute/known_options.ts";
import { COLOR, DASH } from "../theme.ts";
import type { Quantity } from "./channels.ts";
import { CHANNELS, type Mark, type MarkChannels, type Marks, type Rule } from "./mark.ts";
import { means } from "./place_marks.ts";
import type { MarkDef } from "./spec.ts";

/**
 * A dashed line across the panel at given values: chance, a level that was chosen, a cut. It does not widen the axis.
 *
 * @param place Where it stands upright (`x`) or lies (`y`).
 *
 * @example Chance behind the seeds
 * ```ts
 * import { chart, percentileAxis, seeds, share } from "./mod.ts";
 *
 * const rows = [{ percentile: 4, auroc: 0.8 }];
 * const figure = chart(rows, { x: percentileAxis(), y: share("auroc", "AUROC"), marks: [rule({ y: 0.5 }), seeds()] });
 * if (!JSON.stringify(figure).includes('"datum":0.5')) throw new Error("at one half");
 * ```
 */
export function rule(place: { readonly x?: number; readonly y?: number }): Rule {
  assertOptions("rule", place, { x: "number", y: "number" });
  return { kind: "rule", ...place };
}

/**
 * A dashed line across the panel at the mean of each series. Where it stands is its own channel, the other one is left
 * out.
 *
 * @example A control that has no percentile
 * ```ts
 * import { chart, means, percentileAxis, quantity } from "./mod.ts";
 *
 * const rows = [{ percentile: 4, auroc: 0.8, control: 0.62 }, { percentile: 8, auroc: 0.7, control: 0.58 }];
 * const figure = chart(rows, {
 *   x: percentileAxis(),
 *   y: quantity("auroc", "AUROC"),
 *   marks: [means(), rules({ x: null, y: quantity("control", null) })],
 * });
 * if (!JSON.stringify(figure).includes('"field":"control"')) throw new Error("at 0.6");
 * ```
 */
export function rules<F extends string = never>(options: MarkChannels<F> = {}): Mark<F> {
  assertOptions("rules", options, CHANNELS);
  const shape: MarkDef = { type: "rule", strokeDash: [...DASH.dashed], strokeWidth: 1.4 };
  return { ...options, kind: "mark", shape, summary: "mean" };
}

/**
 * A dashed grey line through the means of a level that goes with x, such as a threshold, named at its end.
 *
 * @param height The level.
 * @param name A letter or a word, such as θ.
 *
 * @example The threshold that goes with each percentile
 * ```ts
 * import { chart, means, percentileAxis, quantity } from "./mod.ts";
 *
 * const rows = [{ percentile: 4, distance: 0.3, threshold: 0.4 }, { percentile: 8, distance: 0.4, threshold: 0.5 }];
 * const figure = chart(rows, {
 *   x: percentileAxis(),
 *   y: quantity("distance", "cosine distance"),
 *   marks: [level(quantity("threshold", null), "θ"), means()],
 * });
 * if (!JSON.stringify(figure).includes('"text":"θ"')) throw new Error("named at p 8");
 * ```
 */
export function level<F extends string>(height: Quantity<F>, name: string): Marks<F> {
  const end: MarkDef = { type: "text", text: name, align: "left", dx: 6 };
  const channels = { y: height, color: COLOR.soft };
  return [means({ ...channels, dash: DASH.dashed }), { ...channels, kind: "mark", shape: end, isLast: true }];
}
