/** Command-line flags: declared once, read with their types, explained by `--help`. */
import { parseArgs } from "jsr:@std/cli@^1.0.20/parse-args";
import { editDistance } from "../../compute/near_names.ts";

/**
 * A mistake on the command line: one sentence, exit code 2.
 *
 * @example
 * ```ts
 * import { assertThrows } from "@std/assert";
 *
 * const flags: Flags = { seed: { type: "integer", min: 0, help: "seed of every random draw" } };
 * assertThrows(() => readFlags(["--seed", "-1"], flags), UsageError, "at least 0");
 * ```
 */
export class UsageError extends Error {
  /** Tells it from other errors. */
  override name = "UsageError";
}

/** Layers as asked for: a list, or all that the model has. */
export type Layers = readonly number[] | "all";

/** What flags hold, by the type they are declared with. */
export interface FlagTypes {
  /** Any text, or one of the flag's choices. */
  string: string;
  /** Any finite number; `2e6`, `500k`, `2M` are read. */
  number: number;
  /** A whole number, also `2e6`, `500k`, `2M`. */
  integer: number;
  /** Numbers with commas: `1,2,4`. */
  numbers: readonly number[];
  /** Whole numbers with commas, ranges too: `0,3-5`. */
  integers: readonly number[];
  /** Whole numbers, ranges, or `all`. */
  layers: Layers;
  /** True if the flag is given. */
  boolean: boolean;
}

/**
 * What the text of a flag may name: a corpus (a file, a folder of shards, a pattern), several with commas, a file or
 * folder, dictionaries with commas, published ones too, or a model.
 */
export type NamedKind = "corpus" | "corpora" | "file" | "file or none" | "dictionaries" | "model";

/** A flag. `maxTokens` is written `--max-tokens`. */
export type Flag = {
  [T in keyof FlagTypes]: {
    readonly type: T;
    /** Its value when it is not given; none means that it may be absent. */
    readonly default?: FlagTypes[T];
    /** One line for `--help`, units included. */
    readonly help: string;
    /** The only values it may have. */
    readonly choices?: readonly string[];
    /** The smallest value that makes sense, for numbers and lists of them. */
    readonly min?: number;
    /** The largest one. */
    readonly max?: number;
    /** Of a list how many values it has at least, each counted once. */
    readonly minLength?: number;
    /** Of a list how many it has at most: `all` is refused where that is one. */
    readonly maxLength?: number;
    /** Whether a list of numbers is ascending however it is given; each of its values stands there once in any case. */
    readonly sorted?: boolean;
    /** What a text names, which is to be there before anything is loaded, and unchanged when a run goes on; default nothing. */
    readonly names?: NamedKind;
    /** Throws if a text is none that the flag takes. */
    readonly check?: (text: string) => unknown;
  };
}[keyof FlagTypes];

/** Flags by name, in camel case. */
export type Flags = Readonly<Record<string, Flag>>;

/** What a flag holds: one of its choices, where it has any. */
export type ValueOf<F extends Flag> = F extends { readonly choices: readonly (infer C extends string)[] } ? C
  : FlagTypes[F["type"]];

/** The values of flags: a flag with a default always has one. */
export type FlagValues<F extends Flags> = {
  readonly [K in keyof F]: F[K] extends { default: FlagTypes[F[K]["type"]] } ? ValueOf<F[K]>
    : F[K]["type"] extends "boolean" ? boolean
    : ValueOf<F[K]> | undefined;
};

