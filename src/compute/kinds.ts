/** Kinds of values, a word each: JavaScript passes any value for any other. */
import type { Backend } from "./backend.ts";

interface Kind {
  /** What a message calls it. */
  readonly title: string;
  accepts(value: unknown): boolean;
}

/** The kinds that have a word. Which numbers make sense is for those to say who take one, of NaN too. */
const KINDS = {
  null: { title: "null", accepts: (value) => value === null },
  boolean: { title: "true or false", accepts: (value) => typeof value === "boolean" },
  number: { title: "a number", accepts: isNumber },
  string: { title: "a text", accepts: isString },
  function: { title: "a function", accepts: (value) => typeof value === "function" },
  // Typed arrays are no lists: what `map` makes of one is of its type again, whatever it was to be.
  numbers: { title: "a list of numbers", accepts: (value) => Array.isArray(value) && value.every(isNumber) },
  strings: { title: "a list of texts", accepts: (value) => Array.isArray(value) && value.every(isString) },
  list: { title: "a list", accepts: (value) => Array.isArray(value) },
  array: { title: "an array of numbers", accepts: isArray },
  backend: { title: "a backend as openBackend gives it", accepts: isBackend },
  object: { title: "an object", accepts: (value) => isObject(value) && !Array.isArray(value) },
} satisfies Record<string, Kind>;

type Word = keyof typeof KINDS;

/** The word for values of a type; the words, of a union. */
type WordOf<V> = V extends null ? "null"
  : V extends boolean ? "boolean"
  : V extends number ? "number"
  : V extends string ? "string"
  : V extends (...args: never[]) => unknown ? "function"
  : V extends readonly number[] ? "numbers"
  : V extends readonly string[] ? "strings"
  : V extends readonly unknown[] ? "list"
  : V extends ArrayLike<number> ? "array"
  : V extends Backend ? "backend"
  : "object";

/** All words of a union, in any order. */
type AnyOrder<Words, One = Words> = [Words] extends [never] ? readonly []
  : One extends Words ? readonly [One, ...AnyOrder<Exclude<Words, One>>]
  : never;

/** A class, of which the constructor may be private. */
interface Class<V> {
  readonly name: string;
  readonly prototype: V;
}

/**
 * What says that a value is to be of a type: a word, all words of a union, or an object's class.
 *
 * @example
 * ```ts
 * const layer: KindOf<number> = "number";
 * const ticks: KindOf<number | readonly string[]> = ["number", "strings"];
 * const signal: KindOf<AbortSignal> = AbortSignal;
 * ```
 */
export type KindOf<V> = AnyOrder<WordOf<V>> extends infer Words
  ? Words extends readonly [infer Only] ? Only | (V extends object ? Class<V> : never) : Words
  : never;

/** A kind of any type. */
export type AnyKind = Word | readonly Word[] | Class<object>;

/**
 * Throws unless a value is of a kind.
 *
 * @param what What the value is, for the message: `layers of extract`.
 * @throws {TypeError} that says what was expected, and what came.
 *
 * @example
 * ```ts
 * import { assertThrows } from "@std/assert";
 *
 * const what = "layers of extract";
 * assertThrows(() => assertKind(what, 3, "numbers"), TypeError, "layers of extract to be a list of numbers but found 3");
 * ```
 */
export function assertKind(what: string, value: unknown, kind: AnyKind): void {
  const kinds = kindsOf(kind);
  if (kinds.some(({ accepts }) => accepts(value))) return;
  const titles = kinds.map(({ title }) => title).join(" or ");
  throw new TypeError(`Expected ${what} to be ${titles} but found ${inWords(value)}`);
}

function kindsOf(kind: AnyKind): readonly Kind[] {
  if (typeof kind === "string") return [KINDS[kind]];
  if (Array.isArray(kind)) return kind.flatMap(kindsOf);
  const { name, prototype } = kind as Class<object>;
  const accepts = (value: unknown) => isObject(value) && Object.prototype.isPrototypeOf.call(prototype, value);
  return [{ title: withArticle(name), accepts }];
}

/** A value as a message shows it: short, whatever it holds. */
export function inWords(value: unknown): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}...` : value);
    case "bigint":
      return `${value}n`;
    case "function":
      return "a function";
    case "object": {
      if (value === null) return "null";
      if (Array.isArray(value)) {
        const first = value.slice(0, 4).map((one) => Array.isArray(one) ? "[...]" : inWords(one));
        return `[${[...first, ...value.length > 4 ? ["..."] : []].join(", ")}]`;
      }
      const name = Object.getPrototypeOf(value)?.constructor?.name;
      return withArticle(typeof name === "string" && name !== "" && name !== "Object" ? name : "object");
    }
    default:
      return String(value);
  }
}

function withArticle(name: string): string {
  return `${/^[aeiou]/i.test(name) ? "an" : "a"} ${name}`;
}

function isNumber(value: unknown): boolean {
  return typeof value === "number";
}

function isString(value: unknown): boolean {
  return typeof value === "string";
}

function isArray(value: unknown): boolean {
  // Their numbers may be checked for more, one by one, by whoever reads them.
  return ArrayBuffer.isView(value) && !(value instanceof DataView) || Array.isArray(value) && value.every(isNumber);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function isBackend(value: unknown): boolean {
  const { upload, directions, nearest } = Object(value) as Partial<Backend>;
  return isObject(value) && [upload, directions, nearest].every((method) => typeof method === "function");
}
