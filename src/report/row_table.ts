/** Tables of a report from result rows, under the headings that their columns declare. */
import type { ReportTable } from "./html.ts";
import type { Cell } from "./html_table.ts";
import { columnName, type Fields, type RowOf } from "./row.ts";

/** A property's heading in reports. */
function headingOf(fields: Fields, key: string): string {
  return fields[key].heading ?? columnName(key).replaceAll("_", " ");
}

/**
 * Some columns of rows as a table of a report; {@linkcode Cell}s are rounded where they are shown.
 *
 * @param fields As {@linkcode row} declares them.
 * @param rows A value for each field in each.
 * @param keys Which, in which order; default all.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { row, whole } from "./row.ts";
 *
 * const REGION = row({ region: whole("number of the region"), count: whole("members", { heading: "members" }) });
 * const { columns, rows } = rowTable(REGION, [{ region: 0, count: 3 }], ["count", "region"]);
 * assertEquals(columns, ["members", "region"]);
 * assertEquals(rows, [[3, 0]]);
 * ```
 */
export function rowTable<F extends Fields>(
  fields: F,
  rows: readonly RowOf<F>[],
  keys: readonly (keyof F & string)[] = Object.keys(fields),
): ReportTable {
  return {
    columns: keys.map((key) => headingOf(fields, key)),
    rows: rows.map((row) => keys.map((key): Cell => row[key] as Cell)),
  };
}

/**
 * Values under the headings of their columns: a part of a record of {@linkcode recordTable}, whose rows are made of
 * several result rows, such as their means.
 *
 * @param fields As {@linkcode row} declares them.
 * @param values Some of the columns, in the order in which they are shown.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { LAYER, number, row } from "./row.ts";
 *
 * const DISTANCE = row({ layer: LAYER, withinThreshold: number("share within θ, 0..1", { heading: "within θ" }) });
 * assertEquals(headed(DISTANCE, { withinThreshold: 0.5 }), { "within θ": 0.5 });
 * ```
 */
export function headed<F extends Fields>(
  fields: F,
  values: { readonly [K in keyof F]?: Cell | undefined },
): Record<string, Cell> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [headingOf(fields, key), value ?? null]));
}

/**
 * Records as a table of a report; the keys of the first are the headings.
 *
 * @param records All with the keys of the first, in its order.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const { columns, rows } = recordTable([{ region: 0, members: 3 }, { region: 1, members: 2 }]);
 * assertEquals(columns, ["region", "members"]);
 * assertEquals(rows, [[0, 3], [1, 2]]);
 * ```
 */
export function recordTable(records: readonly Readonly<Record<string, Cell>>[]): ReportTable {
  return { columns: Object.keys(records[0] ?? {}), rows: records.map((record) => Object.values(record)) };
}
