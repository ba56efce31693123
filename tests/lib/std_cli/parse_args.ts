/**
 * The part of `@std/cli/parse-args` that we use, over `node:util`, so that a machine that cannot reach the
 * jsr registry runs the same code. `links` in deno.json puts it in the registry package's place.
 */
import { parseArgs as nodeParseArgs } from "node:util";

/** Options, as in `@std/cli`. */
export interface ParseOptions {
  /** Flags that are true or false; absent ones are false. */
  boolean?: readonly string[];
  /** Flags that take a value. */
  string?: readonly string[];
  /** Values of flags that are not given. */
  default?: Readonly<Record<string, unknown>>;
  /** Other names of a flag. */
  alias?: Readonly<Record<string, string>>;
  /** Called for every argument that is not declared; returning `false` leaves it out of the result. */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

/** Flags by name; arguments that are not flags under `_`. */
// deno-lint-ignore no-explicit-any
export type Args = Record<string, any> & { _: string[] };

/**
 * Reads command-line arguments.
 *
 * @param args The arguments, usually `Deno.args`.
 * @param options Which flags there are.
 * @returns The flags' values.
 */
export function parseArgs(args: string[], options: ParseOptions = {}): Args {
  const { boolean = [], string = [], alias = {}, unknown } = options;
  const declared: Record<string, { type: "boolean" | "string"; short?: string }> = {};
  for (const name of boolean) declared[name] = { type: "boolean" };
  for (const name of string) declared[name] = { type: "string" };
  for (const [name, other] of Object.entries(alias)) {
    if (declared[name] && other.length === 1) declared[name].short = other;
  }
  const { tokens } = nodeParseArgs({ args, options: declared, strict: false, allowPositionals: true, tokens: true });
  const result: Args = { ...Object.fromEntries(boolean.map((name) => [name, false])), ...options.default, _: [] };
  for (const token of tokens) {
    if (token.kind === "positional") {
      if (unknown?.(token.value) !== false) result._.push(token.value);
    } else if (token.kind === "option") {
      const value = token.value ?? (declared[token.name]?.type === "string" ? "" : true);
      const known = Object.hasOwn(declared, token.name);
      if (!known && unknown?.(token.rawName, token.name, value) === false) continue;
      result[token.name] = value;
    }
  }
  return result;
}