/** A flag's name as it is written: `maxTokens` is `--max-tokens`. */
export function flagName(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/**
 * Reads the command line.
 *
 * @param args Its words, without the script.
 * @param flags What may be given.
 * @returns The value of every flag: as given, or its default.
 * @throws {UsageError} For an unknown flag (names the nearest one), a value that is missing or wrong, or a stray word.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const values = readFlags(["--max-tokens", "2M", "--layers", "0,3-5"], {
 *   maxTokens: { type: "integer", default: 1000, help: "budget of tokens" },
 *   layers: { type: "layers", default: "all", help: "layers to read" },
 *   chat: { type: "boolean", help: "whether texts are turns of a chat" },
 * });
 * assertEquals(values, { maxTokens: 2_000_000, layers: [0, 3, 4, 5], chat: false });
 * ```
 */
export function readFlags<F extends Flags>(args: readonly string[], flags: F): FlagValues<F> {
  const keys = new Map(Object.keys(flags).map((key) => [flagName(key).slice(2), key]));
  const names = [...keys.keys()];
  const isBoolean = (name: string) => flags[keys.get(name)!].type === "boolean";
  let unknown: string | undefined;
  const given = parseArgs(joinNegatives(args), {
    boolean: names.filter(isBoolean),
    string: names.filter((name) => !isBoolean(name)),
    unknown: (arg: string) => {
      unknown ??= arg;
      return false;
    },
  });
  if (unknown !== undefined) throw unknownFlag(unknown, names);
  const entries = names.map((name) => {
    const flag = flags[keys.get(name)!];
    const value = given[name];
    if (flag.type === "boolean") return [keys.get(name), readSwitch(`--${name}`, value) ?? flag.default ?? false];
    return [keys.get(name), value === undefined ? flag.default : readValue(`--${name}`, flag, value)];
  });
  return Object.fromEntries(entries);
}

/** Whether a switch is on; undefined where it is not given. */
function readSwitch(name: string, value: unknown): boolean | undefined {
  // Of one that is not given the parser tells the same as of `--no-`, which no flag has.
  if (typeof value !== "string") return value === true ? true : undefined;
  if (value === "true" || value === "false") return value === "true";
  throw new UsageError(`Expected nothing after ${name}, or =true or =false, but got "${value}". See --help.`);
}

/** `--alpha -50` as `--alpha=-50`: the parser would take the minus for another flag's. */
function joinNegatives(args: readonly string[]): string[] {
  const joined: string[] = [];
  for (const arg of args) {
    const before = joined.at(-1);
    if (/^-\.?\d/.test(arg) && before?.startsWith("--") && !before.includes("=")) joined.push(`${joined.pop()}=${arg}`);
    else joined.push(arg);
  }
  return joined;
}

function unknownFlag(arg: string, names: readonly string[]): UsageError {
  if (!arg.startsWith("-")) return new UsageError(`Expected only flags but got "${arg}". See --help.`);
  const name = arg.replace(/^--?/, "").replace(/=.*/s, "");
  const [nearest] = names.map((other) => ({ other, distance: editDistance(name, other) }))
    .sort((a, b) => a.distance - b.distance);
  const hint = nearest.distance <= Math.max(2, name.length / 3) ? ` Did you mean --${nearest.other}?` : "";
  return new UsageError(`There is no flag ${arg.replace(/=.*/s, "")}.${hint} See --help.`);
}

function readValue(name: string, flag: Flag, text: string): unknown {
  if (text === "") throw new UsageError(`Expected a value after ${name}. See --help.`);
  if (flag.choices && !flag.choices.includes(text)) {
    throw new UsageError(`Expected ${name} to be one of ${flag.choices.join(", ")} but got "${text}".`);
  }
  switch (flag.type) {
    case "number":
    case "integer":
      return readNumber(name, flag, text);
    case "numbers":
      return listed(name, flag, text.split(",").map((part) => readNumber(name, flag, part)));
    case "integers":
      return listed(name, flag, readIntegers(name, flag, text));
    case "layers":
      if (text !== "all") return listed(name, flag, readIntegers(name, flag, text));
      if (flag.maxLength === undefined) return text;
      throw new UsageError(`Expected ${name} to be ${lengthText(flag)} but got all.`);
    case "string":
      assertForm(name, flag, text);
      return text;
    case "boolean":
      return text;
    default:
      return flag satisfies never;
  }
}

function assertForm(name: string, { check }: Flag, text: string): void {
  try {
    check?.(text);
  } catch (cause) {
    throw cause instanceof UsageError ? cause : new UsageError(`${name}: ${(cause as Error).message}.`, { cause });
  }
}

/** A list says the same twice only by mistake: what is asked for is done once. */
function listed(name: string, flag: Flag, numbers: number[]): number[] {
  const each = [...new Set(numbers)];
  if (each.length < (flag.minLength ?? 0) || each.length > (flag.maxLength ?? Infinity)) {
    throw new UsageError(`Expected ${name} to be ${lengthText(flag)} but got ${each.length}: ${each.join(", ")}.`);
  }
  return flag.sorted ? each.sort((a, b) => a - b) : each;
}

/** How many values a list may have, in words: `exactly one value`, `2 values or more`. */
export function lengthText({ minLength = 1, maxLength }: Pick<Flag, "minLength" | "maxLength">): string {
  if (maxLength === undefined) return `${minLength} values or more`;
  if (minLength === maxLength) return minLength === 1 ? "exactly one value" : `exactly ${minLength} values`;
  return `${minLength} to ${maxLength} values`;
}

const SUFFIX: Readonly<Record<string, number>> = { "": 1, k: 1e3, M: 1e6, G: 1e9 };

/**
 * Reads a number, also `2e6`, `500k`, `2M`.
 *
 * @param name How it is called if it is wrong: `--max-tokens`.
 * @param flag What is allowed: whole numbers or any, from where to where.
 * @throws {UsageError} If it is none, not whole where the flag wants that, too small or too large.
 *
 * @example
 * ```ts
 * const tokens = readNumber("--max-tokens", { type: "integer", min: 1 }, "500k");
 * if (tokens !== 500_000) throw new Error(`${tokens}`);
 * ```
 */
export function readNumber(name: string, flag: Pick<Flag, "type" | "min" | "max">, text: string): number {
  const match = /^([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)([kMG]?)$/i.exec(text.trim().replaceAll("_", ""));
  const suffix = match?.[2] === "K" ? "k" : match?.[2] === "m" ? "M" : match?.[2] === "g" ? "G" : match?.[2];
  const value = match ? Number(match[1]) * SUFFIX[suffix!] : NaN;
  const isWhole = flag.type !== "number" && flag.type !== "numbers";
  const kind = isWhole ? "a whole number" : "a number";
  if (!Number.isFinite(value) || (isWhole && !Number.isSafeInteger(value))) {
    throw new UsageError(`Expected ${kind} for ${name} but got "${text}".`);
  }
  if (flag.min !== undefined && value < flag.min) {
    throw new UsageError(`Expected ${name} to be at least ${flag.min} but got ${text}.`);
  }
  if (flag.max !== undefined && value > flag.max) {
    throw new UsageError(`Expected ${name} to be at most ${flag.max} but got ${text}.`);
  }
  return value;
}

/** The longest range that is read, so that a slip of the keyboard does not fill the memory. */
const LONGEST_RANGE = 10_000;

function readIntegers(name: string, flag: Flag, text: string): number[] {
  return text.split(",").flatMap((part) => {
    const range = /^(\d+)-(\d+)$/.exec(part.trim());
    if (!range) return [readNumber(name, flag, part)];
    const [first, last] = [readNumber(name, flag, range[1]), readNumber(name, flag, range[2])];
    if (last < first || last - first > LONGEST_RANGE) {
      throw new UsageError(`Expected an ascending range for ${name} but got "${part}".`);
    }
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

/**
 * The layers asked for, each once and ascending, against those that the model has.
 *
 * @param count Number of layers of the model.
 * @throws {UsageError} If one of them is not among them.
 */
export function resolveLayers(layers: Layers, count: number): number[] {
  if (layers === "all") return Array.from({ length: count }, (_, i) => i);
  const wrong = layers.find((layer) => layer >= count);
  if (wrong !== undefined) {
    throw new UsageError(`Expected layers from 0 to ${count - 1}, which the model has, but got ${wrong}.`);
  }
  return [...new Set(layers)].sort((a, b) => a - b);
}
