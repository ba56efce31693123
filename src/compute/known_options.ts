/** Options of public functions, told from misspelt ones and from values of another kind: JavaScript passes all. */
import { editDistance, nearestNames } from "./near_names.ts";
import { type AnyKind, assertKind, inWords, type KindOf } from "./kinds.ts";

/** The kind of each option of a type: the types tell of one that is missing here, or is of another kind. */
export type OptionKinds<T> = { readonly [Name in keyof T]-?: KindOf<Exclude<T[Name], undefined>> };

type Kinds = Readonly<Record<string, AnyKind>>;

/**
 * Throws unless all options that are given a value are known ones, and their values of the kind that they take.
 *
 * @param whose What takes them, for the message: `calibrate`.
 * @param options What a caller gave.
 * @param kinds All options that there are.
 * @throws {TypeError} that names the first that is not known, and what may have been meant; or the first whose value is of
 * another kind, and what it takes.
 *
 * @example
 * ```ts
 * import { assertThrows } from "@std/assert";
 *
 * type Options = { percentiles?: number[] };
 * const kinds: OptionKinds<Options> = { percentiles: "numbers" };
 * // As JavaScript passes it.
 * const given = (options: object) => () => assertOptions("calibrate", options as Options, kinds);
 * assertThrows(given({ percentile: 4 }), TypeError, 'did you mean "percentiles"?');
 * assertThrows(given({ percentiles: 4 }), TypeError, "percentiles of calibrate to be a list of numbers but found 4");
 * ```
 */
export function assertOptions<T extends object>(
  whose: string,
  options: T,
  kinds: OptionKinds<NoInfer<T>> & Kinds,
): void {
  if (!isBag(options)) {
    throw new TypeError(
      `Expected the options of ${whose} as an object, { name: value }, but found ${inWords(options)}`,
    );
  }
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const unknown = given.find(([name]) => !Object.hasOwn(kinds, name));
  if (unknown) throw new TypeError(`Expected options of ${whose} but found ${meant(unknown[0], Object.keys(kinds))}`);
  for (const [name, value] of given) assertKind(`${name} of ${whose}`, value, kinds[name]);
}

/** Whether this holds options by their names: a Map or a Promise has none, and would pass for nothing given. */
function isBag(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return [Object.prototype, null].includes(Object.getPrototypeOf(value)) || Object.keys(value).length > 0;
}

/** A name that there is not, with the one that may have been meant, and all that there are. */
function meant(name: string, known: readonly string[]): string {
  const [nearest] = nearestNames(name, known, 1);
  // Half of the letters are others: it is no slip of the hand.
  const isNear = editDistance(name.toLowerCase(), nearest.toLowerCase()) <= name.length / 2;
  const suggestion = isNear ? `did you mean "${nearest}"? ` : "";
  return `${JSON.stringify(name)}: ${suggestion}There are ${known.join(", ")}`;
}

/**
 * Throws unless a value is one of a few.
 *
 * @throws {RangeError} that lists them.
 */
export function assertOneOf<T extends string>(what: string, value: T, values: readonly T[]): void {
  if (values.includes(value)) return;
  throw new RangeError(
    `Expected ${what} to be ${values.map((one) => `"${one}"`).join(" or ")} but found ${inWords(value)}`,
  );
}

/**
 * Throws unless a value is a whole number of a range.
 *
 * @throws {RangeError} that says which.
 */
export function assertWhole(what: string, value: number, from: number, to = Number.MAX_SAFE_INTEGER): void {
  if (Number.isInteger(value) && value >= from && value <= to) return;
  const range = to === Number.MAX_SAFE_INTEGER ? `from ${from}` : `from ${from} to ${to}`;
  throw new RangeError(`Expected ${what} to be a whole number ${range} but found ${inWords(value)}`);
}
