/**
 * Rows of an experiment that runs through settings, by setting: their means over seeds, the setting in the middle, and
 * in how many of them something holds.
 */
import { largest, smallest } from "../compute/long_lists.ts";
import { formatNumber, formatShare } from "./text.ts";

/** A number of a row: the name of its property, or a function; missing values are `null`. */
export type Figure<R> = NumericKey<R> | ((row: R) => number | null);

/** Properties of a row that hold numbers. */
export type NumericKey<R> = { [K in keyof R]-?: NonNullable<R[K]> extends number ? K : never }[keyof R];

/** Whether there is a value: figures that could not be had are `null`, or NaN where nobody foresaw it. */
function isThere(value: number | null | undefined): value is number {
  return value !== null && value !== undefined && !Number.isNaN(value);
}

/**
 * The mean of the values that are there; `null` of none.
 *
 * @example
 * ```ts
 * if (meanOf([0.5, null, 0.7]) !== 0.6) throw new Error("null is left out");
 * ```
 */
export function meanOf(values: readonly (number | null | undefined)[]): number | null {
  const there = values.filter(isThere);
  return there.length === 0 ? null : there.reduce((sum, value) => sum + value, 0) / there.length;
}

/**
 * The least and the largest of the values that are there; `null` of none.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(rangeOf([0.4, 0.12, null]), [0.12, 0.4]);
 * assertEquals(rangeOf([null]), null);
 * ```
 */
export function rangeOf(values: readonly (number | null | undefined)[]): readonly [low: number, high: number] | null {
  const there = values.filter(isThere);
  return there.length === 0 ? null : [smallest(there), largest(there)];
}

/**
 * How far values that were repeated lie apart: the least and the largest; `null` of fewer than two, which have no spread.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(spreadOf([0.4, 0.12, null]), [0.12, 0.4]);
 * assertEquals(spreadOf([0.4, null]), null);
 * ```
 */
export function spreadOf(values: readonly (number | null | undefined)[]): readonly [low: number, high: number] | null {
  return values.filter(isThere).length < 2 ? null : rangeOf(values);
}

/**
 * Whether a figure is above another; never where either is missing.
 *
 * @example
 * ```ts
 * if (!exceeds(0.6, 0.5) || exceeds(0.6, null)) throw new Error("a missing figure is no 0");
 * ```
 */
export function exceeds(figure: number | null | undefined, other: number | null | undefined): boolean {
  return isThere(figure) && isThere(other) && figure > other;
}

/**
 * How far a figure is above another; `null` where either is missing.
 *
 * @example
 * ```ts
 * if (difference(0.5, 0.25) !== 0.25 || difference(0.5, null) !== null) throw new Error("a missing figure is no 0");
 * ```
 */
export function difference(figure: number | null | undefined, other: number | null | undefined): number | null {
  return isThere(figure) && isThere(other) ? figure - other : null;
}

/**
 * Each value once: numbers ascending, others in the order in which they first come.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(distinct([10, 2, 10]), [2, 10]);
 * assertEquals(distinct(["train", "base", "train"]), ["train", "base"]);
 * ```
 */
export function distinct<T>(values: Iterable<T>): T[] {
  const each = [...new Set(values)];
  return each.every((value) => typeof value === "number") ? each.sort((a, b) => Number(a) - Number(b)) : each;
}

/**
 * Rows, some of which may be looked at.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const regions = new Rows([{ members: 6, auroc: 0.9 }, { members: 2, auroc: null }]);
 * assertEquals(regions.mean("auroc"), 0.9); // of those that have it
 * assertEquals(regions.range((region) => region.members / 2), [1, 3]);
 * ```
 */
export class Rows<R> {
  /** Over some rows, which are not copied. */
  constructor(readonly rows: readonly R[]) {}

  /** A figure of every row that has it, in the rows' order. */
  values(figure: Figure<R>): number[] {
    const of = typeof figure === "function" ? figure : (row: R) => row[figure] as number | null;
    return this.rows.map(of).filter(isThere);
  }

  /** The mean of a figure over the rows that have it; `null` if none has. */
  mean(figure: Figure<R>): number | null {
    return meanOf(this.values(figure));
  }

  /** The first row with the means of some figures over all rows in the place of its own: a row of a table. */
  meanRow(...figures: readonly NumericKey<R>[]): R {
    return { ...this.rows[0], ...Object.fromEntries(figures.map((name) => [name, this.mean(name)])) };
  }

  /** The least and the largest of a figure over repetitions; `null` if fewer than two rows have it. */
  spread(figure: Figure<R>): readonly [low: number, high: number] | null {
    return spreadOf(this.values(figure));
  }

  /** The least and the largest of a figure; `null` if no row has it. */
  range(figure: Figure<R>): readonly [low: number, high: number] | null {
    return rangeOf(this.values(figure));
  }
}

/**
 * The rows of one setting: as many as there are seeds, and whatever else a row tells apart.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const rows = [{ layer: 3, model: "base", auroc: 0.5 }, { layer: 3, model: "instruct", auroc: 0.9 }];
 * const setting = new Setting(rows, { layer: 3 });
 * assertEquals(setting.name, "layer 3");
 * assertEquals(setting.where({ model: "instruct" }).mean("auroc"), 0.9);
 * ```
 */
export class Setting<R, K extends keyof R> extends Rows<R> {
  /**
   * Of rows that were run alike.
   *
   * @param rows The rows of the setting.
   * @param key The values that they have in common.
   */
  constructor(rows: readonly R[], readonly key: Pick<R, K>) {
    super(rows);
  }

