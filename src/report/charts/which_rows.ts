/** Which rows marks are of: some of the chart's, or their own. */
import type { Mark, Marks, OwnRows } from "./mark.ts";

/**
 * Marks of the rows of which a field has a value.
 *
 * @param field The field.
 * @param value What it has to be.
 * @param marks What is drawn of them.
 *
 * @example Dots of one order over the means of all
 * ```ts
 * import { chart, means, percentileAxis, quantity, seeds } from "./mod.ts";
 *
 * const rows = [{ percentile: 4, regions: 310, order: "shuffled" }, { percentile: 4, regions: 322, order: "as is" }];
 * const figure = chart(rows, {
 *   x: percentileAxis(),
 *   y: quantity("regions", "regions"),
 *   marks: [means(), only("order", "as is", seeds())],
 * });
 * if (!JSON.stringify(figure).includes('"equal":"as is"')) throw new Error("one dot, the mean of both");
 * ```
 */
export function only<F extends string, G extends string = F>(
  field: F,
  value: string | boolean,
  ...marks: readonly Mark<G>[]
): Marks<F | G> {
  return marks.map((mark) => ({ ...mark, only: { field, value } }));
}

/**
 * Marks of other rows than the chart's; in a chart of panels they stand in every panel. The rows have the fields of the
 * chart's channels, or the marks name their own.
 *
 * @param rows Of any fields.
 * @param marks What is drawn of them.
 *
 * @example Seeds over what was published
 * ```ts
 * import { chart, percentileAxis, quantity, seeds, strokes } from "./mod.ts";
 *
 * const ours = [{ percentile: 4, regions: 310 }, { percentile: 8, regions: 120 }];
 * const published = [{ percentile: 4, regions: 305 }];
 * const both = chart(ours, {
 *   x: percentileAxis(),
 *   y: quantity("regions", "regions", { log: true }),
 *   marks: [on(published, strokes({ size: 30 })), seeds()],
 * });
 * if (!("layer" in both) || both.layer.length !== 2) throw new Error("strokes and seeds");
 * ```
 */
export function on<R extends object>(rows: readonly R[], ...marks: Marks<NoInfer<keyof R & string>>): OwnRows {
  return { kind: "own rows", rows, marks };
}
