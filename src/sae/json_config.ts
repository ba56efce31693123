/** The JSON files that say what an autoencoder is, and the fields that several formats have. */
import { readText as readFileText, unreadReason } from "../files/open.ts";
import { SaeError } from "./weights.ts";

/** Fields of a configuration. */
export type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads a configuration.
 *
 * @throws {Error} A sentence if it cannot be read.
 * @throws {SaeError} if it is no JSON object.
 */
export async function readConfig(path: string): Promise<Fields> {
  return parsedConfig(await readText(path), path);
}

/**
 * The text of a file.
 *
 * @throws {Error} A sentence if it cannot be read.
 */
export async function readText(path: string): Promise<string> {
  try {
    return await readFileText(path);
  } catch (cause) {
    throw new Error(`Cannot read ${path}: ${unreadReason(path, cause)}.`, { cause });
  }
}

/** As {@link readConfig}, of the content. */
export function parsedConfig(text: string, path: string): Fields {
  let value: unknown;
  try {
    // A mark of UTF-8 at the beginning is none of JSON.
    value = JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (cause) {
    throw new SaeError(`Cannot read ${path}: it is not JSON (${(cause as Error).message}). Get it anew.`, { cause });
  }
  const fields = fieldsOf(value);
  if (fields) return fields;
  throw new SaeError(`Cannot read ${path}: expected a JSON object but it is something else. Get it anew.`);
}

/** A value's fields, if it is an object. */
export function fieldsOf(value: unknown): Fields | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value as Fields : undefined;
}

/** A text, if a value is one. */
export function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** A number, if a value is one. */
export function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

/** A field that is true or false; null and absence stand for `otherwise`. */
export function flag(fields: Fields, name: string, otherwise: boolean, path: string): boolean {
  const value = fields[name] ?? otherwise;
  if (typeof value === "boolean") return value;
  throw new SaeError(`Expected ${name} of ${path} to be true or false but found ${JSON.stringify(value)}.`);
}

/** A field that is a length; undefined if it is not there. */
export function length(fields: Fields, name: string, path: string): number | undefined {
  const value = fields[name] ?? undefined;
  if (value === undefined) return undefined;
  if (Number.isInteger(value) && (value as number) >= 1) return value as number;
  throw new SaeError(`Expected ${name} of ${path} to be a length but found ${JSON.stringify(value)}.`);
}

/** The k of top-k. */
export function activeFeatures(k: unknown, path: string): number {
  if (Number.isInteger(k) && (k as number) >= 1) return k as number;
  throw new SaeError(
    `Expected k of ${path}, the active features of a row, to be at least 1 but found ${JSON.stringify(k)}.`,
  );
}

/** What is not built here. */
export function refused(path: string, what: string, advice: string): SaeError {
  return new SaeError(`Cannot run the autoencoder of ${path}: ${what}. ${advice}`);
}
