/** Figures in words, as sentences of findings have them. */
import { distinct, rangeOf } from "./figures.ts";
import { formatNumber, formatShare } from "./text.ts";

/**
 * A figure as sentences have it, with three digits; – where there is none.
 *
 * @example
 * ```ts
 * if (figure(0.87441) !== "0.874" || figure(null) !== "–") throw new Error(figure(0.87441));
 * ```
 */
export function figure(value: number | null): string {
  return formatNumber(value ?? NaN, 3);
}

/**
 * A share (0..1) as sentences have it: `12.5 %`; – where there is none.
 *
 * @example
 * ```ts
 * if (percent(0.125) !== "12.5\u00a0%") throw new Error(percent(0.125)); // a space that does not break
 * ```
 */
export function percent(share: number | null): string {
  return formatShare(share ?? NaN);
}

/**
 * A change as sentences have it, with its sign: `+0.25`, `−0.5`, `0`; – where there is none.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([0.25, -0.5, 0, null].map(signed), ["+0.25", "−0.5", "0", "–"]);
 * ```
 */
export function signed(value: number | null): string {
  return (value ?? 0) > 0 ? `+${figure(value)}` : figure(value);
}

/**
 * In how many of how many something holds, as sentences have it; of one whether it does.
 *
 * @param count In how many.
 * @param total Of how many.
 * @param what What one of them is called; the first word gets the plural.
 * @param preposition What stands before it; default `in`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(tallyText(3, 12, "setting of layer and p"), "in 3 of 12 settings of layer and p");
 * assertEquals(tallyText(1, 1, "percentile", "at"), "at the one percentile");
 * assertEquals(tallyText(0, 1, "layer"), "in no layer");
 * assertEquals(tallyText(2, 3, "dictionary of one order"), "in 2 of 3 dictionaries of one order");
 * ```
 */
export function tallyText(count: number, total: number, what: string, preposition = "in"): string {
  if (total === 1) return `${preposition} ${count === 1 ? "the one" : "no"} ${what}`;
  return `${preposition} ${count} of ${total} ${what.replace(/^\S+/, plural)}`;
}

/** More than one of what a word names. */
function plural(word: string): string {
  return /[^aeiou]y$/.test(word) ? word.replace(/y$/, "ies") : `${word}s`;
}

/**
 * A number of things, as sentences have it, rounded; – where there is none.
 *
 * @param what What one of them is called.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([1, 2.6, null].map((count) => counted(count, "region")), ["1 region", "3 regions", "– regions"]);
 * ```
 */
export function counted(count: number | null, what: string): string {
  const rounded = count === null ? null : Math.round(count);
  return `${formatNumber(rounded ?? NaN)} ${rounded === 1 ? what : plural(what)}`;
}

/**
 * What dots and lines of a chart are, as captions have it: repetitions and their means. Of one place lines are strokes.
 *
 * @param orders How many repetitions there are.
 * @param what What they are called, in the plural; default `seeds`.
 * @param places How many places the chart has along its axis; default several.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(meansText(2), "Dots are seeds (2), lines their means.");
 * assertEquals(meansText(3, "orders", 1), "Dots are orders (3), strokes their means.");
 * assertEquals(meansText(1, "orders"), "There is one of the orders.");
 * ```
 */
export function meansText(orders: number, what = "seeds", places = 2): string {
  if (orders === 1) return `There is one of the ${what}.`;
  return `Dots are ${what} (${orders}), ${places === 1 ? "strokes" : "lines"} their means.`;
}

/**
 * The least and the largest as sentences have them: `0.12 to 0.4`; one figure where they read alike, – where there are
 * none.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(rangeText([0.4, 0.12, null]), "0.12 to 0.4");
 * assertEquals(rangeText([0.6151, 0.6149]), "0.615");
 * ```
 */
export function rangeText(values: readonly (number | null)[]): string {
  const range = rangeOf(values);
  if (range === null) return "–";
  return distinct(range.map(figure)).join(" to ");
}
