/** A plain value, as JSON holds it; whole numbers that no number holds exactly are bigints, which JSON spells as numbers. */
export type Json = number | bigint | string | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** What is in a file. */
export interface Description {
  /** The file or folder. */
  readonly path: string;
  /** What it is, in words. */
  readonly kind: string;
  /** Its size. */
  readonly bytes: number;
  /** What it says of itself. */
  readonly facts: Readonly<Record<string, Json>>;
  /** Tables by title, a record a row. */
  readonly tables: Readonly<Record<string, readonly Readonly<Record<string, Json>>[]>>;
}

/** Everything but what every file has. */
export type Contents = Omit<Description, "path" | "bytes">;

/** A record's values that are told. */
export function told(facts: Readonly<Record<string, Json | undefined>>): Record<string, Json> {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)) as Record<string, Json>;
}

/** An object of JSON. */
export function isRecord(value: unknown): value is Record<string, Json> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