  /** In words: `layer 3, p 8`. */
  get name(): string {
    return Object.entries(this.key).map(([key, value]) => `${WORDS[key] ?? key} ${value}`).join(", ");
  }

  /** Those of its rows that have these values. */
  where(values: Partial<R>): Setting<R, K> {
    return new Setting(this.rows.filter((row) => matches(row, values)), this.key);
  }
}

/** What reports call properties that tell settings apart. */
const WORDS: Readonly<Record<string, string>> = { percentile: "p" };

/**
 * Rows by the values of some of their properties, in the order in which these first come.
 *
 * @example
 * ```ts
 * const rows = [{ label: "domain", k: null, auroc: 0.5 }, { label: "domain", k: null, auroc: 0.75 }];
 * const [setting, ...others] = settingsOf(rows, ["label", "k"]);
 * if (others.length > 0 || setting.mean("auroc") !== 0.625) throw new Error(setting.name);
 * ```
 */
export function settingsOf<R, const K extends keyof R>(rows: readonly R[], keys: readonly K[]): Setting<R, K>[] {
  const groups = Map.groupBy(rows, (row) => JSON.stringify(keys.map((key) => row[key])));
  return Array.from(groups.values(), (own) => {
    const key = Object.fromEntries(keys.map((key) => [key, own[0][key]])) as Pick<R, K>;
    return new Setting(own, key);
  });
}

/**
 * Rows by setting.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const rows = [0, 1].flatMap((seed) =>
 *   [4, 8].map((percentile) => ({ layer: 3, percentile, seed, auroc: 0.5 + 0.1 * seed }))
 * );
 * const sweep = new Sweep(rows);
 * assertEquals(sweep.middle.name, "layer 3, p 8");
 * assertEquals(sweep.middle.range("auroc"), [0.5, 0.6]);
 * assertEquals(
 *   sweep.tally((setting) => exceeds(setting.mean("auroc"), 0.5)),
 *   "in 2 of 2 settings of layer and p",
 * );
 * ```
 */
export class Sweep<R, K extends keyof R = Extract<"layer" | "percentile", keyof R>> extends Rows<R> {
  /** Every setting that has rows, ascending by the first key, then the second ... */
  readonly settings: readonly Setting<R, K>[];
  readonly #keys: readonly K[];

  /**
   * Tells the settings of some rows apart.
   *
   * @param rows All rows.
   * @param keys The properties that tell a setting; default layer and percentile.
   */
  constructor(rows: readonly R[], keys: readonly K[] = ["layer", "percentile"] as string[] as K[]) {
    super(rows);
    this.#keys = keys;
    const combinations = keys.reduce<Partial<R>[]>(
      (before, key) => before.flatMap((part) => this.each(key).map((value) => ({ ...part, [key]: value }))),
      [{}],
    );
    this.settings = combinations
      .map((key) => new Setting(rows.filter((row) => matches(row, key)), key as Pick<R, K>))
      .filter((setting) => setting.rows.length > 0);
  }

  /** The values of a property, each once: numbers ascending, others as they first come. */
  each<P extends keyof R>(property: P): R[P][] {
    return distinct(this.rows.map((row) => row[property]));
  }

  /**
   * The setting whose plain figures are told: that of the middle value of every key, whatever came out; the middle one
   * of all where that was not run.
   *
   * @throws {Error} if there is none.
   */
  get middle(): Setting<R, K> {
    if (this.settings.length === 0) throw new Error("Expected rows of at least one setting but found none");
    const middle: Partial<R> = {};
    for (const key of this.#keys) middle[key] = middleOf(this.each(key));
    return this.at(middle) ?? this.settings[this.settings.length >> 1];
  }

  /** The first setting that has these values. */
  at(key: Partial<R>): Setting<R, K> | undefined {
    return this.settings.find((setting) => matches(setting.key as Partial<R> as R, key));
  }

  /** A value of every setting, by the values of the first key, then in the order of the others. */
  by<T>(value: (setting: Setting<R, K>) => T): T[][] {
    const [first] = this.#keys;
    return this.each(first).map((own) => this.settings.filter(({ key }) => key[first] === own).map(value));
  }

  /** In how many settings something holds. */
  count(holds: (setting: Setting<R, K>) => boolean): number {
    return this.settings.filter(holds).length;
  }

  /**
   * In how many settings something holds, as sentences have it; see {@linkcode tallyText}.
   *
   * @param what What a setting is called; default `setting of layer and p`.
   */
  tally(holds: (setting: Setting<R, K>) => boolean, what = "setting of layer and p"): string {
    return tallyText(this.count(holds), this.settings.length, what);
  }

  /** Those of the rows that have these values, by setting. */
  where(values: Partial<R>): Sweep<R, K> {
    return new Sweep(this.rows.filter((row) => matches(row, values)), this.#keys);
  }
}

/**
 * The middle one of some values; of an even number the later.
 *
 * @param values In order; one at least.
 *
 * @example
 * ```ts
 * if (middleOf([1, 2, 4, 8]) !== 4) throw new Error("the later of 2 and 4");
 * ```
 */
export function middleOf<T>(values: readonly T[]): T {
  return values[values.length >> 1];
}

function matches<R>(row: R, values: Partial<R>): boolean {
  return (Object.keys(values) as (keyof R)[]).every((key) => row[key] === values[key]);
}

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
