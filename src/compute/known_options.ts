/** Options of public functions, told from misspelt ones: in JavaScript nothing else tells these from a default. */
import { editDistance, nearestNames } from "../hub/nearest.ts";

/** The names of all options of a type: the types tell of one that is missing here. */
export type OptionNames<T> = Readonly<Record<keyof T, true>>;

/**
 * Throws unless all options that are given a value are known ones.
 *
 * @param whose What takes them, for the message: `calibrate`.
 * @param options What a caller gave.
 * @param names All that there are.
 * @throws {TypeError} that names the first that is not known, and what may have been meant.
 *
 * @example
 * ```ts
 * import { assertThrows } from "@std/assert";
 *
 * type Options = { percentiles?: number[] };
 * const names: OptionNames<Options> = { percentiles: true };
 * // As JavaScript passes it.
 * const given: object = { percentile: 4 };
 * assertThrows(() => assertOptions("calibrate", given as Options, names), TypeError, 'did you mean "percentiles"?');
 * ```
 */
export function assertOptions<T extends object>(whose: string, options: T, names: OptionNames<T>): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    const found = Array.isArray(options) ? "an array" : JSON.stringify(options) ?? typeof options;
    throw new TypeError(`Expected the options of ${whose} as an object, { name: value }, but found ${found}`);
  }
  const unknown = Object.entries(options).find(([name, value]) => value !== undefined && !Object.hasOwn(names, name));
  if (!unknown) return;
  const [name] = unknown;
  const known = Object.keys(names);
  const [nearest] = nearestNames(name, known, 1);
  // Half of the letters are others: it is no slip of the hand.
  const isNear = editDistance(name.toLowerCase(), nearest.toLowerCase()) <= name.length / 2;
  throw new TypeError(
    `Expected options of ${whose} but found ${JSON.stringify(name)}: ` +
      (isNear ? `did you mean "${nearest}"? ` : "") + `There are ${known.join(", ")}`,
  );
}

/**
 * Throws unless a value is one of a few.
 *
 * @throws {RangeError} that lists them.
 */
export function assertOneOf<T extends string>(what: string, value: T, values: readonly T[]): void {
  if (values.includes(value)) return;
  throw new RangeError(
    `Expected ${what} to be ${values.map((one) => `"${one}"`).join(" or ")} but found ${JSON.stringify(value)}`,
  );
}
