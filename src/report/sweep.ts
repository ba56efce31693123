/**
 * Rows of an experiment that runs through settings, by setting: their means over seeds, the setting in the middle, and
 * in how many of them something holds.
 */
import { tallyText } from "./figure_text.ts";
import { distinct, isThere, meanOf, rangeOf, spreadOf } from "./figures.ts";

/** A number of a row: the name of its property, or a function; missing values are `null`. */
export type Figure<R> = NumericKey<R> | ((row: R) => number | null);

/** Properties of a row that hold numbers. */
export type NumericKey<R> = { [K in keyof R]-?: NonNullable<R[K]> extends number ? K : never }[keyof R];

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
 * import { exceeds } from "./mod.ts";
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
